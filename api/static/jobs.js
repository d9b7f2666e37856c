// All recordings, newest first.

import { byId, place } from "./elements.js";
import { JobList } from "./joblist.js";
import { changes } from "./uploads.js";

const PAGE = 10;

export async function showJobs(where, signal) {
  place(where, "jobs-view");
  const list = new JobList(byId("jobs"), { empty: byId("jobs-empty"), problem: byId("jobs-problem"), page: PAGE }, signal);
  byId("jobs").addEventListener("drawn", () => {
    byId("jobs-more").hidden = !list.more || byId("jobs-search").value !== "";
  });
  byId("jobs-more").addEventListener("click", () => showOlder(list));
  byId("jobs-search").addEventListener("input", (event) => list.search(event.target.value));
  changes.addEventListener("arrived", () => list.show(), { signal });
  await list.show();
}

/** Show older ones, and lead who pressed the button, which may be gone then, to the first of them. */
async function showOlder(list) {
  const shown = byId("jobs").children.length;
  await list.showOlder();
  if (![byId("jobs-more"), document.body].includes(document.activeElement)) return;
  byId("jobs")?.children[shown]?.querySelector(".open").focus();
}
