// mnist_etc/data/prepare.py with prepare=auto: from a gray picture to what the model reads.
// The same code in Python prepares what is sent to the server; tests hold the two together to the bit.
import { findFigures } from "./figures.js";
import { grid, map } from "./grid.js";
import { placeFigure } from "./placement.js";

const [SIDE, BOX] = [28, 20];

/** {image, several}: the main figure, bytes side x side, light on dark; image null where there is none. */
export function prepare(picture, side = SIDE) {
  for (const dark of [false, true]) {
    const light = dark ? map(Uint8Array, (gray) => 255 - gray, picture) : picture;
    if (hasForm(light, side)) return { image: light, several: false };
  }
  const figures = findFigures(picture);
  if (!figures.length) return { image: null, several: false };
  const main = figures.reduce((one, other) => (other.ink > one.ink ? other : one));
  return { image: placeFigure(main.outline, side), several: figures.length > 1 };
}

/** Whether a light-on-dark picture has MNIST's form already. */
function hasForm({ data, height, width }, side) {
  if (height !== side || width !== side) return false;
  let [low, high, total, down, across] = [255, 0, 0, 0, 0];
  let [top, bottom, left, right] = [side, 0, side, 0];
  data.forEach((value, at) => {
    const [row, column] = [Math.floor(at / side), at % side];
    low = Math.min(low, value);
    high = Math.max(high, value);
    total += value;
    down += value * row;
    across += value * column;
    if (!value) return;
    top = Math.min(top, row);
    bottom = Math.max(bottom, row + 1);
    left = Math.min(left, column);
    right = Math.max(right, column + 1);
  });
  if (low !== 0 || high < 128) return false;
  const [box, middle] = [Math.floor((BOX * side) / SIDE), Math.floor(side / 2)];
  const centered = [down, across].every((moment) => Math.abs(moment / total - middle) <= side / SIDE);
  const longer = Math.max(bottom - top, right - left);
  return centered && longer >= box - 1 && longer <= box;
}

/** Gray levels of RGBA pixels as Pillow's convert("L"); transparent parts lie on what the figure stands out from. */
export function toGray({ data, width, height }) {
  const gray = grid(Uint8Array, height, width);
  let [weight, mean, clear] = [0, 0, false];
  for (let at = 0; at < gray.data.length; at++) {
    const [red, green, blue, alpha] = data.subarray(4 * at, 4 * at + 4);
    gray.data[at] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
    clear ||= alpha < 255;
    weight += alpha > 0;
    mean += alpha > 0 ? gray.data[at] : 0;
  }
  if (clear) {
    const ground = weight && mean / weight < 128 ? 255 : 0;
    for (let at = 0; at < gray.data.length; at++) {
      const alpha = data[4 * at + 3];
      gray.data[at] = Math.round((gray.data[at] * alpha + ground * (255 - alpha)) / 255);
    }
  }
  return gray;
}
