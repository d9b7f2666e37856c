// The camera, read as it looks. One picture is on its way at a time; the next one is always the newest.

import { postJson, postPicture, remove } from "./api.js";
import { bars } from "./bars.js";
import { Boxes } from "./boxes.js";
import { Camera } from "./camera.js";
import { byId, element, place, say } from "./elements.js";
import { doubtBelow, doubtsAbout, readingOf, readingWords } from "./faces.js";

const MEASURED = 30; // pictures that the shown pace is of
const ENDINGS = new Set(["live_not_found", "analyser_died", "analyser_timeout", "analyser_memory"]); // of a session

export async function showLive(where, signal) {
  place(where, "live-view");
  byId("live-start").addEventListener("click", () => start(signal));
}

async function start(signal) {
  const ending = new AbortController();
  const end = () => ending.abort();
  signal.addEventListener("abort", end, { once: true });
  say(byId("live-problem"), "");
  byId("live-start").disabled = true;
  const view = new LiveView();
  byId("live-stop").addEventListener("click", end, { signal: ending.signal });
  try {
    const camera = await Camera.open(byId("live-video"), ending.signal);
    view.begin();
    await look(camera, view, ending.signal);
  } catch (problem) {
    if (!ending.signal.aborted) say(byId("live-problem"), problem.message);
  }
  end();
  signal.removeEventListener("abort", end);
  if (!signal.aborted) view.end();
}

/** Send picture after picture until `signal` aborts; for a session that fell asleep or broke another one is opened. */
async function look(camera, view, signal) {
  let session = await postJson("/v1/live");
  let proven = false; // whether it has answered a picture
  const close = () => remove(`/v1/live/${session.id}`).catch(() => undefined); // it ends by itself soon
  window.addEventListener("pagehide", close, { signal });
  try {
    while (!signal.aborted) {
      const { takenMs, jpeg } = await camera.take(signal);
      if (signal.aborted) break;
      try {
        view.show(await postPicture(session.frames, jpeg, signal), takenMs);
        proven = true;
      } catch (problem) {
        if (!proven || !ENDINGS.has(problem.code)) throw problem;
        session = await postJson("/v1/live");
        proven = false;
      }
    }
  } finally {
    close();
  }
}

class LiveView {
  #boxes = null;
  #ratio = ""; // of the pictures they are for
  #selected = null;
  #moments = []; // [ms when shown, ms since it was taken, ms on the server] of the last pictures
  #reading = element("p", { class: "reading" });
  #doubt = element("p", { class: "hint" });
  #bars = bars("The selected face");

  begin() {
    byId("live-invitation").hidden = true;
    byId("live-stage").hidden = byId("live-running").hidden = false;
    byId("live-faces").replaceChildren(this.#reading, this.#bars.node, this.#doubt);
    this.#lead(byId("live-stop"));
  }

  end() {
    byId("live-invitation").hidden = false;
    byId("live-start").disabled = false;
    byId("live-stage").hidden = byId("live-running").hidden = true;
    byId("live-stage").replaceChildren(byId("live-video"));
    this.#lead(byId("live-start"));
  }

  /** Lead the keyboard from the button that was pressed, which is hidden now, to what undoes it. */
  #lead(button) {
    const at = document.activeElement;
    if (at === document.body || at === byId("live-start") || at === byId("live-stop")) button.focus({ preventScroll: true });
  }

  show(seen, takenMs) {
    const faces = seen.faces.map((face) => mirrored(face, seen.width));
    doubtBelow(seen.uncertain_below);
    this.#fit(seen);
    const chosen = faces.find((face) => face.track === this.#selected) ?? largest(faces);
    this.#boxes.draw(faces, { selected: chosen?.track ?? null, scores: "smoothed" });
    const reading = chosen ? readingOf(chosen, "smoothed") : null;
    this.#reading.textContent = reading ? readingWords(reading) : "No face in sight";
    this.#reading.dataset.expression = reading?.emotion ?? "";
    this.#doubt.textContent = reading ? doubtsAbout(reading) : "";
    this.#bars.show(reading?.probabilities ?? null);
    this.#measure(takenMs, seen.milliseconds);
  }

  /** Make boxes for pictures of this size; it changes when a phone is turned. */
  #fit({ width, height }) {
    const ratio = `${width} / ${height}`;
    if (ratio === this.#ratio) return;
    this.#ratio = ratio;
    this.#boxes?.remove();
    byId("live-stage").style.setProperty("--ratio", ratio);
    this.#boxes = new Boxes(byId("live-stage"), { width, height, pick: (face) => (this.#selected = face.track) });
  }

  #measure(takenMs, serverMs) {
    const nowMs = performance.now();
    this.#moments.push([nowMs, nowMs - takenMs, serverMs]);
    if (this.#moments.length > MEASURED) this.#moments.shift();
    const elapsed = (nowMs - this.#moments[0][0]) / (this.#moments.length - 1);
    const pace = this.#moments.length > 1 ? `${(1000 / elapsed).toFixed(1)} pictures per second · ` : "";
    const [latency, server] = [1, 2].map((column) => Math.round(median(this.#moments.map((moment) => moment[column]))));
    byId("live-pace").textContent = `${pace}${latency} ms from picture to box, ${server} of them on the server`;
  }
}

/** The camera is shown as a mirror would; so are the boxes. */
function mirrored(face, width) {
  return { ...face, box: { ...face.box, x: width - face.box.x - face.box.width } };
}

function largest(faces) {
  return faces.reduce((best, face) => (face.box.height > (best?.box.height ?? 0) ? face : best), null);
}

function median(numbers) {
  const sorted = [...numbers].sort((one, two) => one - two);
  return sorted[sorted.length >> 1];
}
