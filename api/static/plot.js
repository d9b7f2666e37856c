// The seven expressions over time: lines that can be panned, zoomed and read. plotly draws them.

import { getJson } from "./api.js";
import { plotly, plotlySoon } from "./charts.js";
import { pause } from "./elements.js";
import { EXPRESSIONS, hueOf } from "./expressions.js";
import { sketch } from "./sketch.js";
import { timeMarks } from "./ticks.js";
import { capitalised } from "./words.js";

const HEIGHT = 220;
const BELOW = 30; // room for the marks of the time axis
const POINTS_PER_PIXEL = 1;
const MOST_POINTS = 5000;
const DOT = 5; // pixels across
const MOST_DOTS = 1000;
const AHEAD = 1; // spans fetched on either side of what is shown
const FINER = 0.4; // zoomed in by more than this, detail is fetched
const SEEN_MS = 50; // for the sketch to reach the screen, before plotly is compiled
const CONFIG = { displayModeBar: false, doubleClick: false, scrollZoom: false, showTips: false, responsive: false };

export class ExpressionPlot {
  #where;
  #axis;
  #job;
  #signal;
  #gutter;
  #edge;
  #plotly = null;
  #coming = null; // plotly's first drawing
  #watched = false;
  #wanted = { track: null, scores: "smoothed" };
  #data = null; // {from, to, reply}
  #ours = false; // a change of the axis that plotly itself made
  #hidden = new Set(); // expressions whose curves are not wanted
  #due = 0;
  #turn = 0;
  #reading = false;
  #released = Promise.resolve(); // waits while the plot is dragged: drawing anew would let go of it

  /** Draw into `where`, `gutter` pixels from its left and `edge` from its right border, in step with `axis`. */
  constructor(where, { job, axis, gutter, edge, signal }) {
    this.#where = where;
    this.#axis = axis;
    this.#job = job;
    this.#gutter = gutter;
    this.#edge = edge;
    this.#signal = signal;
    axis.addEventListener("change", () => this.#ours || this.#moveSoon(), { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#redraw(), { signal });
    const sized = new ResizeObserver(() => this.#redraw());
    sized.observe(where);
    signal.addEventListener("abort", () => sized.disconnect());
  }

  /** Show a track (null: all faces): its curves as soon as they are known, plotly's plot of them when it has come. */
  async begin(wanted, job = this.#job) {
    plotlySoon();
    await this.choose(wanted, job);
    this.#coming ??= this.#plotAll().catch((problem) => {
      this.#coming = null; // the next call tries again; the sketch stays
      throw problem;
    });
    await this.#coming;
  }

  async #plotAll() {
    if (window.Plotly === undefined) await pause(SEEN_MS, this.#signal);
    const drawer = await plotly();
    if (this.#signal.aborted) return;
    this.#plotly = drawer;
    if (this.#data !== null) await this.#draw();
  }

  /** Show another track (null: all faces) or other scores. */
  async choose(wanted, job = this.#job) {
    this.#wanted = wanted;
    await this.refresh(job);
  }

  /** Fetch what is shown anew, for example because there is more of it. */
  async refresh(job = this.#job) {
    this.#job = job;
    this.#turn += 1;
    const mine = this.#turn;
    const data = await this.#read();
    await this.#released;
    if (mine !== this.#turn || this.#signal.aborted) return;
    this.#data = data;
    await this.#draw();
  }

  /** With plotly, or as a sketch until it has come; where nobody sees it, not before it is seen. */
  async #draw() {
    if (this.#where.clientWidth === 0) return;
    const layout = { ...this.#layout(), width: this.#where.clientWidth };
    if (this.#plotly === null) {
      this.#where.replaceChildren(sketch(this.#traces(), layout));
    } else {
      await this.#plotly.react(this.#where, this.#traces(), layout, CONFIG);
      this.#where.querySelector(".sketch")?.remove();
      if (!this.#watched) this.#watch();
    }
  }

  /** Hide an expression's curve, or show it again. Returns whether it is shown. */
  toggle(expression) {
    if (!this.#hidden.delete(expression)) this.#hidden.add(expression);
    this.#redraw();
    return !this.#hidden.has(expression);
  }

  get #width() {
    return Math.max(50, this.#where.clientWidth - this.#gutter() - this.#edge);
  }

  async #read() {
    const { from, to, span } = this.#axis;
    const [first, end] = [Math.max(0, from - AHEAD * span), Math.min(this.#job.media.duration_s + 0.001, to + AHEAD * span)];
    const points = Math.min(MOST_POINTS, Math.round(((end - first) / span) * this.#width * POINTS_PER_PIXEL));
    const query = new URLSearchParams({ from_s: first, to_s: Math.max(end, first + 0.001), points, scores: this.#wanted.scores });
    if (this.#wanted.track !== null) query.set("track", this.#wanted.track);
    return { from: first, to: end, span, reply: await getJson(`${this.#job.links.self}/plot?${query}`, this.#signal) };
  }

  #traces() {
    const { time_s: times, probabilities, step_s: step } = this.#data.reply;
    const x = times.map((time) => time + step / 2); // a mean stands in the middle of what it is of
    const curves = EXPRESSIONS.map((name) => ({
      x,
      y: probabilities[name],
      name: capitalised(name),
      visible: !this.#hidden.has(name),
      mode: "lines",
      line: { color: hueOf(name), width: 2, simplify: true },
      connectgaps: false,
      hovertemplate: "%{y:.0%}",
    }));
    const dots = dotsOf(curves.filter((curve) => curve.visible));
    return dots.x.length === 0 ? curves : [...curves, dots];
  }

  #layout() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axes = { color: colour("--soft"), gridcolor: colour("--line"), zeroline: false };
    return {
      height: HEIGHT,
      margin: { l: this.#gutter(), r: this.#edge, t: 8, b: BELOW },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "inherit", size: 12, color: colour("--soft") },
      showlegend: false,
      hovermode: "x unified",
      hoverlabel: { bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: colour("--ink") } },
      dragmode: "pan",
      xaxis: { ...axes, ...this.#stretch(), showgrid: false, ticks: "outside", ticklen: 5, hoverformat: ".2f", unifiedhovertitle: { text: "%{x:.2f} s" } },
      yaxis: { ...axes, range: [0, 1.02], fixedrange: true, tickformat: ".0%", dtick: 0.25, ticksuffix: " " },
      uirevision: "same",
    };
  }

  #stretch() {
    const { from, to } = this.#axis;
    const marks = timeMarks(from, to, this.#width);
    return { range: [from, to], tickmode: "array", tickvals: marks.values, ticktext: marks.words };
  }

  #watch() {
    this.#watched = true;
    this.#where.addEventListener("pointerdown", () => this.#hold(), { signal: this.#signal });
    this.#where.on("plotly_relayouting", (event) => this.#followDrag(event, { dragging: true }));
    this.#where.on("plotly_relayout", (event) => this.#followDrag(event, { dragging: false }));
    this.#signal.addEventListener("abort", () => this.#plotly.purge(this.#where));
  }

  #hold() {
    this.#released = new Promise((resolve) => {
      // plotly ends its drag at the mouseup, which comes after the pointerup
      const release = () => requestAnimationFrame(resolve);
      for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, release, { once: true, signal: this.#signal, capture: true });
    });
  }

  /** Show everywhere what a drag shows here. Dragged past an end, the plot goes back to what is shown when it is let go. */
  #followDrag(event, { dragging }) {
    const [from, to] = [event["xaxis.range[0]"], event["xaxis.range[1]"]];
    if (from === undefined) return;
    this.#ours = true;
    this.#axis.show(from, to);
    this.#ours = false;
    this.#moveSoon({ dragging });
  }

  /** Once per frame of the screen at most. */
  #moveSoon({ dragging = false } = {}) {
    cancelAnimationFrame(this.#due);
    this.#due = requestAnimationFrame(() => {
      if (this.#signal.aborted || this.#data === null) return;
      if (!dragging) this.#move();
      this.#catchUp();
    });
  }

  #move() {
    if (!this.#watched) return this.#redraw();
    const { range, ...axis } = this.#where.layout.xaxis;
    const { from, to } = this.#axis;
    if (range[0] !== from || range[1] !== to) this.#plotly.relayout(this.#where, { xaxis: { ...axis, ...this.#stretch() } });
  }

  /** Fetch what is shown, one stretch at a time: a long drag asks again only when the answer before is in. */
  async #catchUp() {
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (!this.#signal.aborted && this.#needsOther()) {
        await this.refresh();
        this.#tell("");
      }
    } catch (problem) {
      this.#tell(problem.message); // what is there stays; the next move asks again
    } finally {
      this.#reading = false;
    }
  }

  #tell(words) {
    if (!this.#signal.aborted) this.#where.dispatchEvent(new CustomEvent("trouble", { detail: words, bubbles: true }));
  }

  #needsOther() {
    const { from, to, span } = this.#axis;
    const end = this.#job.media.duration_s;
    const outside = from < this.#data.from - 1e-6 || Math.min(to, end) > this.#data.to + 1e-6;
    const coarse = span < FINER * this.#data.span && this.#data.reply.grain !== "frame";
    return outside || coarse || span > this.#data.span / FINER;
  }

  #redraw() {
    if (this.#signal.aborted || this.#data === null) return;
    this.#draw();
  }
}

/** Curves' points without neighbours, of which a line shows nothing: as dots of their own, since a marker costs far more than
 *  a point of a line. */
function dotsOf(curves) {
  const [x, y, color] = [[], [], []];
  for (const curve of curves) {
    for (const [place, value] of curve.y.entries()) {
      if (value === null || (curve.y[place - 1] ?? null) !== null || (curve.y[place + 1] ?? null) !== null) continue;
      x.push(curve.x[place]);
      y.push(value);
      color.push(curve.line.color);
    }
  }
  return { x, y, visible: true, mode: "markers", marker: { color, size: DOT, maxdisplayed: MOST_DOTS }, hoverinfo: "skip" };
}
