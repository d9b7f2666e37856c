// Plot, lanes and playhead under each other on one axis of time: a click seeks, and so does a drag along a lane; one of the
// plot pans.

import { TimeAxis } from "./axis.js";
import { element } from "./elements.js";
import { EXPRESSIONS } from "./expressions.js";
import { Lanes } from "./lanes.js";
import { ExpressionPlot } from "./plot.js";
import { capitalised } from "./words.js";

const EDGE = 14; // pixels to the right of the axis
const WIDE_GUTTER = 136; // and to its left: pictures and names of the tracks
const NARROW_GUTTER = 64;
const CLICK_PIXELS = 4; // a pointer that moves less than that has clicked
const BORDER = 1e-6; // of what is shown
const STEP_ZOOM = 1.6;
const WHEEL_ZOOM = 1.002; // per pixel of the wheel

/** Make the timeline of a video. `pick(track)` is called when a lane is chosen. */
export class Timeline {
  #player;
  #area = element("div", { class: "timeline" });
  #drawing = element("div", { class: "plot", role: "img", "aria-label": "The seven expressions over time" });
  #head = element("div", { class: "playhead", "aria-hidden": "true" });
  #list = element("ul", { class: "lanes", "aria-label": "Faces over time" });

  constructor({ job, player, pick, signal }) {
    this.#player = player;
    this.axis = new TimeAxis(job.media.duration_s);
    const narrow = matchMedia("(max-width: 44rem)");
    const gutter = () => (narrow.matches ? NARROW_GUTTER : WIDE_GUTTER);
    const fit = () => this.#area.style.setProperty("--gutter", `${gutter()}px`);
    this.#area.style.setProperty("--edge", `${EDGE}px`);
    narrow.addEventListener("change", fit, { signal });
    fit();
    this.gutter = gutter;
    this.plot = new ExpressionPlot(this.#drawing, { job, axis: this.axis, gutter, edge: EDGE, signal });
    this.lanes = new Lanes(this.#list, { job, axis: this.axis, pick, signal });
    this.#area.append(this.#drawing, this.#list, this.#head);
    this.node = element("div", { class: "stack" }, this.#zoomBar(), this.#area);
    this.#watch(signal);
  }

  #zoomBar() {
    const zoom = (factor) => () => this.axis.zoom(factor, this.#player.time);
    const button = (words, label, onclick) => element("button", { type: "button", class: "quiet small", "aria-label": label, title: label, onclick }, words);
    return element(
      "div",
      { class: "row between" },
      element("ul", { class: "legend", "aria-label": "Curves that are shown" }, ...EXPRESSIONS.map((name) => this.#key(name))),
      element("div", { class: "row tight" }, button("−", "Zoom out", zoom(STEP_ZOOM)), button("+", "Zoom in", zoom(1 / STEP_ZOOM)), button("All", "Show all", () => this.axis.showAll())),
    );
  }

  /** A curve's name and colour: a press hides the curve, another one shows it again. */
  #key(name) {
    const swatch = element("span", { class: "swatch", "data-expression": name });
    const button = element("button", { type: "button", class: "key", "aria-pressed": "true", onclick: () => press() }, swatch, capitalised(name));
    const press = () => button.setAttribute("aria-pressed", String(this.plot.toggle(name)));
    return element("li", {}, button);
  }

  #watch(signal) {
    const show = () => this.#showHead();
    this.#player.addEventListener("time", () => {
      if (this.#player.playing) this.axis.follow(this.#player.time);
      show();
    }, { signal });
    this.#player.addEventListener("sought", () => this.#bringIntoSight(this.#player.time), { signal });
    this.axis.addEventListener("change", show, { signal });
    const sized = new ResizeObserver(show);
    sized.observe(this.#area);
    signal.addEventListener("abort", () => sized.disconnect());
    this.#area.addEventListener("pointerdown", (event) => this.#press(event));
    this.#area.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  /** A drag along the lanes may end at the very edge, give or take a rounding error: that is in sight. */
  #bringIntoSight(time) {
    const share = this.axis.shareOf(time);
    if (share < -BORDER || share > 1 + BORDER) this.axis.follow(time);
  }

  #showHead() {
    const share = this.axis.shareOf(this.#player.time);
    this.#head.hidden = share < 0 || share > 1;
    this.#head.style.transform = `translateX(${this.gutter() + share * this.#width}px)`;
  }

  get #width() {
    return this.#area.clientWidth - this.gutter() - EDGE;
  }

  #timeAt(event) {
    const left = this.#area.getBoundingClientRect().left + this.gutter();
    return this.axis.timeAt(Math.max(0, Math.min(1, (event.clientX - left) / this.#width)));
  }

  /** On the lanes a mouse seeks at once and as it is dragged. A thumb scrolls them, and a drag pans the plot: there only
   *  what stays where it is seeks. */
  #press(event) {
    if (event.button !== 0 || event.target.closest("button")) return;
    const onLanes = event.target.closest(".lanes") !== null;
    if (onLanes && event.target.closest(".strip") === null) return; // their scrollbar, for example
    const until = new AbortController();
    const over = () => until.abort();
    if (onLanes && event.pointerType !== "touch") {
      event.preventDefault();
      this.#player.seek(this.#timeAt(event));
      window.addEventListener("pointermove", (moved) => this.#player.seek(this.#timeAt(moved)), { signal: until.signal });
    } else {
      window.addEventListener("pointerup", (up) => {
        const moved = Math.hypot(up.clientX - event.clientX, up.clientY - event.clientY);
        if (moved < CLICK_PIXELS) this.#player.seek(this.#timeAt(up));
      }, { signal: until.signal, capture: true });
    }
    window.addEventListener("pointerup", over, { once: true });
    window.addEventListener("pointercancel", over, { once: true });
  }

  /** A pinch or Ctrl zooms; sideways pans; the plain wheel is the page's. */
  #wheel(event) {
    if (event.ctrlKey) {
      event.preventDefault();
      this.axis.zoom(WHEEL_ZOOM ** event.deltaY, this.#timeAt(event));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      this.axis.pan((event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX) / this.#width);
    }
  }
}
