// A list of jobs that keeps itself up to date.

import { getJson, insist } from "./api.js";
import { preparePlotly } from "./charts.js";
import { announce, element, pause, say } from "./elements.js";
import { askAndDelete } from "./deletion.js";
import { jobAddress } from "./router.js";
import { awaitsPictures, isUnfinished, stateLabel } from "./states.js";
import { thumbnail } from "./thumbnails.js";
import { bytes, clock, moment } from "./words.js";

const LOOK_AGAIN_MS = 3_000;
const LARGEST_PAGE = 200;

export class JobList {
  #list;
  #empty;
  #problem;
  #page;
  #signal;
  #jobs = new Map(); // id -> job, newest first
  #leaving = new Set(); // ids of jobs that are being deleted: nobody asks for them any more
  #next = null;
  #wanted = "";
  #begun = 0; // how often the list was read from its beginning

  /** `list` is the element to fill; `empty` and `problem` take words; `page` is how many are shown at first. */
  constructor(list, { empty, problem, page }, signal) {
    this.#list = list;
    this.#empty = empty;
    this.#problem = problem;
    this.#page = page;
    this.#signal = signal;
    this.#watch();
  }

  /** Whether there are older ones on the server. */
  get more() {
    return this.#next !== null;
  }

  /** Show the newest jobs, as many as were shown before; tries again until they come. */
  async show() {
    const limit = Math.min(LARGEST_PAGE, Math.max(this.#page, this.#jobs.size));
    this.#begun += 1;
    const read = () => this.#fetch(`limit=${limit}`, () => this.#jobs.clear());
    try {
      await insist(read, this.#signal, this.#complain);
      await this.#searchOn(); // what a search had found may be older than these
    } catch (problem) {
      this.#complain(problem);
    }
  }

  async showOlder() {
    await this.#read(`limit=${this.#page}&cursor=${this.#next}`);
  }

  /** Show only jobs with these words in their names, of all there are on the server. */
  async search(words) {
    this.#wanted = comparable(words.trim());
    this.#draw();
    await this.#searchOn();
  }

  async #searchOn() {
    const wanted = this.#wanted;
    while (wanted !== "" && wanted === this.#wanted && this.more && !this.#signal.aborted) {
      if (!(await this.#read(`limit=${LARGEST_PAGE}&cursor=${this.#next}`))) return;
    }
  }

  /** Read a page of the list. Returns whether it came; if not, the same one can be asked for again. */
  async #read(query) {
    try {
      return await this.#fetch(query);
    } catch (problem) {
      this.#complain(problem);
      return false;
    }
  }

  /** Read a page of the list, and call `before` before its jobs are added. Returns whether it was still wanted. */
  async #fetch(query, before = () => undefined) {
    const begun = this.#begun;
    const page = await getJson(`/v1/jobs?${query}`, this.#signal);
    if (begun !== this.#begun) return false; // the list was begun anew meanwhile: this would leave a gap in it
    before();
    for (const job of page.jobs) this.#jobs.set(job.id, job);
    this.#next = page.next;
    say(this.#problem, "");
    this.#draw();
    return true;
  }

  #complain = (problem) => {
    if (!this.#signal.aborted) say(this.#problem, problem.message);
  };

  #draw() {
    const shown = [...this.#jobs.values()].filter((job) => comparable(job.filename).includes(this.#wanted));
    const old = new Map([...this.#list.children].map((row) => [row.dataset.job, row]));
    const rows = shown.map((job) => old.get(job.id) ?? this.#row(job));
    arrange(this.#list, rows);
    for (const job of shown) this.#refresh(job);
    say(this.#empty, shown.length > 0 ? "" : this.#wanted ? "No name has these words in it." : "None yet.");
    this.#list.dispatchEvent(new Event("drawn"));
  }

  async #watch() {
    while (!this.#signal.aborted) {
      await pause(LOOK_AGAIN_MS, this.#signal);
      if (document.hidden) continue;
      for (const job of [...this.#jobs.values()].filter((one) => isUnfinished(one) || awaitsPictures(one))) {
        if (this.#leaving.has(job.id)) continue;
        const found = await getJson(job.links.self, this.#signal).catch((problem) => problem); // the next look may do better
        if (this.#leaving.has(job.id) || !this.#jobs.has(job.id)) continue;
        if (found.status === 404) this.#drop(job.id); // somebody else deleted it
        if (found instanceof Error) continue;
        this.#jobs.set(job.id, found);
        this.#refresh(found);
      }
    }
  }

  #refresh(job) {
    const row = this.#list.querySelector(`[data-job="${job.id}"]`);
    const looks = JSON.stringify([job.state, job.percent, job.links.thumbnail, job.media === null]);
    if (row === null || row.dataset.looks === looks) return;
    row.dataset.looks = looks;
    this.#picture(row.querySelector(".thumb"), job);
    row.querySelector(".state").replaceWith(stateLabel(job.state));
    row.querySelector(".hint").textContent = factsOf(job);
    const bar = row.querySelector("progress");
    bar.hidden = !isUnfinished(job);
    bar.value = Math.max(bar.value, job.percent);
  }

  #picture(where, job) {
    const looks = JSON.stringify([job.links.thumbnail, job.media?.still]);
    if (where.dataset.looks === looks) return;
    where.dataset.looks = looks;
    where.replaceChildren();
    thumbnail(where, job, this.#signal);
  }

  #row(job) {
    return element(
      "li",
      { "data-job": job.id },
      element(
        "a",
        { href: jobAddress(job.id), class: "open", onpointerenter: () => this.#expect(job.id), onfocus: () => this.#expect(job.id) },
        element("span", { class: "thumb", "aria-hidden": "true" }),
        element("span", { class: "stack grow" },
          element("span", { class: "name" }, job.filename),
          element("span", { class: "hint figures" }),
          element("progress", { max: 100, value: 0, "aria-label": `Progress of ${job.filename}` }),
        ),
      ),
      element("span", { class: "state" }),
      element("button", { type: "button", class: "quiet delete", "aria-label": `Delete ${job.filename}`, onclick: () => this.#delete(job) }, "Delete"),
    );
  }

  /** Somebody is about to open this job: fetch what its view needs. */
  #expect(id) {
    const job = this.#jobs.get(id);
    if (job?.state === "done" && !job.media.still) preparePlotly();
  }

  async #delete(job) {
    this.#leaving.add(job.id);
    const gone = await askAndDelete(job, (words) => say(this.#problem, words));
    if (!gone) {
      this.#leaving.delete(job.id);
      return;
    }
    this.#drop(job.id);
    announce(`${job.filename} was deleted.`);
  }

  /** Take a job that is gone off the list, and who was at its row by keyboard to the next one. */
  #drop(id) {
    const place = [...this.#list.children].findIndex((row) => row.dataset.job === id);
    const focused = this.#list.children[place]?.contains(document.activeElement);
    this.#jobs.delete(id);
    this.#draw();
    if (this.#jobs.size < this.#page && this.more) this.show();
    if (!focused) return;
    const next = this.#list.children[Math.min(place, this.#list.children.length - 1)];
    (next?.querySelector(".open") ?? document.querySelector("h1")).focus();
  }
}

/** Have a list consist of these rows. Only rows that aren't where they belong are moved: moving one takes its focus. */
function arrange(list, rows) {
  const kept = new Set(rows);
  for (const row of [...list.children]) if (!kept.has(row)) row.remove();
  rows.forEach((row, place) => {
    if (list.children[place] !== row) list.insertBefore(row, list.children[place] ?? null);
  });
}

/** Some systems write an accent as a character of its own. */
function comparable(words) {
  return words.normalize("NFC").toLowerCase();
}

function factsOf(job) {
  const facts = [moment(job.created_at), bytes(job.size_bytes)];
  if (job.media && !job.media.still) facts.push(clock(job.media.duration_s));
  if (isUnfinished(job) && job.frames_total !== null) facts.push(`${job.percent} %`);
  return facts.join(" · ");
}
