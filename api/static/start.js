// The first view: choose or drop files, see them leave, find the latest recordings again.

import { postJson } from "./api.js";
import { byId, element, place, say } from "./elements.js";
import { JobList } from "./joblist.js";
import { go, jobAddress } from "./router.js";
import { keepPicture } from "./pictures.js";
import { changes, sendFiles, uploads } from "./uploads.js";
import { bytes } from "./words.js";

const RECENT = 5;

export async function showStart(where, signal) {
  place(where, "start-view");
  watchFiles(signal);
  byId("try-sample")?.addEventListener("click", () => trySample(signal));
  const rows = new Map(); // upload -> its row
  changes.addEventListener("change", () => showUploads(rows), { signal });
  showUploads(rows);
  const recent = new JobList(byId("recent"), { empty: byId("recent-empty"), problem: byId("recent-problem"), page: RECENT }, signal);
  changes.addEventListener("arrived", ({ detail }) => arrive(detail, recent), { signal });
  await recent.show();
}

// whatever view is shown, a picture that was sent can be shown at once
changes.addEventListener("arrived", ({ detail }) => keepPicture(detail.job.id, detail.file));

function arrive({ job, alone }, recent) {
  if (alone && uploads.length === 0) go(jobAddress(job.id));
  else recent.show();
}

function chosenOptions() {
  const options = { detector: byId("detector").value };
  if (byId("sample-fps").value) options.sample_fps = byId("sample-fps").value;
  return options;
}

function send(files, folders = []) {
  const largest = Number(document.body.dataset.maxUploadBytes);
  const tooLarge = files.filter((file) => file.size > largest);
  const words = folders.map((name) => `${name} is a folder, which can't be dropped here: choose the files in it.`);
  words.push(...tooLarge.map((file) => `${file.name} has ${bytes(file.size)}; this installation accepts ${bytes(largest)}.`));
  say(byId("upload-problem"), words.join(" "));
  // words that are to be read keep this view
  sendFiles(files.filter((file) => file.size <= largest), chosenOptions(), { alone: files.length === 1 && words.length === 0 });
}

async function trySample(signal) {
  say(byId("upload-problem"), "");
  byId("try-sample").disabled = true;
  try {
    const job = await postJson(`/v1/sample-jobs?${new URLSearchParams(chosenOptions())}`, signal);
    if (signal.aborted) return;
    go(jobAddress(job.id));
  } catch (problem) {
    if (signal.aborted) return; // another view is looked at by now
    say(byId("upload-problem"), problem.message);
    byId("try-sample").disabled = false;
  }
}

function watchFiles(signal) {
  const field = byId("file");
  const drop = byId("drop");
  field.addEventListener("change", () => {
    send([...field.files]);
    field.value = ""; // so that the same file can be chosen again
  });
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, () => drop.classList.add("over"));
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => send(...filesAndFolders(event.dataTransfer)));
  // a file that misses the zone must not replace the page
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault(), { signal });
  byId("upload-form").addEventListener("submit", (event) => event.preventDefault());
}

/** What was dropped: files, and the names of folders, which look like files that can't be read. Only the drop's own
 *  turn may ask. */
function filesAndFolders({ items }) {
  const dropped = [...items].filter((item) => item.kind === "file");
  const entries = dropped.map((item) => item.webkitGetAsEntry?.() ?? null);
  const files = dropped.map((item) => item.getAsFile());
  return [
    files.filter((file, place) => file !== null && !entries[place]?.isDirectory),
    entries.filter((entry) => entry?.isDirectory).map((entry) => entry.name),
  ];
}

function showUploads(rows) {
  const list = byId("uploads");
  list.hidden = uploads.length === 0;
  let leaving = null; // that whose row the keyboard was in
  for (const [one, row] of rows) {
    if (uploads.includes(one)) continue;
    leaving = row.node.contains(document.activeElement) ? one : leaving;
    row.node.remove();
    rows.delete(one);
  }
  for (const one of uploads) {
    if (!rows.has(one)) {
      rows.set(one, uploadRow(one));
      list.append(rows.get(one).node);
    }
    rows.get(one).refresh();
  }
  if (leaving === null) return;
  // who dismisses one may want to dismiss the next; who waited for one to end doesn't want to be on another's Cancel
  const next = leaving.state === "refused" ? list.querySelector("button") : null;
  (next ?? byId("file")).focus();
}

function uploadRow(one) {
  const bar = element("progress", { max: 100, value: 0, "aria-label": `Upload of ${one.file.name}` });
  const words = element("span", { class: "hint figures" });
  const button = element("button", { type: "button", class: "quiet", onclick: () => one.cancel() });
  const node = element("li", {}, element("div", { class: "grow stack" }, element("span", { class: "name" }, one.file.name), bar, words), button);
  return {
    node,
    refresh() {
      const refused = one.state === "refused";
      bar.hidden = refused;
      bar.value = one.percent;
      const said = one.words();
      if (words.textContent !== said) words.textContent = said; // an alert is read whenever it is set
      words.classList.toggle("bad", refused);
      if (refused) words.setAttribute("role", "alert");
      button.textContent = refused ? "Dismiss" : "Cancel";
      button.setAttribute("aria-label", `${button.textContent} ${one.file.name}`);
    },
  };
}
