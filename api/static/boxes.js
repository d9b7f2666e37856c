// Boxes and labels over a moving picture, drawn anew for each frame with the elements of the last one.

import { element, svgElement, withAttributes } from "./elements.js";
import { readingOf, readingWords } from "./faces.js";

export class Boxes {
  #stage;
  #width;
  #height;
  #drawing;
  #pick;
  #pool = []; // [{outline, label, track}]

  /** Draw over `stage`, in a picture of width × height pixels. `pick(face)` is called when a face is clicked. */
  constructor(stage, { width, height, pick }) {
    this.#stage = stage;
    this.#width = width;
    this.#height = height;
    this.#pick = pick;
    this.#drawing = svgElement("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    stage.append(this.#drawing);
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

  #put({ outline, label }, { box }, reading) {
    withAttributes(outline, { ...box, "data-expression": reading.emotion });
    label.textContent = readingWords(reading);
    label.dataset.expression = reading.emotion;
    label.dataset.uncertain = reading.uncertain ? "yes" : "no";
    const below = box.y < 0.1 * this.#height; // no room above
    label.style.left = `${(100 * Math.max(0, box.x)) / this.#width}%`;
    label.style.top = `${(100 * (below ? box.y + box.height : box.y)) / this.#height}%`;
    label.classList.toggle("below", below);
    label.classList.toggle("leftwards", box.x > 0.7 * this.#width);
  }
}
