// The timeline's rows, fetched in pieces around where they are looked at; old pieces are forgotten.

import { getJson } from "./api.js";

const LOOKED_AT_PER_PIECE = 250;
const MOST_PIECES = 24; // memory stays flat however long the playback
const SLACK_S = 0.0005; // players round times to microseconds or milliseconds

export class Frames {
  #job;
  #signal;
  #span; // frames of the stream that a piece covers
  #pieces = new Map(); // number -> {frames, whole}, the oldest used first
  #coming = new Map(); // number -> promise
  #unread = Infinity; // from which time on nothing is looked at yet
  #plan = null; // of the job, which all rows here follow
  #era = 0; // of what is here: another one begins when it no longer holds

  constructor(job, signal) {
    this.#signal = signal;
    this.#job = job;
    this.update(job);
  }

  /** Take notice of how far the job is: what was read before it was all there is read again. */
  update(job) {
    const sparse = job.frames_total === null ? 1 : job.media.frame_count / Math.max(1, job.frames_total);
    const span = Math.max(1, Math.round(LOOKED_AT_PER_PIECE * sparse));
    const isAnew = span !== this.#span || job.frames_done < this.#job.frames_done; // it was planned once more
    if (isAnew || this.#job.state !== job.state) this.#forget(); // tracks come last
    this.#job = job;
    this.#span = span;
    this.#unread = Infinity;
    for (const [number, piece] of this.#pieces) if (!piece.whole) this.#pieces.delete(number);
  }

  #forget() {
    this.#pieces.clear();
    this.#coming.clear();
    this.#era += 1;
  }

  /** The looked-at frame shown at a time, in seconds from the first frame; null if it is not here (yet).
   *  Fetches what follows it, for the next time. */
  at(time) {
    const number = this.#numberOf(time);
    const piece = this.#use(number);
    if (piece === null) return null;
    if (time > midway(piece)) this.#fetch(number + 1);
    return this.#holds(number, time) ? lastUntil(piece.frames, time) : null;
  }

  /** The frame shown at a time, fetched if need be; null if there is none. */
  async find(time) {
    await this.#load(this.#numberOf(time));
    return this.at(time) ?? this.#search(time);
  }

  /** Ask the server where a time lies: the frame shown then is in the piece of the next one, or before it. */
  async #search(time) {
    if (time >= this.#unread) return null;
    const query = new URLSearchParams({ from_s: time, limit: 1 });
    const { frames } = await this.#ask(query);
    if (frames.length === 0 && this.#job.state !== "done") {
      this.#unread = Math.min(this.#unread, time);
      return null;
    }
    const number = frames.length === 0 ? this.#last : Math.floor(frames[0].frame / this.#span);
    const piece = await this.#load(number);
    return lastUntil(piece.frames, time) ?? this.#neighbour(number, -1);
  }

  /** The looked-at frame after (step 1) or before (step -1) a frame; null at the ends. */
  async beside(frame, step) {
    const number = Math.floor(frame.frame / this.#span);
    const piece = await this.#load(number);
    const place =
      step > 0
        ? piece.frames.findIndex((one) => one.frame > frame.frame)
        : piece.frames.findLastIndex((one) => one.frame < frame.frame);
    return piece.frames[place] ?? this.#neighbour(number, step);
  }

  async #neighbour(number, step) {
    for (let other = number + step; other >= 0 && other <= this.#last; other += step) {
      const { frames, whole } = await this.#load(other);
      if (frames.length > 0) return step > 0 ? frames[0] : frames.at(-1);
      if (!whole) return null; // nothing behind it is looked at yet
    }
    return null;
  }

  get #last() {
    return Math.floor((this.#job.media.frame_count - 1) / this.#span);
  }

  /** The piece that a time lies in, if it is here; else where it would lie if frames came evenly. */
  #numberOf(time) {
    for (const number of this.#pieces.keys()) if (this.#holds(number, time)) return number;
    const { duration_s: duration, frame_count: total } = this.#job.media;
    const even = duration > 0 ? (time / duration) * (total - 1) : 0;
    return Math.max(0, Math.min(this.#last, Math.floor((even + 0.5) / this.#span)));
  }

  /** Whether the frame shown at a time is surely one of a piece that is here. */
  #holds(number, time) {
    const { frames, whole } = this.#pieces.get(number);
    if (frames.length === 0 || time + SLACK_S < frames[0].time_s) return false;
    if (time <= frames.at(-1).time_s + SLACK_S || (whole && number === this.#last)) return true;
    const next = this.#pieces.get(number + 1)?.frames[0];
    return next !== undefined && time + SLACK_S < next.time_s;
  }

  #use(number) {
    const piece = this.#pieces.get(number);
    if (piece === undefined) return null;
    this.#pieces.delete(number);
    this.#pieces.set(number, piece);
    return piece;
  }

  async #load(number) {
    return this.#use(number) ?? this.#fetch(number);
  }

  #fetch(number) {
    if (number * this.#span >= this.#job.media.frame_count) return Promise.resolve({ frames: [], whole: true });
    if (this.#pieces.has(number)) return Promise.resolve(this.#pieces.get(number));
    if (!this.#coming.has(number)) {
      const coming = this.#read(number).finally(() => this.#coming.get(number) === coming && this.#coming.delete(number));
      coming.catch(() => undefined); // whoever waits for it sees it
      this.#coming.set(number, coming);
    }
    return this.#coming.get(number);
  }

  async #read(number) {
    const era = this.#era;
    const piece = await this.#rowsOf(number);
    if (this.#era !== era) return this.#load(number); // these were read before the tracks were known, or of another plan
    this.#pieces.set(number, piece);
    if (this.#pieces.size > MOST_PIECES) this.#pieces.delete(this.#pieces.keys().next().value);
    return piece;
  }

  /** Where frames come denser than elsewhere a piece takes several pages. */
  async #rowsOf(number) {
    const [first, end] = [number * this.#span, (number + 1) * this.#span];
    const frames = [];
    let cursor = first - 1;
    while (true) {
      const page = await this.#ask(new URLSearchParams({ cursor, limit: LOOKED_AT_PER_PIECE + 1 }));
      frames.push(...page.frames);
      const whole = (page.done && page.next === null) || frames.at(-1)?.frame >= end;
      const isAll = whole || page.next === null || page.frames.length <= LOOKED_AT_PER_PIECE; // a job's next rows come later
      if (isAll) return { frames: frames.filter((frame) => frame.frame < end), whole };
      cursor = page.next;
    }
  }

  /** A page of the timeline. Of a job that was planned anew nothing read before it is kept. */
  async #ask(query) {
    const page = await getJson(`${this.#job.links.timeline}?${query}`, this.#signal);
    if (this.#plan !== null && page.plan !== this.#plan) this.#forget(); // also where an older page came late: it is asked anew
    this.#plan = page.plan;
    return page;
  }
}

function midway({ frames }) {
  return frames.length === 0 ? Infinity : (frames[0].time_s + frames.at(-1).time_s) / 2;
}

/** The last frame whose time has come, by bisection; null before the first. */
function lastUntil(frames, time) {
  let [low, high] = [0, frames.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (frames[middle].time_s <= time + SLACK_S) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? null : frames[low - 1];
}
