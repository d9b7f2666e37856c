// The files of a job that is done.

import { sourceOf } from "./api.js";
import { element } from "./elements.js";

/** Links to what can be downloaded; none before the job is done. */
export function downloads(job) {
  if (!job.links.csv) return [];
  const name = `${job.filename.replace(/\.[^.]*$/, "") || "timeline"}.csv`;
  const raw = link("Download CSV", { class: "button", href: job.links.csv, title: "A line per face of each frame" }, name);
  if (job.media.still) return [raw];
  const smoothed = { class: "button quiet", href: `${job.links.csv}?scores=smoothed`, title: "The same, with scores smoothed along each track" };
  return [raw, link("Smoothed CSV", smoothed, name)];
}

function link(words, properties, name) {
  const made = element("a", { ...properties, download: "" }, words);
  if (document.body.dataset.keyNeeded === "yes") made.addEventListener("click", (event) => downloadWithKey(event, properties.href, name));
  return made;
}

/** A plain link can't carry the key. */
async function downloadWithKey(event, address, name) {
  event.preventDefault();
  const over = new AbortController();
  const copy = await sourceOf(address, over.signal);
  element("a", { href: copy, download: name }).click();
  setTimeout(() => over.abort(), 60_000);
}
