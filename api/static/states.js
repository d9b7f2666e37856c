// The states of a job in plain words.

import { element } from "./elements.js";

const WORDS = {
  uploading: "Uploading",
  queued: "Waiting",
  running: "Working",
  done: "Done",
  failed: "Failed",
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

export function stateWords(state) {
  return WORDS[state] ?? state;
}

export function stageWords(stage) {
  return STAGES[stage] ?? stage;
}

export function stateLabel(state) {
  return element("span", { class: "state", "data-state": state }, stateWords(state));
}
