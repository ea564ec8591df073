// mnist_etc/data/figures.py: which strokes of a picture are its figures, and their outlines.
import * as g from "./grid.js";
import { borders, boxOf, findParts, groupParts, heaviest, inkOf, mainOf, sideOf, sortParts } from "./parts.js";
import { resize } from "./resize.js";
import { findStrokes, keepConnected, removeRuling } from "./strokes.js";

const OVERVIEW = 224;
const OUTLINED = 80;
const ROUNDS = 3;

/** The figures of a gray picture from left to right, each {outline, ink}; none on an empty sheet. */
export function findFigures(picture) {
  const overview = downscale(picture);
  const hypotheses = [true, false].map((dark) => interpret(overview, dark)).filter(Boolean);
  if (!hypotheses.length) return [];
  const best = hypotheses.reduce((one, other) => (other.score > one.score ? other : one));
  const figures = best.groups.map((group) => ({ outline: outline(picture, best, group), ink: inkOf(group) }));
  return figures.filter((figure) => g.any(figure.outline));
}

function downscale(picture) {
  const ratio = OVERVIEW / Math.max(picture.height, picture.width);
  let small = picture;
  if (ratio < 1) {
    const size = [picture.width, picture.height].map((length) => Math.max(1, g.round(length * ratio)));
    small = resize(picture, size, "box");
  }
  return g.map(Float32Array, (gray) => gray, small);
}

/** Frames and boxes have a contrast of their own, so the strokes are looked for again without them. */
function interpret(sheet, dark) {
  let known = g.grid(Uint8Array, sheet.height, sheet.width);
  let [found, only] = [null, null];
  for (let round = 0; round < ROUNDS; round++) {
    const strokes = findStrokes(sheet, dark, known);
    if (!strokes) break;
    let labels, parts, sorted;
    for (const mask of [removeRuling(strokes.mask), strokes.mask]) {
      ({ labels, parts } = findParts(strokes.ink, mask));
      sorted = sortParts(parts, labels);
      if (sorted.kept.length) break;
    }
    found = sorted.kept.length ? { strokes, labels, parts: sorted.kept } : null;
    only ??= { strokes, labels, parts: [heaviest(parts)] };
    const taken = new Set([...sorted.frames, ...sorted.boxes].map((part) => part.number));
    if (!taken.size) break;
    const around = g.grow(g.map(Uint8Array, (number) => taken.has(number), labels), 2);
    known = g.map(Uint8Array, (one, other) => one | other, known, around);
  }
  found ??= only;
  if (!found) return null;
  const groups = groupParts(found.parts);
  return { ...found, dark, groups, score: score(sheet, found.strokes.mask, found.labels, groups) };
}

function within(labels, parts) {
  const numbers = new Set(parts.map((part) => part.number));
  return g.map(Uint8Array, (number) => numbers.has(number), labels);
}

/** How much groups look like figures; of two hypotheses about a picture the one with more is right. */
function score(sheet, strokes, labels, groups) {
  const parts = groups.flat();
  const figure = within(labels, parts);
  const [near, drawn] = [g.grow(figure, 3), g.grow(strokes, 1)];
  const ring = g.map(Uint8Array, (one, other) => one && !other, near, drawn);
  const level = (mask) => g.percentile(sheet.data.filter((_, at) => mask.data[at]), 50);
  const inside = level(figure);
  const outside = g.any(ring) ? level(ring) : g.percentile(sheet.data, 50);
  const closer = (gray) => g.single(Math.abs(gray - inside)) < g.single(Math.abs(gray - outside));
  const alike = removeBorders(g.map(Uint8Array, closer, sheet));
  const both = g.sum(g.map(Uint8Array, (one, other) => one & other, figure, alike));
  const distances = g.distance(g.pad(figure, 1));
  const broadest = distances.data.reduce((most, value) => Math.max(most, value), 0);
  const middle = g.ridge(distances);
  const mean = middle.reduce((total, value) => total + value, 0) / middle.length;
  const variance = middle.reduce((total, value) => total + (value - mean) ** 2, 0) / middle.length;
  return (
    1.4 * Math.log(sideOf(parts) / Math.max(sheet.height, sheet.width)) +
    4.7 * Math.log(1.01 - Math.min(1, (2 * broadest) / Math.max(...groups.map(sideOf)))) +
    2.0 * Math.log(0.1 + ((both / Math.max(g.sum(alike), 1)) * both) / g.sum(figure)) -
    (2.3 * Math.sqrt(variance)) / mean -
    3.5 * straightness(figure, mainOf(groups)) -
    2.6 * Math.log(parts.length / groups.length)
  );
}

function straightness(figure, group) {
  const { top, bottom, left, right } = boxOf(group);
  const box = g.crop(figure, top, bottom, left, right);
  const covered = borders(box).map((line) => line.reduce((total, value) => total + value, 0) / line.length);
  covered.sort((one, other) => one - other);
  return (covered[2] * Math.min(box.height, box.width)) / Math.max(box.height, box.width);
}

/** Without the parts that cover a border of the sheet. */
function removeBorders(mask) {
  const { labels } = g.label(mask, { corners: false });
  const frames = new Set();
  for (const line of borders(labels)) {
    for (const number of new Set(line)) {
      if (line.filter((other) => other === number).length > 0.9 * line.length) frames.add(number);
    }
  }
  return g.map(Uint8Array, (there, number) => there && !frames.has(number), mask, labels);
}

/** The outline of a group where half the contrast of the stroke beside it is reached, from the picture itself. */
function outline(picture, { labels, strokes, dark }, group) {
  const { top, bottom, left, right } = boxOf(group);
  const { height, width } = labels;
  const margin = Math.max(2, g.round(0.3 * sideOf(group)));
  const box = [
    Math.max(0, left - margin),
    Math.max(0, top - margin),
    Math.min(width, right + margin),
    Math.min(height, bottom + margin),
  ];
  const zoom = OUTLINED / sideOf(group);
  const size = [box[2] - box[0], box[3] - box[1]].map((length) => Math.max(3, g.round(length * zoom)));
  const [across, down] = [picture.width / width, picture.height / height];
  const there = [box[0] * across, box[1] * down, box[2] * across, box[3] * down];
  const near = resize(picture, size, zoom < across ? "box" : "bicubic", there);
  const ground = resize(strokes.ground, size, "bilinear", box);
  const drawn = g.map(Float32Array, (inside) => inside, within(labels, group));
  const threshold = g.single(0.15);
  const covered = g.map(Uint8Array, (part) => part > threshold, resize(drawn, size, "bilinear", box));
  const region = g.maximum(covered, 7);
  const above = (inside, paper, gray) => (inside ? (dark ? paper - gray : gray - paper) : 0);
  const ink = g.map(Float32Array, above, region, ground, near);
  const contrast = g.meanOfGreatest(ink.data, Math.max(12, Math.trunc(0.15 * g.sum(region))));
  const beside = g.gaussian(g.maximum(ink, 9), 3);
  const [half, most] = [g.single(0.5 * contrast), g.single(0.45 * contrast)];
  const edge = keepConnected(
    g.map(Uint8Array, (value, most) => value > g.single(0.5 * Math.max(most, half)), ink, beside),
    g.map(Uint8Array, (value) => value > most, ink),
  );
  return dropSpecks(edge);
}

function dropSpecks(mask) {
  const { labels, count } = g.label(mask);
  if (count < 2) return mask;
  const areas = new Array(count + 1).fill(0);
  labels.data.forEach((number) => number && areas[number]++);
  const largest = Math.max(...areas);
  return g.map(Uint8Array, (number) => number && areas[number] >= 0.03 * largest, labels);
}
