// The page: chooses files, asks for the key, and hands over to current.js and jobs.js.

import { getJson, postJson, storeKey, storedKey } from "./api.js";
import { follow, forget, sendAndFollow } from "./current.js";
import { byId, bytes, say } from "./elements.js";
import { refreshJob, showJobs, showOlder, watchJobs } from "./jobs.js";

const largest = Number(document.body.dataset.maxUploadBytes);

const actions = {
  open(job) {
    follow(job, changed);
    byId("current").scrollIntoView({ block: "start" });
    byId("current").focus({ preventScroll: true });
  },
  gone: forget,
};

function changed(job) {
  refreshJob(job, actions).catch(() => undefined); // the list says itself what is wrong
}

function chosenOptions() {
  const options = { detector: byId("detector").value };
  if (byId("sample-fps").value) options.sample_fps = byId("sample-fps").value;
  return options;
}

async function send(file) {
  say(byId("upload-problem"), "");
  if (file.size > largest) {
    say(byId("upload-problem"), `${file.name} has ${bytes(file.size)}; this installation accepts ${bytes(largest)}.`);
    return;
  }
  try {
    await sendAndFollow(file, chosenOptions(), changed);
  } catch (problem) {
    if (problem.code !== "aborted") refuse(problem);
  }
}

function refuse(problem) {
  if (problem.status === 401) askForKey(problem.message);
  say(byId("upload-problem"), problem.message);
}

async function trySample() {
  say(byId("upload-problem"), "");
  byId("try-sample").disabled = true;
  try {
    const job = await postJson(`/v1/sample-jobs?${new URLSearchParams(chosenOptions())}`);
    actions.open(job);
  } catch (problem) {
    refuse(problem);
  } finally {
    byId("try-sample").disabled = false;
  }
}

function watchFiles() {
  const field = byId("file");
  const drop = byId("drop");
  field.addEventListener("change", () => {
    if (field.files.length > 0) send(field.files[0]);
    field.value = ""; // so that the same file can be chosen again
  });
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    const { files } = event.dataTransfer;
    if (files.length > 1) say(byId("upload-problem"), "Please drop one file at a time.");
    else if (files.length === 1) send(files[0]);
  });
  // a file that misses the zone must not replace the page
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
  byId("upload-form").addEventListener("submit", (event) => event.preventDefault());
}

function askForKey(words) {
  byId("key").hidden = false;
  say(byId("key-problem"), words);
  byId("key-field").focus();
}

async function useKey(event) {
  event.preventDefault();
  storeKey(byId("key-field").value.trim());
  byId("key-field").value = "";
  await begin();
}

async function begin() {
  try {
    await showJobs(actions);
  } catch (problem) {
    if (problem.status === 401) {
      say(byId("jobs-problem"), "");
      askForKey(storedKey() ? problem.message : "");
      storeKey("");
    }
    return;
  }
  byId("key").hidden = true;
  say(byId("key-problem"), "");
  const named = /^#job-([0-9a-f]{32})$/.exec(location.hash);
  if (named) getJson(`/v1/jobs/${named[1]}`).then((job) => follow(job, changed), () => history.replaceState(null, "", "/"));
}

watchFiles();
watchJobs(actions);
byId("try-sample")?.addEventListener("click", trySample);
byId("jobs-more").addEventListener("click", () => showOlder(actions));
byId("key-form").addEventListener("submit", useKey);
begin();
