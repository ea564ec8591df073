// Pillow's Image.resize (libImaging/Resample.c): of bytes in fixed point, of float32 with sums in float64.
import { grid, single } from "./grid.js";

const PRECISION = 2 ** 22;
const FILTERS = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => (Math.abs(x) < 1 ? 1 - Math.abs(x) : 0) },
  bicubic: { support: 2, weight: cubic },
};

function cubic(value) {
  const [x, a] = [Math.abs(value), -0.5];
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** For each pixel that is made: the first one that it is made of, and their weights. */
function weigh(length, from, to, size, { support, weight }) {
  const scale = single(to - from) / size;
  const stretch = Math.max(scale, 1);
  const reach = support * stretch;
  return Array.from({ length: size }, (_, at) => {
    const center = from + (at + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - reach + 0.5));
    const last = Math.min(length, Math.trunc(center + reach + 0.5));
    const weights = [];
    let total = 0;
    for (let place = first; place < last; place++) {
      weights.push(weight((place - center + 0.5) * (1 / stretch)));
      total += weights.at(-1);
    }
    return { first, weights: total ? weights.map((one) => one / total) : weights };
  });
}

const fixed = (weight) => Math.trunc((weight < 0 ? -0.5 : 0.5) + weight * PRECISION);
const clip = (total) => Math.min(255, Math.max(0, Math.floor(total / PRECISION)));

/**
 * Resize part of an image.
 *
 * @param source a grid of Uint8Array or Float32Array
 * @param size [width, height]
 * @param filter a name in FILTERS
 * @param box [left, top, right, bottom] of the part, fractions of pixels too
 */
export function resize(source, [width, height], filter, box = [0, 0, source.width, source.height]) {
  const [left, top, right, bottom] = box.map(single);
  let current = source;
  if (width !== source.width || left !== 0 || right !== source.width) {
    const parts = weigh(source.width, left, right, width, FILTERS[filter]);
    const made = grid(source.data.constructor, source.height, width);
    apply(parts, source.data, made.data, { lines: source.height, from: [source.width, 1], to: [width, 1] });
    current = made;
  }
  if (height !== source.height || top !== 0 || bottom !== source.height) {
    const parts = weigh(source.height, top, bottom, height, FILTERS[filter]);
    const made = grid(source.data.constructor, height, width);
    apply(parts, current.data, made.data, { lines: width, from: [1, width], to: [1, width] });
    current = made;
  }
  return current;
}

/** Along each line; `from` and `to` are the steps between lines, and between places of a line. */
function apply(parts, read, write, { lines, from, to }) {
  const bytes = read instanceof Uint8Array;
  parts.forEach(({ first, weights }, at) => {
    const factors = Float64Array.from(weights, (weight) => (bytes ? fixed(weight) : weight));
    for (let line = 0; line < lines; line++) {
      let total = bytes ? PRECISION / 2 : 0;
      let place = line * from[0] + first * from[1];
      for (let next = 0; next < factors.length; next++, place += from[1]) total += read[place] * factors[next];
      write[line * to[0] + at * to[1]] = bytes ? clip(total) : total;
    }
  });
}
