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

/** Whether a job has ended without a result. */
export function endedEarly(job) {
  return job.state === "failed" || job.state === "cancelled";
}

/** Whether it makes sense to try a job again. */
export function isWorthRetrying(job) {
  return endedEarly(job) && (job.error?.retryable ?? true);
}

/** Whether thumbnails or a preview of a job that is done are still to come. */
export function awaitsPictures(job) {
  return job.awaits_pictures && (job.links.thumbnail === null || job.playable === null);
}

/** What becomes of a recording that browsers can't play. */
export function previewWords(job) {
  if (isUnfinished(job)) return "A preview is made when the analysis is done.";
  return awaitsPictures(job) ? "A preview is being made." : "There is no preview of it.";
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
