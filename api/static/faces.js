// What is said of a face.

import { EXPRESSIONS } from "./expressions.js";
import { capitalised, percent } from "./words.js";

const { poorBelow } = document.body.dataset;
let uncertainBelow = 0;

/** From here on readings with less confidence are uncertain: what the model of the shown recording says of itself. */
export function doubtBelow(confidence) {
  uncertainBelow = confidence;
}

/** A face's raw or smoothed probabilities, and what they say: {probabilities, emotion, confidence, uncertain, poor}. */
export function readingOf(face, scores = "raw") {
  const probabilities = (scores === "smoothed" && face.smoothed) || face.probabilities;
  const emotion = EXPRESSIONS.reduce((best, name) => (probabilities[name] > probabilities[best] ? name : best));
  const confidence = probabilities[emotion];
  return {
    probabilities,
    emotion,
    confidence,
    uncertain: confidence < uncertainBelow,
    poor: face.quality !== null && face.quality < Number(poorBelow),
  };
}

/** "Happy 88 %", or "Uncertain: happy 41 %". */
export function readingWords({ emotion, confidence, uncertain }) {
  const words = `${emotion} ${percent(confidence)}`;
  return uncertain ? `Uncertain: ${words}` : capitalised(words);
}

/** A sentence on how far a reading may be trusted; empty if there is nothing to say. */
export function doubtsAbout({ uncertain, poor }) {
  const said = [];
  if (uncertain) said.push("The model is uncertain: no expression stands out.");
  if (poor) said.push("The face is small, unsharp or doubtful: expect a worse reading.");
  return said.join(" ");
}
