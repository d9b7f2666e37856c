// Files on their way to the server. They go on, one after the other, whatever view is shown.

import { upload } from "./api.js";
import { announce } from "./elements.js";
import { bytes, duration } from "./words.js";

const SPEED_SPAN_MS = 3_000; // the speed shown is that of about so long

/** Every upload of this tab that isn't over: {file, sent, state, words(), cancel()}. */
export const uploads = [];
export const changes = new EventTarget(); // "change": the list or one of it; "arrived": detail is {job, file, alone}

let working = false;

/** Queue files. `options` are those of their jobs. */
export function sendFiles(files, options) {
  for (const file of files) uploads.push(new Upload(file, options, { alone: files.length === 1 }));
  tell();
  if (!working) sendAll();
}

async function sendAll() {
  working = true;
  for (let next = waiting(); next; next = waiting()) {
    await next.send();
    tell();
  }
  working = false;
}

function waiting() {
  return uploads.find((one) => one.state === "waiting");
}

function tell() {
  changes.dispatchEvent(new Event("change"));
}

class Upload {
  state = "waiting"; // then "sending" or "refused"; an upload that is over leaves the list
  problem = "";
  sent = 0;
  #stopping = new AbortController();
  #marks = []; // [ms, bytes] of the last seconds

  constructor(file, options, { alone }) {
    this.file = file;
    this.options = options;
    this.alone = alone;
  }

  async send() {
    this.state = "sending";
    tell();
    try {
      const job = await upload(this.file, this.options, { onProgress: (sent) => this.#mark(sent), signal: this.#stopping.signal });
      this.#leave();
      announce(`${this.file.name} was uploaded.`);
      changes.dispatchEvent(new CustomEvent("arrived", { detail: { job, file: this.file, alone: this.alone } }));
    } catch (problem) {
      if (problem.code === "aborted") return;
      this.state = "refused";
      this.problem = problem.message;
    }
  }

  cancel() {
    this.#leave();
    this.#stopping.abort();
    tell();
  }

  get percent() {
    return this.file.size === 0 ? 0 : Math.min(100, (100 * this.sent) / this.file.size);
  }

  /** How far it is, how fast it goes and how long it will take. */
  words() {
    if (this.state === "waiting") return "Waits for its turn";
    if (this.state === "refused") return this.problem;
    const said = [`${bytes(Math.min(this.sent, this.file.size))} of ${bytes(this.file.size)}`];
    const speed = this.#bytesPerSecond();
    if (speed > 0) said.push(`${bytes(speed)} per second`, `${duration((this.file.size - this.sent) / speed)} left`);
    return said.join(" · ");
  }

  #mark(sent) {
    const nowMs = performance.now();
    this.sent = sent;
    this.#marks.push([nowMs, sent]);
    while (this.#marks.length > 2 && nowMs - this.#marks[0][0] > SPEED_SPAN_MS) this.#marks.shift();
    tell();
  }

  #bytesPerSecond() {
    if (this.#marks.length < 2) return 0;
    const [[fromMs, from], [toMs, to]] = [this.#marks[0], this.#marks.at(-1)];
    return toMs > fromMs ? ((to - from) * 1000) / (toMs - fromMs) : 0;
  }

  #leave() {
    const place = uploads.indexOf(this);
    if (place >= 0) uploads.splice(place, 1);
  }
}
