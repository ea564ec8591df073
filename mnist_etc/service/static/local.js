// The model in this browser: ONNX Runtime Web on one thread. No request of this file carries an image.
import { prepare, toGray } from "./prepare/prepare.js";
import * as server from "./server.js";

const RUNTIME = new URL("./vendor/onnxruntime-web/", import.meta.url);
const LARGEST = 4096;
let loading = null;

/** Fetch runtime and model, once; `tell(part)` hears how much of it there is. */
export function load(policies, tell) {
  loading ??= open(policies, tell).catch((cause) => {
    loading = null;
    throw cause;
  });
  return loading;
}

async function open(policies, tell) {
  const about = await server.model();
  const [runtime, binary, graph] = await Promise.all([
    import(new URL("ort.wasm.min.mjs", RUNTIME)),
    download(new URL("ort-wasm-simd-threaded.wasm", RUNTIME), tell),
    server.graph(),
  ]);
  Object.assign(runtime.env.wasm, {
    numThreads: 1,
    wasmBinary: binary,
    wasmPaths: { mjs: new URL("ort-wasm-simd-threaded.mjs", RUNTIME).href },
  });
  const session = await runtime.InferenceSession.create(graph, { executionProviders: ["wasm"] });
  return { about, session, Tensor: runtime.Tensor, policy: policies[about.policy.split(":")[0]] };
}

async function download(address, tell) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`The service has no ${address.pathname}.`);
  const reader = response.body.getReader();
  const parts = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    tell(size);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** What the service answers to the same image, whose pixels are given. */
export async function classify({ about, session, Tensor, policy }, pixels) {
  const { side, classes, input } = about;
  const { image, several } = prepare(toGray(pixels), side);
  const told = { name: about.name, version: about.version, policy: about.policy, leakage_bits: about.leakage_bits };
  const seen = image ?? { data: new Uint8Array(side * side), height: side, width: side };
  const shown = { ...told, image: picture(seen), warning: image ? (several ? "several" : null) : "empty" };
  if (!image) return { ...shown, class: null, digit: null, probability: null };
  const values = input.dtype === "uint8" ? seen.data : Float32Array.from(seen.data, (gray) => gray / 255);
  const output = await session.run({ [input.name]: new Tensor(input.dtype, values, [1, side, side, 1]) });
  const answer = softmaxIf(policy.logits, Array.from(output[session.outputNames[0]].data));
  const digit = answer.indexOf(Math.max(...answer));
  return { ...shown, class: classes[digit], digit, probability: policy.probability ? answer[digit] : null };
}

function softmaxIf(logits, values) {
  if (!logits) return values;
  const most = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - most));
  const total = powers.reduce((added, power) => added + power, 0);
  return powers.map((power) => power / total);
}

/** A gray image as an address that <img> shows. */
function picture({ data, height, width }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const shown = new ImageData(width, height);
  data.forEach((gray, at) => shown.data.set([gray, gray, gray, 255], 4 * at));
  canvas.getContext("2d").putImageData(shown, 0, 0);
  return canvas.toDataURL();
}

/** The pixels of an image file, turned as it says; of a very large one made smaller. */
export async function pixelsOf(file) {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error("This browser cannot open that file as an image.");
  });
  const scale = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}
