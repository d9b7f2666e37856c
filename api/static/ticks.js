// Where a time axis is marked, and with which words.

import { clock } from "./words.js";

const STEPS_S = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
const MARK_PIXELS = 90; // room for one mark

/** Marks from one span before to one after a stretch, so that there are some to be dragged in: {values, words}. */
export function timeMarks(from, to, width) {
  const span = to - from;
  const step = STEPS_S.find((one) => (width * one) / span >= MARK_PIXELS) ?? STEPS_S.at(-1);
  const digits = step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
  const values = [];
  for (let n = Math.max(0, Math.ceil((from - span) / step)); n * step <= to + span; n += 1) values.push(n * step);
  return { values, words: values.map((value) => clock(value, digits)) };
}
