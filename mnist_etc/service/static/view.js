// What the page shows of an answer, in words for everybody.

const at = (id) => document.getElementById(id);
const POLICIES = {
  logits: () => "The raw scores",
  probabilities: () => "All ten probabilities",
  rounded: (number) => `Probabilities to ${number} ${number === "1" ? "decimal" : "decimals"}`,
  top_k: (number) => `The ${number} likeliest`,
  top1: () => "The digit and how sure",
  levels: (number) => `The digit and one of ${number} confidences`,
  label: () => "The digit alone",
  noisy: () => "The digit, at times wrong on purpose",
};

export function inWords(policy) {
  const [name, number] = policy.split(":");
  return POLICIES[name]?.(number) ?? policy;
}

const percent = (share) => {
  const shown = (100 * share).toFixed(share > 0.99 && share < 1 ? 1 : 0);
  return share < 1 && Number(shown) === 100 ? "more than 99.9 %" : `${shown} %`;
};

/** An answer; null: there is none yet. */
export function showAnswer(answer) {
  const digit = at("digit");
  const read = answer?.class != null;
  digit.textContent = read ? answer.class : "?";
  digit.classList.toggle("none", !read);
  digit.classList.toggle("word", read && answer.class.length > 2);
  at("sentence").textContent = !answer
    ? "Nothing drawn yet."
    : !read
      ? "No digit was found in the picture."
      : answer.warning === "several"
        ? `The largest figure in it reads as ${answer.class}.`
        : `It reads as ${answer.class}.`;
  showImage(answer?.image ?? null);
  const share = read ? answer.probability : null;
  at("confidence").hidden = share == null;
  at("confidence").firstElementChild.style.setProperty("--share", share ?? 0);
  at("confidence-words").textContent = !read
    ? ""
    : share == null
      ? "How sure the model is, the output policy of this service does not tell."
      : `The model is ${percent(share)} sure.`;
  at("model").textContent = answer
    ? `Model ${answer.name}, version ${answer.version}. Its answers tell: ${inWords(answer.policy).toLowerCase()}` +
      (answer.leakage_bits == null ? "." : `: no more about your image than ${Number(answer.leakage_bits.toFixed(1))} yes-or-no questions find out.`)
    : "";
}

function showImage(address) {
  const image = at("seen");
  image.hidden = address === null;
  at("unseen").hidden = address !== null;
  if (address === null) return;
  image.src = address;
  image.alt = "Your digit as the model sees it: light on dark, in the middle, 28 by 28 dots";
}

/** What went wrong, or null. */
export function showTrouble(error) {
  const words = {
    413: "That image is too large for this service.",
    415: "That file is no image that can be read.",
    422: "That image cannot be read. It may be damaged.",
    429:
      error?.kind === "told-enough"
        ? "About this image, and any nearly like it, you have been told as much as one may be told in a day."
        : `The service is busy. Try again in ${error?.after || 1} s.`,
  };
  at("sentence").textContent = error ? (words[error.status] ?? error.message) : "";
}

/** What an attack rebuilds from the answer of each policy, the most telling first; `used` is the service's own. */
export function showRebuilt({ image, policies }, used) {
  const bits = (row) => row.leakage_bits ?? Number.MAX_VALUE;
  const cards = [card("Your digit", image, { kind: "yours", lines: ["What the model saw"] })];
  for (const { policy, answer, rebuilt, error, baseline } of [...policies].sort((one, other) => bits(other) - bits(one))) {
    const closeness = Math.max(0, 1 - error / Math.max(baseline, 1e-9));
    cards.push(
      card(inWords(policy), rebuilt, {
        kind: closeness < 0.15 ? "safe" : "",
        share: closeness,
        note: policy === used ? "This service's own" : "",
        answer,
        lines: [verdict(closeness), `error ${error.toFixed(3)}; an average digit of its kind ${baseline.toFixed(3)}`],
      }),
    );
  }
  at("cards").replaceChildren(...cards);
}

function verdict(closeness) {
  if (closeness >= 0.6) return "Very close to your drawing.";
  if (closeness >= 0.35) return "Much of your drawing.";
  return closeness >= 0.15 ? "A little of your drawing." : "No closer than an average digit.";
}

function card(title, source, { kind, share, note, answer, lines }) {
  const item = document.createElement("li");
  const image = Object.assign(document.createElement("img"), { src: source, width: 112, height: 112 });
  image.alt = kind === "yours" ? "Your digit as the model saw it" : `Rebuilt from: ${title}`;
  const heading = Object.assign(document.createElement("h3"), { textContent: title });
  item.append(image, heading);
  if (kind) item.className = kind;
  if (note) heading.append(Object.assign(document.createElement("span"), { textContent: note, className: "note" }));
  if (answer) {
    const told = document.createElement("p");
    told.append(Object.assign(document.createElement("code"), { textContent: answer }));
    item.append(told);
  }
  if (share !== undefined) {
    const bar = Object.assign(document.createElement("div"), { className: "bar" });
    bar.append(document.createElement("div"));
    bar.firstChild.style.setProperty("--share", share);
    item.append(bar);
  }
  lines.forEach((line, number) =>
    item.append(Object.assign(document.createElement("p"), { textContent: line, className: number ? "small" : "" })),
  );
  return item;
}
