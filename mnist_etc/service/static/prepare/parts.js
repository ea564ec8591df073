// mnist_etc/data/parts.py: connected strokes, told from frames, boxes and dirt, and joined to figures.
import { crop, label, round } from "./grid.js";

const BORDER = 0.75;
const SPECK = 0.02;
const PART = 0.15;
const BESIDE = 0.35;

const height = (part) => part.bottom - part.top;
const width = (part) => part.right - part.left;
const side = (part) => Math.max(height(part), width(part));
const best = (list, key) => list.reduce((one, other) => (key(other) > key(one) ? other : one));

/** {labels, parts} of a mask; a part is {number, top, bottom, left, right, shape, ink}. */
export function findParts(ink, mask) {
  const { labels, count } = label(mask);
  const parts = Array.from({ length: count }, (_, at) => ({
    number: at + 1,
    top: Infinity,
    bottom: 0,
    left: Infinity,
    right: 0,
    ink: 0,
  }));
  labels.data.forEach((number, at) => {
    if (!number) return;
    const part = parts[number - 1];
    const [row, column] = [Math.floor(at / labels.width), at % labels.width];
    part.top = Math.min(part.top, row);
    part.bottom = Math.max(part.bottom, row + 1);
    part.left = Math.min(part.left, column);
    part.right = Math.max(part.right, column + 1);
    part.ink += ink.data[at];
  });
  for (const part of parts) {
    part.shape = crop(labels, part.top, part.bottom, part.left, part.right);
    part.shape.data = Uint8Array.from(part.shape.data, (number) => number === part.number);
  }
  return { labels, parts };
}

/** {kept, frames, boxes}: parts that may be figures, what covers a border, what goes around something. */
export function sortParts(parts, labels) {
  const frames = parts.filter((part) => Math.max(...borders(labels).map((line) => share(line, part))) > BORDER);
  const rest = parts.filter((part) => !frames.includes(part));
  const boxes = rest.filter((part) => isBox(part, rest));
  const figures = rest.filter((part) => !boxes.includes(part));
  const heaviest = Math.max(0, ...figures.map((part) => part.ink));
  const least = SPECK * Math.max(labels.height, labels.width);
  return { kept: figures.filter((part) => part.ink >= SPECK * heaviest && side(part) >= least), frames, boxes };
}

/** The four outermost lines of a grid. */
export function borders({ data, height: rows, width: columns }) {
  const column = (at) => Array.from({ length: rows }, (_, row) => data[row * columns + at]);
  return [[...data.slice(0, columns)], [...data.slice(-columns)], column(0), column(columns - 1)];
}

const share = (line, part) => line.filter((number) => number === part.number).length / line.length;

function isBox(part, others) {
  const thick = Math.max(1, round(0.03 * side(part)));
  const { data, height: rows, width: columns } = part.shape;
  const covered = [new Set(), new Set(), new Set(), new Set()];
  data.forEach((drawn, at) => {
    if (!drawn) return;
    const [row, column] = [Math.floor(at / columns), at % columns];
    if (row < thick) covered[0].add(column);
    if (row >= rows - thick) covered[1].add(column);
    if (column < thick) covered[2].add(row);
    if (column >= columns - thick) covered[3].add(row);
  });
  const least = Math.min(...covered.map((places, at) => places.size / (at < 2 ? columns : rows)));
  const inside = (other) =>
    part.top <= other.top && other.bottom <= part.bottom && part.left <= other.left && other.right <= part.right;
  return (
    least > 0.9 &&
    others.some(
      (other) =>
        other !== part && inside(other) && height(other) > 0.15 * height(part) && other.ink > 0.05 * part.ink,
    )
  );
}

/** Parts joined to figures, from left to right, much smaller ones dropped. */
export function groupParts(parts) {
  const largest = Math.max(...parts.map(side));
  let groups = [];
  for (const part of parts) {
    const joined = groups.filter((group) => group.some((other) => belong(part, other, largest)));
    groups = [...groups.filter((group) => !joined.includes(group)), [part, ...joined.flat()]];
  }
  const main = best(groups, inkOf);
  return groups
    .filter((group) => inkOf(group) > PART * inkOf(main) && sideOf(group) > BESIDE * sideOf(main))
    .sort((one, other) => boxOf(one).left - boxOf(other).left);
}

/** Near each other, and not two tall parts side by side. */
function belong(one, other, largest) {
  const across = Math.max(one.left - other.right, other.left - one.right);
  const down = Math.max(one.top - other.bottom, other.top - one.bottom);
  if (across >= 0 && Math.min(height(one), height(other)) > 0.7 * Math.max(height(one), height(other))) return false;
  const alike = Math.min(side(one), side(other)) >= 0.6 * Math.max(side(one), side(other));
  return Math.max(across, down) <= (alike ? 0.15 : 0.25) * largest;
}

export const inkOf = (group) => group.reduce((total, part) => total + part.ink, 0);
export const heaviest = (parts) => best(parts, (part) => part.ink);
export const mainOf = (groups) => best(groups, inkOf);

export function boxOf(group) {
  return {
    top: Math.min(...group.map((part) => part.top)),
    bottom: Math.max(...group.map((part) => part.bottom)),
    left: Math.min(...group.map((part) => part.left)),
    right: Math.max(...group.map((part) => part.right)),
  };
}

export const sideOf = (group) => side(boxOf(group));
