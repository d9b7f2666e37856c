// What was seen in a recording, shown as it becomes known.

import { mayPass } from "./api.js";
import { plotlySoon } from "./charts.js";
import { element, pause, say } from "./elements.js";
import { endedEarly } from "./states.js";

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 5_000;

/** One job's view. What can't be fetched is told and fetched again, since a job that is done is not looked at again. */
export class Results {
  #signal;
  #problem = element("p", { class: "notice bad", role: "alert", hidden: "" });
  #view = null;
  #latest = null; // the job as it was seen last
  #busy = false;

  constructor(signal) {
    this.#signal = signal;
    this.node = element("div", { class: "result" }, this.#problem);
  }

  /** Take notice of how far the job is. */
  show(job) {
    this.#latest = job;
    if (!this.#busy) this.#catchUp();
  }

  async #catchUp() {
    this.#busy = true;
    let [shown, tries] = [null, 0];
    while (shown !== this.#latest && !this.#signal.aborted) {
      const job = this.#latest;
      try {
        await this.#bring(job);
        [shown, tries] = [job, 0];
        say(this.#problem, "");
      } catch (problem) {
        if (this.#signal.aborted) break;
        say(this.#problem, problem.message);
        if (!mayPass(problem)) break;
        await pause(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** tries), this.#signal);
        tries += 1;
      }
    }
    this.#busy = false; // no later than the last look at what is the latest
  }

  async #bring(job) {
    if (this.#view === null) {
      if (endedEarly(job) || (job.state !== "done" && !canBeginEarly(job))) return;
      if (!job.media.still) plotlySoon();
      const { show } = await import(job.media.still ? "./still.js" : "./video.js");
      if (this.#signal.aborted) return;
      this.#view = await show(job, this.node, this.#signal);
    }
    await this.#view.update(job);
  }
}

/** A video is shown while it is worked on: its timeline grows. */
function canBeginEarly(job) {
  return job.media !== null && !job.media.still && job.frames_done > 0;
}
