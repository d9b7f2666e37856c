// The list of recent recordings.

import { getJson, remove } from "./api.js";
import { announce, byId, bytes, element, say } from "./elements.js";
import { isUnfinished, stateLabel } from "./states.js";

const PAGE = 10;
const LOOK_AGAIN_MS = 4_000;
const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

let next = null;
let shown = new Map(); // id -> job

/** Show the newest recordings. `actions` has `open(job)` and `gone(id)`. */
export async function showJobs(actions) {
  try {
    const wanted = Math.min(200, Math.max(PAGE, shown.size));
    const page = await getJson(`/v1/jobs?limit=${wanted}`);
    shown = new Map();
    byId("jobs").replaceChildren();
    append(page, actions);
    say(byId("jobs-problem"), "");
  } catch (problem) {
    say(byId("jobs-problem"), problem.message);
    throw problem;
  }
}

export async function showOlder(actions) {
  try {
    append(await getJson(`/v1/jobs?limit=${PAGE}&cursor=${next}`), actions);
  } catch (problem) {
    say(byId("jobs-problem"), problem.message);
  }
}

function append(page, actions) {
  for (const job of page.jobs) {
    shown.set(job.id, job);
    byId("jobs").append(row(job, actions));
  }
  next = page.next;
  byId("jobs-more").hidden = next === null;
  byId("jobs-empty").hidden = shown.size > 0;
}

/** Bring one row up to date, or show the list anew if the job is not in it yet. */
export async function refreshJob(job, actions) {
  const old = byId("jobs").querySelector(`[data-job="${job.id}"]`);
  if (old === null) return showJobs(actions);
  if (shown.get(job.id)?.state === job.state) return undefined;
  shown.set(job.id, job);
  const hadFocus = old.contains(document.activeElement);
  const made = row(job, actions);
  old.replaceWith(made);
  if (hadFocus) made.querySelector("button").focus();
  return undefined;
}

/** Keep the shown rows of unfinished jobs up to date, whoever sent them. */
export function watchJobs(actions) {
  setInterval(async () => {
    if (document.hidden) return;
    for (const job of [...shown.values()].filter(isUnfinished)) {
      const found = await getJson(job.links.self).catch(() => null); // the next look may do better
      if (found !== null && shown.has(job.id)) await refreshJob(found, actions).catch(() => undefined);
    }
  }, LOOK_AGAIN_MS);
}

function row(job, actions) {
  const open = () => actions.open(job);
  return element(
    "li",
    { "data-job": job.id },
    element(
      "button",
      { type: "button", class: "open", onclick: open },
      element("span", { class: "name" }, job.filename),
      element("span", { class: "hint" }, `${when.format(new Date(job.created_at))} · ${bytes(job.size_bytes)}`),
    ),
    stateLabel(job.state),
    element(
      "button",
      {
        type: "button",
        class: "quiet delete",
        "aria-label": `Delete ${job.filename}`,
        onclick: () => askAndDelete(job, actions),
      },
      "Delete",
    ),
  );
}

async function askAndDelete(job, actions) {
  const dialog = byId("delete-dialog");
  byId("delete-name").textContent = job.filename;
  dialog.returnValue = "keep";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue !== "delete") return;
  try {
    await remove(job.links.self);
  } catch (problem) {
    if (problem.status !== 404) {
      say(byId("jobs-problem"), problem.message);
      return;
    }
  }
  actions.gone(job.id);
  announce(`${job.filename} was deleted.`);
  byId("jobs-title").focus();
  await showJobs(actions);
}
