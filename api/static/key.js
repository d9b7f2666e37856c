// The key of an installation that needs one.

import { getJson, storeKey, storedKey, whenRefused } from "./api.js";
import { byId, say } from "./elements.js";
import { showAgain } from "./router.js";

/** Ask for the key whenever the server refuses for the want of one. */
export function watchKey() {
  byId("key-form").addEventListener("submit", useKey);
  whenRefused((problem) => ask(storedKey() ? problem.message : ""));
  if (document.body.dataset.keyNeeded === "yes" && !storedKey()) ask("");
}

function ask(words) {
  storeKey("");
  const asked = !byId("key").hidden;
  byId("key").hidden = false;
  byId("view").hidden = true;
  for (const media of byId("view").querySelectorAll("video, audio")) media.pause(); // nobody could stop it
  if (words) say(byId("key-problem"), words);
  if (!asked) byId("key-field").focus(); // who is asked already may be somewhere else by now
}

async function useKey(event) {
  event.preventDefault();
  storeKey(byId("key-field").value.trim());
  byId("key-field").value = "";
  try {
    await getJson("/v1/jobs?limit=1");
  } catch (problem) {
    if (problem.status !== 401) say(byId("key-problem"), problem.message);
    byId("key-field").focus();
    return;
  }
  byId("key").hidden = true;
  byId("view").hidden = false;
  say(byId("key-problem"), "");
  showAgain({ focus: true });
}
