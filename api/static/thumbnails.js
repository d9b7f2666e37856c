// Small pictures; where there is none, a sign stands for it.

import { sourceOf } from "./api.js";
import { element, svgElement } from "./elements.js";

const STILL = "M4 17l5-6 4 5 3-3 4 4M4 5h16v14H4z";
const VIDEO = "M4 5h16v14H4zM10 9l5 3-5 3z";
const MOST_TRACKS = 200; // the server makes no more of them

/** Fill `where` with the job's thumbnail, or with a sign of its kind. */
export function thumbnail(where, job, signal) {
  where.append(sign(job.media?.still ? STILL : VIDEO));
  if (job.links.thumbnail !== null) show(where, job.links.thumbnail, signal);
}

/** Fill `where` with a track's best face, once it is made; of a crowd the later ones have none. */
export function trackThumbnail(where, job, track, signal) {
  if (job.links.thumbnail !== null && track < MOST_TRACKS) show(where, `${job.links.self}/tracks/${track}/thumbnail.jpg`, signal);
}

async function show(where, address, signal) {
  const image = element("img", { alt: "" });
  image.addEventListener("load", () => where.replaceChildren(image));
  try {
    image.src = await sourceOf(address, signal);
  } catch {
    return; // the sign stays
  }
}

function sign(path) {
  const drawn = svgElement("svg", { viewBox: "0 0 24 24" });
  drawn.append(svgElement("path", { d: path }));
  return drawn;
}
