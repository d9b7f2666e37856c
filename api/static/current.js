// The recording in front of us: its way up, its progress, its result.

import { getJson, upload } from "./api.js";
import { announce, byId, bytes, clock, count, percent, say } from "./elements.js";
import { resultOf } from "./result.js";
import { isUnfinished, stageWords, stateWords } from "./states.js";

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 2_000;
const ANNOUNCE_EVERY_PERCENT = 25;

let turn = 0; // raised whenever another recording comes to the front: what runs for the old one stops
const pictures = new Map(); // id -> object URL of the file this tab sent

/** Send a file and follow its job. Resolves to the job; throws a Problem. */
export async function sendAndFollow(file, options, changed) {
  const mine = begin(file.name, "uploading");
  const stopping = new AbortController();
  const cancel = byId("current-cancel");
  cancel.hidden = false;
  cancel.onclick = () => stopping.abort();
  say(byId("current-facts"), bytes(file.size));
  step(0, `0 of ${bytes(file.size)}`);
  try {
    const job = await upload(file, options, {
      onProgress: (share) => mine === turn && step(100 * share, `${bytes(share * file.size)} of ${bytes(file.size)}`),
      signal: stopping.signal,
    });
    if (file.type.startsWith("image/")) pictures.set(job.id, URL.createObjectURL(file));
    announce(`${file.name} was uploaded.`);
    if (mine === turn) follow(job, changed);
    return job;
  } catch (problem) {
    if (mine === turn) close();
    throw problem;
  } finally {
    cancel.hidden = true;
  }
}

/** Bring a job to the front and keep showing how far it is until it ends. */
export async function follow(job, changed) {
  const mine = begin(job.filename, job.state);
  history.replaceState(null, "", `#job-${job.id}`);
  let wait = FIRST_WAIT_MS;
  let announced = 0;
  let current = job;
  for (;;) {
    show(current);
    changed(current);
    if (!isUnfinished(current)) break;
    if (current.percent >= announced + ANNOUNCE_EVERY_PERCENT) {
      announced = current.percent;
      announce(`${current.filename}: ${current.percent} percent.`);
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(LONGEST_WAIT_MS, wait * 1.3);
    if (mine !== turn) return;
    const answer = await getJson(job.links.self).catch((problem) => problem);
    if (mine !== turn) return;
    if (answer instanceof Error) {
      say(byId("current-problem"), answer.message);
      if (answer.status === 404 || answer.status === 401) {
        byId("current-progress").hidden = true;
        return;
      }
    } else {
      say(byId("current-problem"), "");
      current = answer;
    }
  }
  await end(current, mine);
}

async function end(job, mine) {
  if (job.state === "failed") {
    announce(`${job.filename} failed. ${job.error.message}`);
    return;
  }
  announce(`${job.filename} is done.`);
  try {
    const result = await resultOf(job, pictures.get(job.id));
    if (mine === turn) byId("current-result").replaceChildren(result);
  } catch (problem) {
    if (mine === turn) say(byId("current-problem"), problem.message);
  }
}

/** Take the recording of this id away from the front, if it is there. */
export function forget(id) {
  const picture = pictures.get(id);
  if (picture) URL.revokeObjectURL(picture);
  pictures.delete(id);
  if (location.hash === `#job-${id}`) close();
}

function begin(filename, state) {
  turn += 1;
  byId("current").hidden = false;
  byId("current-title").textContent = filename;
  showState(state);
  say(byId("current-problem"), "");
  say(byId("current-facts"), "");
  byId("current-result").replaceChildren();
  byId("current-progress").hidden = false;
  return turn;
}

function close() {
  turn += 1;
  byId("current").hidden = true;
  history.replaceState(null, "", location.pathname);
}

function showState(state) {
  const label = byId("current-state");
  label.dataset.state = state;
  label.textContent = stateWords(state);
}

function step(value, words) {
  byId("current-bar").value = value;
  byId("current-step").textContent = words;
}

function show(job) {
  showState(job.state);
  say(byId("current-facts"), factsOf(job));
  byId("current-progress").hidden = !isUnfinished(job);
  if (job.state === "failed") say(byId("current-problem"), job.error.message);
  const frames =
    job.frames_total === null ? "" : ` · ${count(job.frames_done)} of ${count(job.frames_total)} frames · ${percent(job.percent / 100)}`;
  step(job.percent, stageWords(job.stage) + frames);
}

function factsOf(job) {
  const facts = [bytes(job.size_bytes)];
  if (job.media) {
    facts.push(`${job.media.width} × ${job.media.height}`);
    if (!job.media.still) facts.push(clock(job.media.duration_s));
  }
  facts.push(job.options.detector === "haar" ? "Haar" : "MTCNN");
  if (job.options.sample_fps !== null) facts.push(`at most ${job.options.sample_fps} frames per second`);
  return facts.join(" · ");
}
