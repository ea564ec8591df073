// mnist_etc/data/strokes.py: the ground under strokes, and the ink above it.
import * as g from "./grid.js";

const BROADEST = 0.28;
const [FAINT, STRONG] = [0.3, 0.5];
const BRIGHTEST = 0.004;
const LEAST_CONTRAST = 14;
const TIMES_NOISE = 6;
const SMALL = 60;
const TILTS = Array.from({ length: 13 }, (_, at) => Math.tan(((at - 6) * Math.PI) / 180));
const SPAN = 0.93;

/** {ground, ink, mask} of strokes darker (or lighter) than the paper; null on an empty sheet. */
export function findStrokes(sheet, dark, without) {
  const longer = Math.max(sheet.height, sheet.width);
  const broad = Math.max(3, Math.trunc(BROADEST * longer) | 1);
  const smooth = Math.min(sheet.height, sheet.width) > SMALL ? g.gaussian(sheet, 0.8) : sheet;
  const [extreme, close] = dark ? [g.maximum, g.closing] : [g.minimum, g.opening];
  const around = g.pad(extreme(smooth, (broad >> 1) | 1), broad, { edge: true });
  for (let row = 0; row < sheet.height; row++) {
    const line = smooth.data.subarray(row * sheet.width, (row + 1) * sheet.width);
    around.data.set(line, (row + broad) * around.width + broad);
  }
  const ground = g.crop(close(around, broad), broad, broad + sheet.height, broad, broad + sheet.width);
  let above = g.map(Float32Array, (paper, gray) => (dark ? paper - gray : gray - paper), ground, smooth);
  if (without) above = g.map(Float32Array, (value, known) => (known ? 0 : value), above, without);
  const offset = g.single(g.percentile(above.data, 25));
  const steps = above.data.slice(1).map((value, at) => Math.abs(value - above.data[at]));
  const noise = 0.5 + 1.05 * (steps.length ? g.percentile(steps, 50) : 0);
  above = g.map(Float32Array, (value) => value - offset, above);
  const count = Math.min(above.data.length, Math.max(12, Math.trunc(above.data.length * BRIGHTEST)));
  const contrast = g.meanOfGreatest(above.data, count);
  if (contrast < Math.max(LEAST_CONTRAST, TIMES_NOISE * noise)) return null;
  const [least, most] = [g.single(Math.max(FAINT * contrast, 3 * noise)), g.single(STRONG * contrast)];
  return {
    ground: g.map(Float32Array, (paper) => paper - (dark ? offset : -offset), ground),
    ink: g.map(Float32Array, (value) => Math.max(0, value / contrast), above),
    mask: keepConnected(
      g.map(Uint8Array, (value) => value > least, above),
      g.map(Uint8Array, (value) => value > most, above),
    ),
  };
}

/** The connected parts of `weak` that hold a pixel of `strong`. */
export function keepConnected(weak, strong) {
  const { labels, count } = g.label(weak);
  const kept = new Uint8Array(count + 1);
  labels.data.forEach((number, at) => {
    if (number && strong.data[at]) kept[number] = 1;
  });
  return g.map(Uint8Array, (number) => kept[number], labels);
}

/** Without thin lines across the whole sheet; strokes that they cross are mended. */
export function removeRuling(mask) {
  if (Math.min(mask.height, mask.width) < SMALL) return mask;
  const lines = g.map(Uint8Array, (a, b) => a | b, findLines(mask), g.transpose(findLines(g.transpose(mask))));
  if (!g.any(lines)) return mask;
  const reach = 7;
  let rest = g.map(Uint8Array, (drawn, line) => drawn && !line, mask, lines);
  const padded = g.pad(rest, reach);
  const across = g.minimumAlong(g.maximumAlong(padded, reach), reach);
  const turned = g.transpose(padded);
  const down = g.transpose(g.minimumAlong(g.maximumAlong(turned, reach), reach));
  for (const closed of [down, across]) {
    const inside = g.crop(closed, reach, reach + mask.height, reach, reach + mask.width);
    rest = g.map(Uint8Array, (kept, line, mended) => kept || (line && mended), rest, lines, inside);
  }
  return rest;
}

/** Thin lines from the left to the right of the sheet. */
function findLines(mask) {
  const { height, width } = mask;
  const found = g.grid(Uint8Array, height, width);
  let drawn = 0;
  for (let column = 0; column < width; column++) {
    for (let row = 0; row < height; row++) {
      if (mask.data[row * width + column]) {
        drawn++;
        break;
      }
    }
  }
  if (drawn / width < SPAN) return found;
  const grown = g.maximumDown(mask, 3);
  for (const tilt of TILTS) {
    const shift = Array.from({ length: width }, (_, column) => g.round(tilt * (column - width / 2)));
    const sheared = g.grid(Uint8Array, height, width);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const place = row + shift[column];
        if (place >= 0 && place < height) sheared.data[row * width + column] = grown.data[place * width + column];
      }
    }
    const size = Math.trunc(SPAN * width);
    const runs = g.maximumAlong(g.minimumAlong(sheared, size, 0), size, 0);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const place = row + shift[column];
        if (runs.data[row * width + column] && place >= 0 && place < height) found.data[place * width + column] = 1;
      }
    }
  }
  const thick = 2 * Math.max(2, g.round(0.012 * Math.max(height, width))) + 3;
  const turned = g.transpose(found);
  const broad = g.transpose(g.maximumAlong(g.minimumAlong(turned, thick, 0), thick));
  return g.map(Uint8Array, (line, too, there) => line && !too && there, found, broad, mask);
}
