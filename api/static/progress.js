// How far a job is, and how long it will take: looked at again and again until it ends.

import { getJson } from "./api.js";
import { announce, element, pause } from "./elements.js";
import { awaitsPictures, isUnfinished, stageWords } from "./states.js";
import { count, duration, percent } from "./words.js";

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 2_000;
const ANNOUNCE_EVERY_PERCENT = 25;
const ENDINGS = { done: "is done", failed: "failed", cancelled: "was cancelled" };
const FORGET = 0.7; // of the pace seen before, at each look

/** Follow a job until nothing of it will change: calls `changed(job, pace)` now and after each look.
 *  Throws a Problem when it is gone, or when the key is refused; other troubles may pass, and are told `trouble(words)`. */
export async function followJob(job, signal, { changed, trouble }) {
  const pace = new Pace();
  let wait = FIRST_WAIT_MS;
  const tell = teller();
  while (!signal.aborted) {
    pace.see(job);
    changed(job, pace);
    tell(job, pace);
    if (!isUnfinished(job) && !awaitsPictures(job)) return;
    await pause(wait, signal);
    wait = Math.min(LONGEST_WAIT_MS, wait * 1.3);
    try {
      job = await getJson(job.links.self, signal);
      trouble("");
    } catch (problem) {
      if (problem.status === 404 || problem.status === 401) throw problem;
      if (!signal.aborted) trouble(problem.message);
    }
  }
}

/** Tells listeners every now and then how far a job is, and how it ended if it ends before them. */
function teller() {
  let next = 0; // percent
  return (job, pace) => {
    if (isUnfinished(job)) {
      if (next > 0 && pace.percent < next) return;
      if (next > 0) announce(`${job.filename}: ${pace.percent} percent.`);
      next = pace.percent + ANNOUNCE_EVERY_PERCENT;
    } else if (next > 0) {
      next = 0;
      announce(`${job.filename} ${ENDINGS[job.state]}.`);
    }
  };
}

/** What is known of a job's speed. Its percent never goes back: a segment that is done again was done before. */
export class Pace {
  percent = 0;
  framesPerSecond = null;
  #last = null;

  see(job, nowMs = performance.now()) {
    this.percent = Math.max(this.percent, job.percent);
    const frames = job.frames_done;
    if (this.#last !== null && frames > this.#last.frames && nowMs > this.#last.atMs) {
      const now = ((frames - this.#last.frames) * 1000) / (nowMs - this.#last.atMs);
      this.framesPerSecond = this.framesPerSecond === null ? now : FORGET * this.framesPerSecond + (1 - FORGET) * now;
    }
    if (this.#last === null || frames > this.#last.frames) this.#last = { frames, atMs: nowMs };
  }

  /** How far the job is, in words. */
  words(job) {
    const parts = [stageWords(job.stage)];
    if (job.frames_total !== null) {
      parts.push(`${count(job.frames_done)} of ${count(job.frames_total)} frames`, percent(this.percent / 100));
    }
    if (this.framesPerSecond !== null && job.stage === "analyse") {
      parts.push(`${count(Math.round(this.framesPerSecond))} frames per second`);
      parts.push(`${duration((job.frames_total - job.frames_done) / this.framesPerSecond)} left`);
    }
    return parts.join(" · ");
  }
}

/** A bar with words under it. `show(percent, words)` moves it. */
export function progressBar(label) {
  const bar = element("progress", { max: 100, value: 0, "aria-label": label });
  const words = element("span", { class: "hint figures" });
  return {
    node: element("div", { class: "progress" }, bar, words),
    show(value, said) {
      bar.value = value;
      words.textContent = said;
    },
  };
}
