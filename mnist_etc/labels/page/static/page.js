"use strict";

const get = (id) => document.getElementById(id);
const DIGITS = "0123456789";
const LETTERS = "abcdefghijklmnopqrtvwxyz"; // without s and u, which skip and undo
let now = null;
let keys = "";
let busy = false;

async function send(path, more = {}) {
  if (busy) return;
  busy = true;
  document.body.ariaBusy = "true";
  try {
    const body = JSON.stringify({ who: get("who").value.trim() || "somebody", ...more });
    const response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    const told = await response.json();
    if (response.ok) {
      get("error").textContent = "";
      show(told);
    } else {
      get("error").textContent = told.error || "The request was refused.";
      if (path !== "/state") setTimeout(() => refresh(true), 0);
    }
  } catch {
    get("error").textContent = "The server does not answer. Is labels serve still running?";
  } finally {
    busy = false;
    document.body.ariaBusy = "false";
  }
}

async function refresh(keep = false) {
  const error = get("error").textContent;
  await send("/state");
  if (keep) get("error").textContent = error;
}

function show(told) {
  now = told;
  const { question } = told;
  const image = get("image");
  image.hidden = !question;
  get("end").hidden = Boolean(question);
  if (question) {
    image.src = question.image;
    image.alt = `image ${question.index}, to be labelled`;
    const name = question.file ?? `image ${question.index}`;
    get("reason").textContent =
      `${name}: asked by ${question.who}, strategy ${question.strategy}, score ${question.score.toPrecision(3)}`;
  } else {
    get("end").textContent = told.choosing ? "Choosing what to ask next ..." : told.end;
    get("reason").textContent = "";
    if (told.choosing) setTimeout(refresh, 500);
  }
  buttons(told);
  get("skip").disabled = !question;
  get("progress").value = told.budget ? told.paid / told.budget : 1;
  get("told").textContent =
    `${told.paid} of ${told.budget} labels paid, ${told.left} left; ${told.answered} answered, ` +
    `${told.waiting} waiting, ${told.skipped} skipped, ${told.disagreements} disagreements`;
}

function buttons(told) {
  const place = get("choices");
  if (place.childElementCount !== told.classes.length) {
    keys = told.classes.length <= DIGITS.length ? DIGITS : LETTERS;
    place.replaceChildren(...told.classes.map((name, label) => {
      const button = document.createElement("button");
      if (label < keys.length) button.append(Object.assign(document.createElement("kbd"), { textContent: keys[label] }));
      if (keys[label] !== name) button.append(` ${name}`);
      button.append(document.createElement("small"));
      button.title = name;
      button.addEventListener("click", () => answer(label));
      return button;
    }));
  }
  [...place.children].forEach((button, label) => {
    button.disabled = !told.question;
    button.lastChild.textContent = told.counts[label] || "";
  });
}

function answer(label) {
  if (now?.question && label < now.classes.length) send("/answer", { index: now.question.index, label });
}

function skip() {
  if (now?.question) send("/skip", { index: now.question.index });
}

document.addEventListener("keydown", (event) => {
  if (event.target === get("who") || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const key = event.key.toLowerCase();
  if (key === "s") skip();
  else if (key === "u") send("/undo");
  else if (key.length === 1 && keys.includes(key)) answer(keys.indexOf(key));
  else return;
  event.preventDefault();
});
get("skip").addEventListener("click", skip);
get("undo").addEventListener("click", () => send("/undo"));
get("image").addEventListener("load", (event) =>
  event.target.classList.toggle("small", event.target.naturalWidth < 100));
get("who").addEventListener("change", () => {
  localStorage.setItem("who", get("who").value);
  refresh();
});

(async () => {
  get("who").value = localStorage.getItem("who") || (await (await fetch("/name")).json()).who;
  await refresh();
})();
