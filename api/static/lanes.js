// A strip of all tracks: when each face is there, and how it looks. Gaps are gaps.

import { getJson, mayPass } from "./api.js";
import { element, pause, svgElement } from "./elements.js";
import { EXPRESSIONS } from "./expressions.js";
import { glimpsed } from "./glimpses.js";
import { trackThumbnail } from "./thumbnails.js";
import { clock, count } from "./words.js";

const POINTS = 1000;
const FETCH_AGAIN_MS = 5_000;

/** Fill `where` with a lane for each track. `pick(track)` is called when one is chosen. */
export class Lanes {
  #where;
  #job;
  #axis;
  #signal;
  #pick;
  #seen;
  #lanes = new Map(); // track's number -> {node, strip}
  #more = element("li", {}, element("button", { type: "button", class: "quiet small", onclick: () => this.#showMore() }));

  constructor(where, { job, axis, pick, signal }) {
    this.#where = where;
    this.#job = job;
    this.#axis = axis;
    this.#pick = pick;
    this.#signal = signal;
    // lanes that are scrolled into sight are filled then: there may be hundreds
    this.#seen = new IntersectionObserver((entries) => entries.filter((one) => one.isIntersecting).forEach((one) => this.#fill(one.target)));
    signal.addEventListener("abort", () => this.#seen.disconnect());
    axis.addEventListener("change", () => this.#follow(), { signal });
  }

  /** Show these tracks, of `all` of a job that is done; those that were only glimpsed when they are asked for. */
  show(tracks, job, all) {
    this.#job = job;
    const brief = glimpsed(tracks);
    for (const track of tracks) {
      const lane = this.#lane(track);
      lane.node.hidden = brief.has(track.track);
      this.#lanes.set(track.track, lane);
      this.#where.append(lane.node);
      this.#seen.observe(lane.node);
    }
    if (brief.size > 0) this.#where.append(this.#more);
    if (tracks.length < all) this.#where.append(element("li", { class: "hint" }, `The first ${count(tracks.length)} of ${count(all)} faces.`));
    this.#more.firstChild.textContent = `Show ${brief.size} more, seen for a moment`;
    this.#follow();
  }

  /** The button goes: who pressed it by the keyboard goes on with the first lane that has come. */
  #showMore() {
    const first = [...this.#lanes.values()].find(({ node }) => node.hidden);
    this.#showAll();
    first.button.focus();
  }

  #showAll() {
    this.#more.remove();
    for (const { node } of this.#lanes.values()) node.hidden = false;
  }

  /** Take notice that the pictures of faces are made. */
  update(job) {
    const come = this.#job.links.thumbnail === null && job.links.thumbnail !== null;
    this.#job = job;
    for (const [number, { picture, seen }] of come ? this.#lanes : []) if (seen) trackThumbnail(picture, job, number, this.#signal);
  }

  select(number) {
    for (const [track, { button }] of this.#lanes) button.setAttribute("aria-pressed", String(track === number));
    if (!this.#lanes.has(number)) return;
    const { node } = this.#lanes.get(number);
    if (node.hidden) this.#showAll();
    this.#bringIntoSight(node);
  }

  /** Within the list only: the page stays where it is. */
  #bringIntoSight(node) {
    const [list, lane] = [this.#where.getBoundingClientRect(), node.getBoundingClientRect()];
    if (lane.top < list.top) this.#where.scrollTop -= list.top - lane.top;
    if (lane.bottom > list.bottom) this.#where.scrollTop += lane.bottom - list.bottom;
  }

  rename(track) {
    this.#lanes.get(track.track).name.textContent = nameOf(track);
  }

  #lane(track) {
    const picture = element("span", { class: "thumb", "aria-hidden": "true" });
    const name = element("span", { class: "name" }, nameOf(track));
    const when = `${clock(track.first_time_s)} to ${clock(track.last_time_s)}`;
    const button = element(
      "button",
      { type: "button", class: "lane-head", "aria-pressed": "false", title: when, onclick: () => this.#pick(track.track) },
      picture,
      name,
      element("span", { class: "visually-hidden" }, `, ${when}`),
    );
    const strip = svgElement("svg", { class: "strip", preserveAspectRatio: "none", "aria-hidden": "true" });
    const node = element("li", { class: "lane", "data-track": track.track }, button, strip);
    return { node, name, strip, picture, button, seen: false };
  }

  #follow() {
    for (const { strip } of this.#lanes.values()) strip.setAttribute("viewBox", `${this.#axis.from} 0 ${this.#axis.span} 1`);
  }

  async #fill(node) {
    this.#seen.unobserve(node);
    const number = Number(node.dataset.track);
    const lane = this.#lanes.get(number);
    lane.seen = true;
    trackThumbnail(lane.picture, this.#job, number, this.#signal);
    try {
      const query = new URLSearchParams({ track: number, points: POINTS });
      const plot = await getJson(`${this.#job.links.self}/plot?${query}`, this.#signal);
      lane.strip.replaceChildren(...presence(plot, this.#job.media).map(drawnStretch));
    } catch (problem) {
      if (!mayPass(problem)) return;
      await pause(FETCH_AGAIN_MS, this.#signal);
      if (!this.#signal.aborted) this.#seen.observe(node);
    }
  }
}

export function nameOf(track) {
  return track.person ?? `Face ${track.track + 1}`;
}

/** The stretches in which a track is there and reads as one expression: [{from, to, expression}]. */
function presence(plot, media) {
  const stretches = [];
  const { time_s: times, faces, step_s: step, probabilities } = plot;
  const frame = media.frame_count > 1 ? media.duration_s / (media.frame_count - 1) : 1;
  for (const [place, from] of times.entries()) {
    if (faces[place] === 0) continue;
    const to = step > 0 ? from + step : (times[place + 1] ?? from + frame);
    const expression = likeliest(probabilities, place);
    const last = stretches.at(-1);
    if (last && last.expression === expression && from - last.to < 1e-6) last.to = to;
    else stretches.push({ from, to, expression });
  }
  return stretches;
}

function likeliest(probabilities, place) {
  return EXPRESSIONS.reduce((best, name) => (probabilities[name][place] > probabilities[best][place] ? name : best));
}

function drawnStretch({ from, to, expression }) {
  return svgElement("rect", { x: from, y: 0, width: to - from, height: 1, "data-expression": expression });
}
