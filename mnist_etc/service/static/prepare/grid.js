// What NumPy and SciPy do to small images, to the bit: a grid is {data, height, width}, its rows one after the other.
// Thresholds and sums are rounded to float32 where the Python code beside has float32.

export const single = Math.fround;

/** Round half to even, as Python's round and numpy.rint. */
export function round(value) {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down;
}

export function grid(Kind, height, width) {
  return { data: new Kind(height * width), height, width };
}

/** A grid of the same shape, each value made of the ones at its place in up to three grids. */
export function map(Kind, make, first, second = first, third = first) {
  const made = grid(Kind, first.height, first.width);
  const [to, one, two, three] = [made.data, first.data, second.data, third.data];
  for (let at = 0; at < to.length; at++) to[at] = make(one[at], two[at], three[at]);
  return made;
}

export const any = (mask) => mask.data.some((value) => value);
export const sum = (values) => values.data.reduce((total, value) => total + value, 0);

export function crop({ data, height, width }, top, bottom, left, right) {
  const made = grid(data.constructor, bottom - top, right - left);
  for (let row = top; row < bottom; row++) {
    made.data.set(data.subarray(row * width + left, row * width + right), (row - top) * made.width);
  }
  return made;
}

/** Padded with 0, or with the values at the edge. */
export function pad(source, margin, { edge = false } = {}) {
  const { data, height, width } = source;
  const made = grid(data.constructor, height + 2 * margin, width + 2 * margin);
  for (let row = 0; row < made.height; row++) {
    for (let column = 0; column < made.width; column++) {
      const y = Math.min(Math.max(row - margin, 0), height - 1);
      const x = Math.min(Math.max(column - margin, 0), width - 1);
      if (edge || (y === row - margin && x === column - margin)) {
        made.data[row * made.width + column] = data[y * width + x];
      }
    }
  }
  return made;
}

export function transpose({ data, height, width }) {
  const made = grid(data.constructor, width, height);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) made.data[column * height + row] = data[row * width + column];
  }
  return made;
}

/** Each row replaced by what change(from, to, length) writes. */
function rows(source, change) {
  const made = grid(source.data.constructor, source.height, source.width);
  for (let row = 0; row < source.height; row++) {
    const [first, last] = [row * source.width, (row + 1) * source.width];
    change(source.data.subarray(first, last), made.data.subarray(first, last), source.width);
  }
  return made;
}

const both = (source, change) => transpose(rows(transpose(rows(source, change)), change));

/**
 * The greatest (or least) value of a window along a row; outside counts as `outside`, or not at all.
 *
 * Of a broad window a queue holds the places that may still be the best, so a row costs as much at any size.
 */
function extreme(size, greatest, outside) {
  const before = Math.floor(size / 2);
  const after = size - before - 1;
  const sign = greatest ? 1 : -1;
  const slide = size > 9 ? queued : compared;
  return (from, to, length) => {
    slide(from, to, length, before, after, sign);
    if (outside === undefined) return;
    for (let at = 0; at < length; at++) {
      if ((at < before || at + after >= length) && sign * outside > sign * to[at]) to[at] = outside;
    }
  };
}

function compared(from, to, length, before, after, sign) {
  for (let at = 0; at < length; at++) {
    const last = Math.min(length - 1, at + after);
    let best = from[Math.max(0, at - before)];
    for (let place = Math.max(0, at - before) + 1; place <= last; place++) {
      if (sign * from[place] > sign * best) best = from[place];
    }
    to[at] = best;
  }
}

const queue = new Int32Array(1 << 14);

function queued(from, to, length, before, after, sign) {
  let [head, tail, next] = [0, 0, 0];
  for (let at = 0; at < length; at++) {
    for (const last = Math.min(length - 1, at + after); next <= last; next++) {
      const value = sign * from[next];
      while (tail > head && sign * from[queue[tail - 1]] <= value) tail--;
      queue[tail++] = next;
    }
    while (queue[head] < at - before) head++;
    to[at] = from[queue[head]];
  }
}

export const maximum = (source, size) => both(source, extreme(size, true));
export const minimum = (source, size) => both(source, extreme(size, false));
export const closing = (source, size) => minimum(maximum(source, size), size);
export const opening = (source, size) => maximum(minimum(source, size), size);
export const maximumAlong = (source, size, outside) => rows(source, extreme(size, true, outside));
export const minimumAlong = (source, size, outside) => rows(source, extreme(size, false, outside));
export const maximumDown = (source, size) => transpose(maximumAlong(transpose(source), size));

/** The mask grown by its neighbors, without corners, so many times. */
export function grow(mask, times) {
  let grown = mask;
  for (let time = 0; time < times; time++) {
    const [across, down] = [maximumAlong(grown, 3), maximumDown(grown, 3)];
    grown = map(Uint8Array, (one, other) => one | other, across, down);
  }
  return grown;
}

/** Gaussian blur of float32; beyond the edge the image is mirrored. */
export function gaussian(source, sigma) {
  const radius = Math.floor(4 * sigma + 0.5);
  const weights = [];
  for (let at = -radius; at <= radius; at++) weights.push(Math.exp((-0.5 / (sigma * sigma)) * at * at));
  const total = weights.reduce((added, weight) => added + weight, 0);
  const kernel = weights.map((weight) => weight / total);
  const mirrored = (at, length) => {
    const place = ((at % (2 * length)) + 2 * length) % (2 * length);
    return place < length ? place : 2 * length - 1 - place;
  };
  const blur = (from, to, length) => {
    for (let at = 0; at < length; at++) {
      let value = from[at] * kernel[radius];
      for (let away = radius; away > 0; away--) {
        value += (from[mirrored(at - away, length)] + from[mirrored(at + away, length)]) * kernel[radius - away];
      }
      to[at] = value;
    }
  };
  const down = transpose(rows(transpose(source), blur));
  return rows(down, blur);
}

/** Connected parts numbered from 1 in the order of their first pixel; {labels, count}. */
export function label(mask, { corners = true } = {}) {
  const { data, height, width } = mask;
  const labels = grid(Int32Array, height, width);
  const waiting = new Int32Array(data.length);
  let count = 0;
  for (let start = 0; start < data.length; start++) {
    if (!data[start] || labels.data[start]) continue;
    let left = 0;
    waiting[left++] = start;
    labels.data[start] = ++count;
    while (left) {
      const at = waiting[--left];
      const [row, column] = [Math.floor(at / width), at % width];
      for (let y = Math.max(0, row - 1); y <= Math.min(height - 1, row + 1); y++) {
        for (let x = Math.max(0, column - 1); x <= Math.min(width - 1, column + 1); x++) {
          const next = y * width + x;
          if (data[next] && !labels.data[next] && (corners || y === row || x === column)) {
            labels.data[next] = count;
            waiting[left++] = next;
          }
        }
      }
    }
  }
  return { labels, count };
}

/** Of each pixel of the mask its distance from the nearest outside, which there must be; 0 outside. */
export function distance(mask) {
  const { data, height, width } = mask;
  const far = height + width;
  const down = new Int32Array(data.length);
  for (let column = 0; column < width; column++) {
    let since = far;
    for (let row = 0; row < height; row++) {
      since = data[row * width + column] ? since + 1 : 0;
      down[row * width + column] = since;
    }
    since = far;
    for (let row = height - 1; row >= 0; row--) {
      since = data[row * width + column] ? since + 1 : 0;
      if (since < down[row * width + column]) down[row * width + column] = since;
    }
  }
  const found = grid(Float64Array, height, width);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      let best = down[row * width + column] ** 2;
      for (let away = 1; away * away < best; away++) {
        for (const place of [column - away, column + away]) {
          if (place < 0 || place >= width) continue;
          const near = down[row * width + place];
          best = Math.min(best, near * near + away * away);
        }
      }
      found.data[row * width + column] = Math.sqrt(best);
    }
  }
  return found;
}

/** The middle of the strokes: distances that no neighbor exceeds. */
export function ridge(distances) {
  const near = maximum(distances, 3);
  return distances.data.filter((value, at) => value > 0 && value >= near.data[at]);
}

/** numpy.percentile of numbers in float32 or float64. */
export function percentile(values, percent) {
  const sorted = values.slice().sort();
  const place = (sorted.length - 1) * (percent / 100);
  const [lower, part] = [Math.floor(place), place - Math.floor(place)];
  const [low, high] = [sorted[lower], sorted[Math.min(lower + 1, sorted.length - 1)]];
  return part >= 0.5 ? high - (high - low) * (1 - part) : low + (high - low) * part;
}

/** The mean of so many greatest values, in float32. */
export function meanOfGreatest(values, count) {
  const sorted = values.slice().sort();
  const greatest = sorted.subarray(Math.max(0, sorted.length - count));
  return single(greatest.reduce((total, value) => total + value, 0) / greatest.length);
}
