// The files of a job that is done.

import { isKeyNeeded, sourceOf } from "./api.js";
import { element } from "./elements.js";

/** Links to what can be downloaded; none before the job is done. What goes wrong is said to `complain`. */
export function downloads(job, complain) {
  if (!job.links.csv) return [];
  const name = `${job.filename.replace(/\.[^.]*$/, "") || "timeline"}.csv`;
  const link = (words, properties) => linkTo(words, { ...properties, download: "" }, name, complain);
  const raw = link("Download CSV", { class: "button", href: job.links.csv, title: "A line per face of each frame" });
  if (job.media.still) return [raw];
  const smoothed = { class: "button quiet", href: `${job.links.csv}?scores=smoothed`, title: "The same, with scores smoothed along each track" };
  return [raw, link("Smoothed CSV", smoothed)];
}

function linkTo(words, properties, name, complain) {
  const made = element("a", properties, words);
  if (!isKeyNeeded()) return made;
  made.addEventListener("click", (event) => {
    event.preventDefault(); // a plain link can't carry the key
    complain("");
    downloadWithKey(properties.href, name).catch((problem) => complain(problem.message));
  });
  return made;
}

async function downloadWithKey(address, name) {
  const over = new AbortController();
  const copy = await sourceOf(address, over.signal);
  element("a", { href: copy, download: name }).click();
  setTimeout(() => over.abort(), 60_000);
}
