// The page: a drawing or an image goes to the service, or to the model in this browser, and what comes back is shown.
import * as local from "./local.js";
import { Pad } from "./pad.js";
import * as server from "./server.js";
import { showAnswer, showRebuilt, showTrouble } from "./view.js";

const at = (id) => document.getElementById(id);
const facts = JSON.parse(document.documentElement.dataset.facts || "{}");
const PAUSE = 600;
const HINT = at("hint").textContent;
let [timer, flight, image] = [0, null, null];
let without = null; // the version that no attack is there for

const mode = () => document.querySelector("input[name=mode]:checked").value;
const say = (words) => (at("pad-state").textContent = words);
const pad = new Pad(at("pad"), { changed: drawn, say });

/** The drawing has changed; once the pen rests it is read. */
function drawn(done) {
  image = null;
  at("hint").hidden = !pad.empty;
  at("hint").textContent = HINT;
  at("undo").disabled = at("clear").disabled = pad.empty;
  clearTimeout(timer);
  flight?.abort();
  busy(!pad.empty);
  if (!done) return;
  if (pad.empty) forget();
  else timer = setTimeout(read, PAUSE);
}

/** Whether what is shown is not yet of what is drawn. */
function busy(yes) {
  document.querySelector(".answer").setAttribute("aria-busy", String(yes));
}

function forget() {
  showAnswer(null);
  showParts([], "Draw something first.");
}

function chosen(file) {
  if (!file) return;
  pad.clear();
  image = file;
  at("hint").textContent = file.name;
  read();
}

async function read() {
  clearTimeout(timer);
  flight?.abort();
  const mine = (flight = new AbortController());
  const current = () => flight === mine && !mine.signal.aborted;
  busy(true);
  try {
    const answer = await (mode() === "server" ? askServer(mine.signal, current) : askHere());
    if (current() && answer) {
      showAnswer(answer);
      at("key-form").hidden = true;
    }
  } catch (error) {
    if (!current()) return;
    showAnswer(null);
    showTrouble(error);
    showParts([], "");
    at("key-form").hidden = error.status !== 401;
  } finally {
    if (current()) busy(false);
  }
}

async function askServer(signal, current) {
  const sent = image ?? (await pad.drawing().convertToBlob({ type: "image/png" }));
  const answer = await server.classify(sent, signal);
  if (current()) attack(sent, answer, signal, current);
  return answer;
}

async function askHere() {
  const loaded = await local.load(facts.policies, (size) => {
    at("mode-state").textContent = `Fetching what reads digits, once: ${(size / 1e6).toFixed(1)} of 14 MB, packed to 3.7.`;
  });
  at("mode-state").textContent = "The model is here. You could go offline now.";
  showParts([], "An attack runs at the service, so in this mode there is nothing to show: it was told nothing.");
  if (!image && pad.empty) return null;
  const pixels = image
    ? await local.pixelsOf(image)
    : pad.drawing().getContext("2d").getImageData(0, 0, 280, 280);
  return local.classify(loaded, pixels);
}

async function attack(sent, answer, signal, current) {
  if (without === answer.version) return;
  if (answer.class === null) {
    showParts([], "There is no digit to rebuild.");
    return;
  }
  at("leak-state").textContent = "The attack is at work …";
  at("cards").classList.add("busy");
  try {
    const told = await server.reconstruct(sent, signal);
    if (!current()) return;
    showRebuilt(told, answer.policy);
    at("leak-state").textContent = "The longer the bar, the more of your drawing is in that answer.";
  } catch (error) {
    if (!current()) return;
    if (error.status === 404) without = answer.version;
    showParts(
      [],
      error.status !== 404
        ? `The attack gave no picture: ${error.message}`
        : "This service shows no attack on the model in service, so there is nothing to see here.",
    );
  } finally {
    if (current()) at("cards").classList.remove("busy");
  }
}

function showParts(cards, words) {
  at("cards").replaceChildren(...cards);
  at("cards").classList.remove("busy");
  at("leak-state").textContent = words;
}

at("undo").addEventListener("click", () => pad.undo());
at("clear").addEventListener("click", () => pad.clear());
at("pen").addEventListener("input", ({ target }) => {
  pad.width = Number(target.value);
  pad.show();
});
for (const id of ["file", "photo"]) {
  at(id).addEventListener("change", ({ target }) => {
    chosen(target.files[0]);
    target.value = "";
  });
}
for (const radio of document.querySelectorAll("input[name=mode]")) {
  radio.addEventListener("change", () => {
    at("mode-state").textContent = "";
    if (mode() === "browser" || image || !pad.empty) read();
  });
}
at("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  server.useKey(at("key").value.trim());
  at("key").value = "";
  if (image || !pad.empty) read();
});
document.documentElement.classList.toggle("touch", navigator.maxTouchPoints > 0);
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
for (const end of ["dragleave", "drop"]) addEventListener(end, () => document.body.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  chosen(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => chosen(event.clipboardData.files[0]));
if (!facts.portable) {
  const radio = document.querySelector("input[value=browser]");
  radio.disabled = true;
  radio.parentElement.title = "This service prepares pictures in a way that the page does not know.";
}
