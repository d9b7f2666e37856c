// Boxes and labels over a moving picture, drawn anew for each frame with the elements of the last one.

import { element, svgElement, withAttributes } from "./elements.js";
import { readingOf, readingWords } from "./faces.js";

const GAP = 3; // pixels between a box and its label

export class Boxes {
  #stage;
  #width;
  #height;
  #drawing;
  #pick;
  #pool = []; // [{face, outline, label}]
  #sizes = new Map(); // words -> [width, height] of their label: measuring anew for each frame would cost a layout
  #extent = [0, 0]; // of the stage, in pixels
  #resized = new ResizeObserver(() => this.#fit());

  /** Draw over `stage`, in a picture of width × height pixels. `pick(face)` is called when a face is clicked. */
  constructor(stage, { width, height, pick }) {
    this.#stage = stage;
    this.#width = width;
    this.#height = height;
    this.#pick = pick;
    this.#drawing = svgElement("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    stage.append(this.#drawing);
    this.#resized.observe(stage);
  }

  /** Show these faces and no others. `selected` is a track's number, or null; `scores` are "raw" or "smoothed". */
  draw(faces, { selected, scores }) {
    while (this.#pool.length < faces.length) this.#pool.push(this.#newPair());
    for (const [place, pair] of this.#pool.entries()) {
      const face = faces[place] ?? null;
      pair.face = face;
      pair.outline.style.display = pair.label.style.display = face === null ? "none" : "";
      if (face !== null) this.#put(pair, face, readingOf(face, scores));
      pair.outline.classList.toggle("selected", face !== null && face.track !== null && face.track === selected);
    }
  }

  /** Take everything off the stage, for example because the picture has become another size. */
  remove() {
    this.#resized.disconnect();
    this.#drawing.remove();
    for (const { label } of this.#pool) label.remove();
  }

  #newPair() {
    const pair = { face: null, outline: svgElement("rect", { class: "pickable" }), label: element("span", { class: "box-label" }) };
    pair.outline.addEventListener("click", () => this.#pick(pair.face));
    this.#drawing.append(pair.outline);
    this.#stage.append(pair.label);
    return pair;
  }

  /** Place all labels anew: the stage, or a letter, has another size. */
  #fit() {
    this.#sizes.clear();
    this.#extent = [this.#stage.clientWidth, this.#stage.clientHeight];
    for (const pair of this.#pool) if (pair.face !== null) this.#place(pair);
  }

  #put(pair, { box }, reading) {
    const { outline, label } = pair;
    withAttributes(outline, { ...box, "data-expression": reading.emotion });
    const words = readingWords(reading);
    if (label.textContent !== words) label.textContent = words;
    label.dataset.expression = reading.emotion;
    label.dataset.uncertain = reading.uncertain ? "yes" : "no";
    this.#place(pair);
  }

  /** Put a label above its box, or below it, or within a close-up; always on the stage. */
  #place({ face: { box }, label }) {
    const [width, height] = this.#sizeOf(label);
    const [stageWidth, stageHeight] = this.#extent;
    const [top, bottom] = [box.y, box.y + box.height].map((y) => (y * stageHeight) / this.#height);
    const left = (box.x * stageWidth) / this.#width;
    const tops = [top - GAP - height, bottom + GAP, Math.max(0, top) + GAP];
    const place = tops.find((y) => y >= 0 && y + height <= stageHeight) ?? 0;
    label.style.left = `${Math.max(0, Math.min(left, stageWidth - width))}px`;
    label.style.top = `${place}px`;
  }

  #sizeOf(label) {
    const words = label.textContent;
    if (!this.#sizes.has(words)) {
      const { width, height } = label.getBoundingClientRect();
      this.#sizes.set(words, [Math.ceil(width), Math.ceil(height)]);
    }
    return this.#sizes.get(words);
  }
}
