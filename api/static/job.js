// One recording: how far it is, and what was seen in it.

import { getJson, insist, postJson } from "./api.js";
import { askAndDelete } from "./deletion.js";
import { downloads } from "./downloads.js";
import { announce, element, say } from "./elements.js";
import { doubtBelow } from "./faces.js";
import { followJob, progressBar } from "./progress.js";
import { Results } from "./results.js";
import { entitle, goForGood, showAgain } from "./router.js";
import { isUnfinished, isWorthRetrying, stateLabel, stateWords } from "./states.js";
import { bytes, clock } from "./words.js";

const DETECTORS = { mtcnn: "MTCNN", haar: "Haar", yunet: "YuNet" };

export async function showJob(where, signal, id) {
  const job = await firstLook(where, signal, id);
  entitle(job.filename);
  const head = heading(job);
  const results = new Results(signal);
  const focused = where.contains(document.activeElement);
  where.replaceChildren(head.node, results.node);
  if (focused) head.node.querySelector("h1").focus({ preventScroll: true });
  const changed = (current, pace) => {
    doubtBelow(current.uncertain_below);
    head.show(current, pace);
    results.show(current);
  };
  followJob(job, signal, { changed, trouble: head.trouble }).catch((problem) => {
    if (!signal.aborted) head.complain(problem.message);
  });
}

/** The job; while the server is away, that is said under a heading instead. */
async function firstLook(where, signal, id) {
  const title = element("h1", { tabindex: "-1" }, "Recording");
  const trouble = element("p", { class: "notice bad", role: "alert", hidden: "" });
  const tell = (problem) => {
    if (!title.isConnected) where.append(title, trouble);
    say(trouble, problem.message);
  };
  try {
    return await insist(() => getJson(`/v1/jobs/${id}`, signal), signal, tell);
  } catch (problem) {
    where.replaceChildren(title); // what is wrong is said by who called
    throw problem;
  }
}

function heading(job) {
  const problem = element("p", { class: "notice bad", role: "alert", hidden: "" });
  const trouble = element("p", { class: "notice bad", hidden: "" }); // of looking again, which the next look may clear
  const facts = element("p", { class: "hint" });
  const state = element("span", { class: "state" });
  const bar = progressBar(`Progress of ${job.filename}`);
  const files = element("div", { class: "row" });
  const remove = element("button", { type: "button", class: "quiet" }, "Delete");
  remove.addEventListener("click", async () => {
    if (!(await askAndDelete(job, complain))) return;
    announce(`${job.filename} was deleted.`);
    if (node.isConnected) goForGood("#/jobs"); // else another view is looked at by now
  });
  const complain = (words) => say(problem, words);
  const cancel = asking(job, complain, { label: "Cancel", what: "cancel" });
  const retry = asking(job, complain, { label: "Try again", what: "retry" });
  const node = element(
    "header",
    { class: "job-head" },
    element("div", { class: "card-head" }, element("h1", { tabindex: "-1" }, job.filename), state),
    element("div", { class: "row between" }, facts, element("div", { class: "row" }, files, cancel, retry, remove)),
    bar.node,
    problem,
    trouble,
  );
  let shown = null;
  return {
    node,
    complain,
    trouble: (words) => say(trouble, words),
    show(current, pace) {
      bar.node.hidden = !isUnfinished(current);
      bar.show(pace.percent, pace.words(current));
      say(facts, factsOf(current));
      if (current.state === shown) return;
      shown = current.state;
      const label = stateLabel(shown);
      node.querySelector(".state").replaceWith(label);
      const focused = [cancel, retry].find((button) => button === document.activeElement);
      cancel.hidden = !isUnfinished(current);
      retry.hidden = !isWorthRetrying(current);
      if (focused?.hidden) node.querySelector("h1").focus({ preventScroll: true });
      files.replaceChildren(...downloads(current, complain));
      if (current.state === "failed") complain(current.error.message);
    },
  };
}

/** A button that asks the server for something about a job, and shows what has become of it. */
function asking(job, complain, { label, what }) {
  const showChanged = (changed) => {
    announce(`${job.filename}: ${stateWords(changed.state)}.`);
    if (button.isConnected) showAgain(); // else another view is looked at by now
  };
  const ask = () => postJson(`${job.links.self}/${what}`).then(showChanged, (failed) => complain(failed.message));
  const button = element("button", { type: "button", class: "quiet", hidden: "", onclick: ask }, label);
  return button;
}

function factsOf(job) {
  const facts = [bytes(job.size_bytes)];
  if (job.media) {
    facts.push(`${job.media.width} × ${job.media.height}`);
    if (!job.media.still) facts.push(clock(job.media.duration_s));
  }
  facts.push(DETECTORS[job.options.detector]);
  if (job.options.sample_fps !== null) facts.push(`at most ${job.options.sample_fps} frames per second`);
  if (job.media?.damaged_packets) facts.push("damaged: parts of it can't be decoded and are left out");
  return facts.join(" · ");
}
