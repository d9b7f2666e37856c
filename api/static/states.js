// The states of a job in plain words.

import { element } from "./elements.js";

const WORDS = {
  uploading: "Uploading",
  queued: "Waiting",
  running: "Working",
  done: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
};

const STAGES = {
  queued: "Waiting for a free worker",
  plan: "Looking at the file",
  analyse: "Looking for faces",
  finalise: "Following faces over time",
};

export function isUnfinished(job) {
  return job.state === "queued" || job.state === "running";
}

/** Whether it makes sense to try a job again. */
export function endedEarly(job) {
  return job.state === "failed" || job.state === "cancelled";
}

const PICTURES_MS = 180_000; // a job that is done so long without thumbnails gets none

/** Whether thumbnails or a preview of a job that is done may still come. */
export function awaitsPictures(job) {
  const incomplete = job.links.thumbnail === null || job.playable === null;
  return job.state === "done" && incomplete && Date.now() - Date.parse(job.finished_at) < PICTURES_MS;
}

export function stageWords(stage) {
  return STAGES[stage] ?? stage;
}

export function stateWords(state) {
  return WORDS[state] ?? state;
}

export function stateLabel(state) {
  return element("span", { class: "state", "data-state": state }, stateWords(state));
}
