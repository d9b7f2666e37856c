// Files on their way to the server. They go on, one after the other, whatever view is shown.

import { keyEntered, mayPass, upload } from "./api.js";
import { announce, pause } from "./elements.js";
import { bytes, duration } from "./words.js";

const SPEED_SPAN_MS = 3_000; // the speed shown is that of about so long
const FIRST_WAIT_MS = 1_000; // before what may pass is tried again; then longer and longer
const LONGEST_WAIT_MS = 8_000;
const MOST_BREAKS = 5; // of one file: a server may refuse it by hanging up

/** Every upload of this tab that isn't over: {file, sent, state, words(), cancel()}. */
export const uploads = [];
export const changes = new EventTarget(); // "change": the list or one of it; "arrived": detail is {job, file, alone}

let working = false;
let waitMs = FIRST_WAIT_MS;

/** Queue files. `options` are those of their jobs; `alone` says that nothing else was chosen. */
export function sendFiles(files, options, { alone }) {
  for (const file of files) uploads.push(new Upload(file, options, { alone }));
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
  const left = uploads.some((one) => one.state !== "refused");
  // only while there is something to lose: browsers keep no page for Back that listens to this
  if (left) window.addEventListener("beforeunload", askToStay);
  else window.removeEventListener("beforeunload", askToStay);
  changes.dispatchEvent(new Event("change"));
}

function askToStay(event) {
  event.preventDefault();
}

class Upload {
  state = "waiting"; // then "sending" or "refused"; an upload that is over leaves the list
  problem = "";
  sent = 0;
  #stopping = new AbortController();
  #marks = []; // [ms, bytes] of the last seconds
  #breaks = 0; // how often it ended in a way that may be the file's own fault

  constructor(file, options, { alone }) {
    this.file = file;
    this.options = options;
    this.alone = alone;
  }

  /** Send it. If that fails in a way that may pass, it waits again when this returns, which takes a while. */
  async send() {
    this.state = "sending";
    this.sent = 0;
    this.#marks = [];
    tell();
    try {
      const job = await upload(this.file, this.options, { onProgress: (sent) => this.#mark(sent), signal: this.#stopping.signal });
      waitMs = FIRST_WAIT_MS;
      this.#leave();
      announce(`${this.file.name} was uploaded.`);
      changes.dispatchEvent(new CustomEvent("arrived", { detail: { job, file: this.file, alone: this.alone } }));
    } catch (problem) {
      if (problem.code !== "aborted") await this.#fail(problem);
    }
  }

  async #fail(problem) {
    if (problem.status === 401) {
      this.state = "waiting";
      tell();
      await keyEntered(this.#stopping.signal);
      return;
    }
    const unread = problem.status === 0 && !(await isReadable(this.file));
    this.problem = unread ? "The file can't be read any more. Was it moved? Choose it again." : problem.message;
    if (problem.status === 500 || (problem.status === 0 && this.sent > 0)) this.#breaks += 1;
    this.state = unread || !mayPass(problem) || this.#breaks > MOST_BREAKS ? "refused" : "waiting";
    if (this.state === "refused") return;
    tell();
    const wait = waitMs;
    waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 1.6);
    await pause(wait, this.#stopping.signal);
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
    if (this.state === "waiting") return this.problem ? `${this.problem} It is tried again soon.` : "Waits for its turn";
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

async function isReadable(file) {
  return file.slice(0, 1).arrayBuffer().then(() => true, () => false);
}
