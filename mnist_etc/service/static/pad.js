// The drawing pad: strokes of a pen that a mouse, a finger, a stylus or the arrow keys move.
// A drawing is 280 x 280 pixels, black on white; what is shown has the screen's own resolution and colors.

export const SIDE = 280;
const [STEP, FINE] = [10, 3];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Pad {
  #canvas;
  #changed;
  #say;
  #strokes = [];
  #pointer = null;
  #pen = { x: SIDE / 2, y: SIDE / 2, down: false };
  #held = new Set();
  width = 16;

  /** `changed(done)` follows each change of the drawing; done: a stroke has ended. `say(words)` tells a listener. */
  constructor(canvas, { changed, say }) {
    [this.#canvas, this.#changed, this.#say] = [canvas, changed, say];
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.#release(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("keyup", (event) => this.#held.delete(event.key));
    canvas.addEventListener("focus", () => this.show());
    canvas.addEventListener("blur", () => {
      this.#held.clear();
      this.#lift();
      this.show();
    });
    new ResizeObserver(() => this.show()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.show());
  }

  get empty() {
    return this.#strokes.length === 0;
  }

  clear() {
    this.#strokes = [];
    this.#pen.down = false;
    this.#update(true);
  }

  undo() {
    this.#strokes.pop();
    this.#pen.down = false;
    this.#update(true);
  }

  /** The drawing as it is read: a canvas of 280 x 280, black on white. */
  drawing() {
    const canvas = new OffscreenCanvas(SIDE, SIDE);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SIDE, SIDE);
    this.#draw(context, "#000");
    return canvas;
  }

  show() {
    const ratio = Math.min(3, devicePixelRatio);
    const side = Math.max(1, Math.round(this.#canvas.clientWidth * ratio));
    if (this.#canvas.width !== side) this.#canvas.width = this.#canvas.height = side;
    const context = this.#canvas.getContext("2d");
    const style = getComputedStyle(this.#canvas);
    context.setTransform(side / SIDE, 0, 0, side / SIDE, 0, 0);
    context.clearRect(0, 0, SIDE, SIDE);
    this.#draw(context, style.getPropertyValue("--ink"));
    if (this.#canvas.matches(":focus-visible")) this.#drawPen(context, style.getPropertyValue("--accent"));
  }

  #draw(context, color) {
    Object.assign(context, { strokeStyle: color, fillStyle: color, lineCap: "round", lineJoin: "round" });
    for (const { points, width } of this.#strokes) {
      context.lineWidth = width;
      context.beginPath();
      const [first, ...rest] = points;
      if (!rest.length) {
        context.arc(first.x, first.y, width / 2, 0, 2 * Math.PI);
        context.fill();
        continue;
      }
      context.moveTo(first.x, first.y);
      rest.slice(0, -1).forEach((point, at) => {
        const next = rest[at + 1];
        context.quadraticCurveTo(point.x, point.y, (point.x + next.x) / 2, (point.y + next.y) / 2);
      });
      context.lineTo(rest.at(-1).x, rest.at(-1).y);
      context.stroke();
    }
  }

  #drawPen(context, color) {
    const { x, y, down } = this.#pen;
    Object.assign(context, { strokeStyle: color, fillStyle: color, lineWidth: 2 });
    context.beginPath();
    context.arc(x, y, this.width / 2 + 3, 0, 2 * Math.PI);
    context.stroke();
    if (!down) return;
    context.beginPath();
    context.arc(x, y, 3, 0, 2 * Math.PI);
    context.fill();
  }

  #update(done) {
    this.show();
    this.#changed(done);
  }

  #begin(point) {
    this.#strokes.push({ points: [point], width: this.width });
  }

  #extend(point) {
    this.#strokes.at(-1)?.points.push(point);
  }

  #place({ clientX, clientY }) {
    const box = this.#canvas.getBoundingClientRect();
    return { x: ((clientX - box.left) / box.width) * SIDE, y: ((clientY - box.top) / box.height) * SIDE };
  }

  #press(event) {
    if (this.#pointer !== null || event.button !== 0) return;
    event.preventDefault();
    this.#canvas.focus({ preventScroll: true, focusVisible: false });
    this.#canvas.setPointerCapture(event.pointerId);
    this.#lift();
    this.#pointer = event.pointerId;
    this.#begin(this.#place(event));
    this.#update(false);
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) this.#extend(this.#place(each));
    this.#update(false);
  }

  #release(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    this.#update(true);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " ") {
      event.preventDefault();
      if (!event.repeat) this.#toggle();
    } else if (event.key === "Escape") {
      this.#lift();
      this.show();
    } else if (event.key === "Backspace") {
      event.preventDefault();
      this.undo();
    } else if (event.key in ARROWS) {
      event.preventDefault();
      this.#held.add(event.key);
      this.#step(event.shiftKey ? FINE : STEP);
    }
  }

  #toggle() {
    if (this.#pen.down) {
      this.#lift();
      return;
    }
    this.#pen.down = true;
    this.#begin({ x: this.#pen.x, y: this.#pen.y });
    this.#say("Pen down");
    this.#update(false);
  }

  #lift() {
    if (!this.#pen.down) return;
    this.#pen.down = false;
    this.#say("Pen lifted");
    this.#update(true);
  }

  /** Two arrows held together move aslant. */
  #step(length) {
    for (const key of this.#held) {
      this.#pen.x = Math.min(SIDE, Math.max(0, this.#pen.x + ARROWS[key][0] * length));
      this.#pen.y = Math.min(SIDE, Math.max(0, this.#pen.y + ARROWS[key][1] * length));
    }
    if (this.#pen.down) this.#extend({ x: this.#pen.x, y: this.#pen.y });
    this.#update(false);
  }
}
