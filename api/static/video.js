// A video beside its timeline.

import { getJson, isKeyNeeded, mayPass, patchJson, probe, sourceOf } from "./api.js";
import { Boxes } from "./boxes.js";
import { changeBeside } from "./changes.js";
import { controlBar } from "./controls.js";
import { element, pause, say } from "./elements.js";
import { FacePanel } from "./facepanel.js";
import { Frames } from "./frames.js";
import { Player } from "./player.js";
import { endedEarly, isUnfinished, previewWords } from "./states.js";
import { showSummary } from "./summary.js";
import { Timeline } from "./timeline.js";

const FETCH_AGAIN_MS = 5_000;
const ROWS_AGAIN_MS = 1_000;

export function show(job, where, signal) {
  const view = new VideoView(job, signal);
  where.append(view.node);
  return view;
}

class VideoView {
  #job;
  #signal;
  #video = element("video", { preload: "auto", playsinline: "", "aria-label": "The video" });
  #stage = element("div", { class: "stage" }, this.#video);
  #theatre = element("div", { class: "theatre" }, this.#stage); // what fills the screen; the stage keeps its shape in it
  #notice = element("p", { class: "hint", hidden: "" });
  #trouble = element("p", { class: "hint", hidden: "" }); // with the plot
  #summary = element("div");
  #player;
  #frames;
  #boxes;
  #panel;
  #timeline;
  #track = null; // the selected one's number; null: all faces
  #scores = "smoothed";
  #source = null;
  #brokenOff = false; // while it was played
  #pictured = false; // its first picture has come
  #known = null; // {summary, tracks} of a job that is done
  #complete = false; // whether tracks and summary are shown
  #astray = false; // whether the trouble that is told is of a way that wasn't found
  #finding = false; // whether the row of the frame that is shown is on its way
  #plotted = -1; // how many frames the plot has taken notice of

  constructor(job, signal) {
    this.#job = job;
    this.#signal = signal;
    const { width, height, duration_s: duration } = job.media;
    this.#player = new Player(this.#video, { duration, signal });
    this.#frames = new Frames(job, signal);
    this.#boxes = new Boxes(this.#stage, { width, height, pick: (face) => this.#select(face.track) });
    this.#panel = new FacePanel({ rename: (track, person) => this.#rename(track, person), choose: (scores) => this.#choose(scores) });
    this.#timeline = new Timeline({ job, player: this.#player, pick: (track) => this.#select(track), signal });
    this.#stage.style.setProperty("--ratio", `${width} / ${height}`);
    this.#stage.style.setProperty("--widest", `${Math.max(width, 960)}px`);
    this.#video.addEventListener("click", () => this.#player.toggle());
    this.#video.addEventListener("error", () => this.#fail(), { signal });
    this.#video.addEventListener("loadeddata", () => this.#begin(), { signal });
    this.#video.addEventListener("resize", () => this.#shape(), { signal });
    this.#player.addEventListener("time", () => this.#draw(), { signal });
    this.#timeline.node.addEventListener("trouble", (event) => say(this.#trouble, event.detail), { signal });
    this.node = this.#layout();
  }

  /** Pixels need not be square: the browser knows how the picture is meant to be seen, at times not before its first picture. */
  #shape() {
    const { videoWidth, videoHeight } = this.#video;
    if (videoWidth > 0 && videoHeight > 0) this.#stage.style.setProperty("--ratio", `${videoWidth} / ${videoHeight}`);
  }

  #layout() {
    const moves = { toggle: () => this.#player.toggle(), step: (way) => this.#step(way), change: (way) => this.#goToChange(way) };
    const bar = controlBar(this.#player, this.#video, this.#theatre, moves, this.#signal);
    return element(
      "div",
      { class: "result" },
      element(
        "div",
        { class: "watch" },
        element("section", { class: "card", "aria-label": "Video" }, this.#theatre, this.#notice, bar),
        this.#panel.node,
      ),
      element("section", { class: "card", "aria-label": "Timeline" }, this.#timeline.node, this.#trouble, keyHelp()),
      this.#summary,
    );
  }

  /** Show what is known of the job by now. Throws when a part of it can't be had: the next call tries that one again. */
  async update(job) {
    this.#job = job;
    this.#frames.update(job);
    this.#timeline.lanes.update(job);
    this.#showMedium();
    this.#draw();
    if (job.state === "done" && !this.#complete) await this.#showResults();
    if (job.frames_done !== this.#plotted) await this.#plot();
    this.#draw();
  }

  /** Nothing waits for this: where a key is needed the whole recording has to be fetched before it can be played. */
  async #showMedium() {
    const { playable } = this.#job;
    if (playable === null) this.#say(`This format can't be played by browsers. ${previewWords(this.#job)}`);
    if (playable === null || playable.url === this.#source) return;
    this.#source = playable.url;
    if (!this.#brokenOff) this.#say(isKeyNeeded() ? "Fetching the recording…" : "");
    try {
      if (this.#brokenOff) await probe(playable.url, this.#signal); // what can't be fetched looks like a bad recording
      this.#brokenOff = false;
      this.#player.load(await sourceOf(playable.url, this.#signal), playable.start_offset_s);
      this.#say("");
    } catch (problem) {
      if (!this.#signal.aborted) await this.#fetchAgain(problem);
    }
  }

  #begin() {
    this.#pictured = true;
    this.#draw();
  }

  /** Where the network failed, or the server, the recording is loaded again. */
  async #fail() {
    const source = this.#source;
    this.#draw();
    this.#brokenOff = this.#video.error?.code === MediaError.MEDIA_ERR_NETWORK || !(await this.#isThere(source));
    if (this.#signal.aborted || source !== this.#source) return;
    if (this.#brokenOff) this.#fetchAgain({ message: "The recording can't be fetched now. It is tried again." });
    else this.#say("This browser can't play the recording; its timeline is below.");
  }

  /** Browsers call a recording whose first bytes they didn't get one that they can't play. */
  async #isThere(source) {
    return probe(source, this.#signal).then(() => true, (problem) => !mayPass(problem));
  }

  async #fetchAgain(problem) {
    this.#say(problem.message);
    if (!mayPass(problem)) return;
    await pause(FETCH_AGAIN_MS, this.#signal);
    this.#source = null;
    if (!this.#signal.aborted) this.#showMedium();
  }

  async #plot() {
    const job = this.#job;
    await this.#timeline.plot.begin({ track: this.#track, scores: this.#scores }, job);
    this.#plotted = job.frames_done;
  }

  async #showResults() {
    const [{ tracks }, summary] = await Promise.all([
      getJson(`${this.#job.links.self}/tracks?limit=1000`, this.#signal),
      getJson(`${this.#job.links.self}/summary`, this.#signal),
    ]);
    this.#complete = true;
    this.#plotted = -1; // the plot becomes that of one track
    this.#timeline.lanes.show(tracks, this.#job, summary.tracks);
    this.#panel.show(tracks);
    this.#known = { summary, tracks };
    this.#sumUp();
    const longest = tracks.reduce((most, track) => (track.face_count > (most?.face_count ?? 0) ? track : most), null);
    this.#mark(longest?.track ?? null);
  }

  #sumUp() {
    showSummary(this.#summary, { job: this.#job, ...this.#known, seek: (time, track) => this.#showMoment(time, track) });
  }

  #mark(track) {
    this.#track = track;
    this.#timeline.lanes.select(track);
    this.#panel.select(track);
  }

  async #select(track) {
    if (track === null) return;
    this.#mark(track);
    this.#draw();
    await this.#plotOther();
  }

  async #choose(scores) {
    this.#scores = scores;
    this.#draw();
    await this.#plotOther();
  }

  async #plotOther() {
    const tell = (words) => this.#signal.aborted || say(this.#trouble, words);
    await this.#timeline.plot.choose({ track: this.#track, scores: this.#scores }).then(() => tell(""), (problem) => tell(problem.message));
  }

  async #rename(track, person) {
    const renamed = await patchJson(`${this.#job.links.self}/tracks/${track}`, { person });
    this.#timeline.lanes.rename(renamed);
    this.#known.tracks = this.#known.tracks.map((one) => (one.track === track ? renamed : one));
    this.#sumUp();
    return renamed;
  }

  #showMoment(time, track) {
    this.#player.seek(time);
    this.#select(track);
  }

  /** Draw the boxes of the frame that is shown; once more when its row has come. */
  #draw() {
    const frame = this.#frames.at(this.#player.time);
    this.#drawFrame(frame);
    if (frame === null && !this.#finding) this.#findShown();
  }

  /** Fetch the row of the frame that is shown: one at a time, and what was passed by meanwhile is passed over. */
  async #findShown() {
    this.#finding = true;
    const again = (problem) => (mayPass(problem) ? pause(ROWS_AGAIN_MS, this.#signal) : null);
    while (true) {
      const { time } = this.#player;
      const found = await this.#frames.find(time).catch(again); // undefined: it could not be asked
      if (this.#signal.aborted) return;
      const frame = this.#player.time === time ? found : (this.#frames.at(this.#player.time) ?? undefined);
      if (frame === undefined) continue;
      this.#drawFrame(frame);
      break;
    }
    this.#finding = false;
  }

  #drawFrame(frame) {
    const faces = frame?.faces ?? [];
    this.#boxes.draw(faces, { selected: this.#track, scores: this.#scores });
    const face = this.#track === null ? faces[0] : faces.find((one) => one.track === this.#track);
    if (frame === null) this.#panel.wait(unreadWords(this.#job));
    else if (!face && this.#isComing()) this.#panel.wait("Loading…"); // who isn't in a picture that nobody sees?
    else this.#panel.showFace(face ?? null, this.#scores);
  }

  /** Whether the first picture of the recording is still to come. */
  #isComing() {
    return !this.#pictured && this.#source !== null && this.#video.error === null;
  }

  #step(way) {
    return this.#goWhere(async () => {
      const frame = await this.#frames.find(this.#player.time);
      return frame === null ? null : ((await this.#frames.beside(frame, way))?.time_s ?? null);
    });
  }

  #goToChange(way) {
    const { first_time_s: comes, last_time_s: goes } = this.#known?.tracks.find((one) => one.track === this.#track) ?? {};
    const wanted = { way, track: this.#track, scores: this.#scores, comes, goes };
    return this.#goWhere(() => changeBeside(this.#frames, this.#player.time, wanted));
  }

  /** Show the moment that `find` resolves to, unless it was told to show or play another one meanwhile. */
  async #goWhere(find) {
    this.#player.pause();
    const { turn } = this.#player;
    try {
      const time = await find();
      if (turn !== this.#player.turn || this.#signal.aborted) return;
      if (this.#astray) say(this.#trouble, "");
      this.#astray = false;
      if (time !== null) this.#player.seek(time);
    } catch (problem) {
      if (turn !== this.#player.turn || this.#signal.aborted) return;
      this.#astray = true;
      say(this.#trouble, problem.message);
    }
  }

  #say(words) {
    say(this.#notice, words);
  }
}

/** What is said of a frame that is not here. */
function unreadWords(job) {
  if (endedEarly(job)) return "Not read";
  return isUnfinished(job) ? "Not read yet" : "Loading…";
}

function keyHelp() {
  const keys = [["Space", "play or pause"], ["← →", "one frame"], ["[ ]", "to the change of expression before or after"], ["Click", "seek"], ["Drag", "pan the curves, or seek along a face"], ["Ctrl + wheel", "zoom"]];
  return element("p", { class: "hint keys" }, ...keys.map(([key, words]) => element("span", {}, element("kbd", {}, key), ` ${words}`)));
}
