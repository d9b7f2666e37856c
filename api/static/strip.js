// A timeline at a glance: for each stretch of time how strongly the faces read as each expression.

import { getJson } from "./api.js";
import { capitalised, clock, element } from "./elements.js";
import { EXPRESSIONS } from "./expressions.js";

const SVG = "http://www.w3.org/2000/svg";
const STRETCHES = 240;
const MOST_FRAMES = 30_000; // more would take long to fetch; the numbers below stand for them

/** Make the strip of a video that is done, or null if it is too long to be drawn at once. */
export async function timelineStrip(job) {
  if (job.summary.frames > MOST_FRAMES) return null;
  const stretches = await readStretches(job);
  const drawn = document.createElementNS(SVG, "svg");
  drawn.setAttribute("viewBox", `0 0 ${stretches.length} 100`);
  drawn.setAttribute("preserveAspectRatio", "none");
  drawn.setAttribute("shape-rendering", "crispEdges"); // no seams between stretches
  drawn.setAttribute("role", "img");
  drawn.setAttribute("aria-label", "Expressions over time; the table below has their shares");
  stretches.forEach((stretch, place) => drawStretch(drawn, stretch, place));
  return element(
    "figure",
    { class: "strip" },
    element("h3", {}, "Over time"),
    drawn,
    element(
      "div",
      { class: "row between hint" },
      element("span", {}, clock(0)),
      element("span", {}, clock(job.media.duration_s)),
    ),
    legend(),
  );
}

async function readStretches(job) {
  const span = Math.max(job.media.duration_s, 0.001);
  const number = Math.min(STRETCHES, job.summary.frames);
  const stretches = Array.from({ length: number }, () => ({ faces: 0, sums: EXPRESSIONS.map(() => 0) }));
  let cursor = "";
  do {
    const page = await getJson(`${job.links.timeline}?limit=5000${cursor}`);
    for (const frame of page.frames) {
      const stretch = stretches[Math.min(number - 1, Math.floor((frame.time_s / span) * number))];
      for (const face of frame.faces) {
        stretch.faces += 1;
        EXPRESSIONS.forEach((name, index) => (stretch.sums[index] += face.probabilities[name]));
      }
    }
    cursor = page.next === null ? null : `&cursor=${page.next}`;
  } while (cursor !== null);
  return stretches;
}

function drawStretch(drawn, stretch, place) {
  if (stretch.faces === 0) return; // nobody to be seen: the ground shows
  const whole = stretch.sums.reduce((sum, value) => sum + value, 0);
  let top = 100;
  EXPRESSIONS.forEach((name, index) => {
    const height = (100 * stretch.sums[index]) / whole;
    top -= height;
    if (height < 0.2) return;
    const piece = document.createElementNS(SVG, "rect");
    const corners = { x: place, y: top, width: 1.02, height: height + 0.1 };
    for (const [name_, value] of Object.entries(corners)) piece.setAttribute(name_, value);
    piece.setAttribute("data-expression", name);
    drawn.append(piece);
  });
}

function legend() {
  return element(
    "ul",
    { class: "legend", "aria-hidden": "true" },
    ...EXPRESSIONS.map((name) =>
      element("li", {}, element("span", { class: "swatch", "data-expression": name }), capitalised(name)),
    ),
    element("li", {}, element("span", { class: "swatch nobody" }), "No face"),
  );
}
