// Labels on faces, placed so that they hide neither each other nor another face, as far as there is room.

import { element } from "./elements.js";
import { readingOf, readingWords } from "./faces.js";

const GAP = 3; // pixels between a box and its label

/** Put a label on each face of a picture, and place them anew whenever the stage changes its size. */
export function labelFaces(stage, faces, media) {
  const labels = faces.map((face) => {
    const reading = readingOf(face);
    const label = element(
      "span",
      { class: "box-label", "data-expression": reading.emotion, "data-uncertain": reading.uncertain ? "yes" : "no" },
      faces.length > 1 ? element("span", { class: "number" }, `${face.face + 1}`) : null,
      element("span", { class: "words" }, readingWords(reading)),
    );
    stage.append(label);
    return label;
  });
  new ResizeObserver(() => placeLabels(stage, labels, boxesOnStage(stage, faces, media))).observe(stage);
}

function boxesOnStage(stage, faces, media) {
  const scale = stage.clientWidth / media.width;
  return faces.map(({ box }) => ({
    left: box.x * scale,
    top: box.y * scale,
    right: (box.x + box.width) * scale,
    bottom: (box.y + box.height) * scale,
  }));
}

function placeLabels(stage, labels, boxes) {
  const placed = [];
  labels.forEach((label, index) => {
    label.classList.remove("short");
    const others = boxes.filter((_, other) => other !== index);
    let spot = freeSpot(stage, label, boxes[index], [...placed, ...others]) ?? freeSpot(stage, label, boxes[index], placed);
    if (spot === null) {
      label.classList.add("short"); // its number alone; the list of faces has the words
      const spots = spotsFor(stage, label, boxes[index]);
      spot = spots.find((one) => !placed.some((two) => overlap(one, two))) ?? spots[0];
    }
    label.style.left = `${spot.left}px`;
    label.style.top = `${spot.top}px`;
    placed.push(spot);
  });
}

function freeSpot(stage, label, box, taken) {
  return spotsFor(stage, label, box).find((spot) => !taken.some((other) => overlap(spot, other))) ?? null;
}

/** Where a label may be: above or below its box, flush with either side or centred, always on the stage. */
function spotsFor(stage, label, box) {
  const { offsetWidth: width, offsetHeight: height } = label;
  const tops = [box.top - height - GAP, box.bottom + GAP];
  const lefts = [box.left, box.right - width, (box.left + box.right - width) / 2];
  return tops.flatMap((top) =>
    lefts.map((left) => {
      const x = Math.max(0, Math.min(left, stage.clientWidth - width));
      const y = Math.max(0, Math.min(top, stage.clientHeight - height));
      return { left: x, top: y, right: x + width, bottom: y + height };
    }),
  );
}

function overlap(one, two) {
  return one.left < two.right && two.left < one.right && one.top < two.bottom && two.top < one.bottom;
}
