// The service's HTTP interface. A refusal is an Error with `status`, `kind` and, where it says so, `after` seconds.

let key = "";

export function useKey(given) {
  key = given;
}

async function ask(path, options = {}) {
  const headers = { ...(options.body && { "Content-Type": options.body.type || "application/octet-stream" }) };
  if (key) headers["X-API-Key"] = key;
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" });
  } catch (cause) {
    if (cause.name === "AbortError") throw cause;
    throw Object.assign(new Error("The service does not answer. Is it still running?"), { status: 0 });
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw Object.assign(new Error(problem.detail || problem.title || response.statusText), {
    status: response.status,
    kind: problem.type?.split("#")[1],
    after: Number(response.headers.get("Retry-After")) || 0,
  });
}

export async function model() {
  const { models } = await (await ask("v1/models")).json();
  return models[0];
}

export async function graph() {
  return (await ask("v1/model.onnx")).arrayBuffer();
}

export async function classify(image, signal) {
  const told = await (await ask("v1/classify?explain=true", { method: "POST", body: image, signal })).json();
  const { model: name, answers, ...about } = told;
  return { ...answers[0], ...about, name };
}

export async function reconstruct(image, signal) {
  return (await ask("v1/reconstruct", { method: "POST", body: image, signal })).json();
}
