// mnist_etc/data/placement.py: a figure drawn as MNIST's are.
import * as g from "./grid.js";
import { resize } from "./resize.js";

const [SIDE, BOX] = [28, 20];
const STROKES = [2.0, 3.2];

/** Bytes side x side, light on dark: a box of 20, strokes 2 to 3.2 wide, the mass in the center. */
export function placeFigure(outline, side = SIDE) {
  const [top, bottom, left, right] = extent(outline, 0);
  const longer = Math.max(bottom - top, right - left);
  const width = strokeWidth(outline);
  const limit = Math.floor((BOX * side) / SIDE);
  const [least, most] = STROKES.map((stroke) => (stroke * side) / SIDE);
  const wanted = Math.min(Math.max((width * limit) / longer, least), most);
  const scale = Math.min((limit - wanted) / Math.max(longer - width, 1), limit / (0.6 * longer));
  const grown = (wanted / scale - width) / 2;
  const wide = g.pad(outline, Math.trunc(Math.abs(grown)) + 2);
  const inside = g.distance(wide);
  const outside = g.distance(g.map(Uint8Array, (drawn) => !drawn, wide));
  const cover = (far, deep) => {
    const away = far - deep;
    return Math.min(1, Math.max(0, 0.5 - (away - Math.sign(away) / 2 - grown)));
  };
  const covered = g.map(Float32Array, cover, outside, inside);
  const [first, last, start, end] = extent(covered, 0.5);
  const size = [end - start, last - first].map((length) => Math.min(limit, Math.max(1, g.round(length * scale))));
  const figure = resize(covered, size, scale <= 1 ? "box" : "bilinear", [start, first, end, last]);
  return center(figure, side);
}

/** [top, bottom, left, right] of what is above a level. */
function extent({ data, width }, level) {
  let [top, bottom, left, right] = [Infinity, 0, Infinity, 0];
  data.forEach((value, at) => {
    if (value <= level) return;
    const [row, column] = [Math.floor(at / width), at % width];
    top = Math.min(top, row);
    bottom = Math.max(bottom, row + 1);
    left = Math.min(left, column);
    right = Math.max(right, column + 1);
  });
  return [top, bottom, left, right];
}

function center(figure, side) {
  let [total, down, across] = [0, 0, 0];
  figure.data.forEach((value, at) => {
    total += value;
    down += value * Math.floor(at / figure.width);
    across += value * (at % figure.width);
  });
  const place = (mass, length) =>
    Math.min(Math.max(g.round(Math.floor(side / 2) - mass / total), 0), side - length);
  const [top, left] = [place(down, figure.height), place(across, figure.width)];
  const image = g.grid(Uint8Array, side, side);
  figure.data.forEach((value, at) => {
    const [row, column] = [top + Math.floor(at / figure.width), left + (at % figure.width)];
    image.data[row * side + column] = g.round(g.single(255 * Math.min(1, Math.max(0, value))));
  });
  return image;
}

/** Twice the median distance of the strokes' middle from their edge. */
function strokeWidth(outline) {
  return Math.max(1, 2 * g.percentile(g.ridge(g.distance(g.pad(outline, 1))), 50) - 0.5);
}
