// What was seen: a picture with its faces, or a video in numbers.

import { getBlob, getJson } from "./api.js";
import { capitalised, clock, count, element, percent } from "./elements.js";
import { EXPRESSIONS } from "./expressions.js";
import { labelFaces } from "./labels.js";
import { timelineStrip } from "./strip.js";

const SVG = "http://www.w3.org/2000/svg";
const MOST_OPEN_FACES = 4;

/** Make the result of a job that is done. `pictureUrl` is the local file's, if this tab has it. */
export async function resultOf(job, pictureUrl) {
  return job.media.still ? pictureResult(job, pictureUrl) : videoResult(job);
}

async function pictureResult(job, pictureUrl) {
  const page = await getJson(job.links.timeline);
  const faces = page.frames[0]?.faces ?? [];
  return element(
    "div",
    { class: "result" },
    picture(job, faces, pictureUrl),
    faces.length === 0 ? null : faceList(faces),
    downloads(job),
  );
}

function picture(job, faces, pictureUrl) {
  const { width, height } = job.media;
  const stage = element("div", { class: "stage" });
  const caption = element("figcaption", { class: "hint" });
  stage.style.setProperty("--ratio", `${width} / ${height}`);
  stage.style.setProperty("--widest", `${Math.max(width, 320)}px`);
  if (pictureUrl) {
    const image = element("img", { src: pictureUrl, alt: `${job.filename}, with ${facesInWords(faces.length)}` });
    image.addEventListener("error", () => {
      image.remove();
      caption.append(" This browser can't show pictures of this format.");
    });
    stage.append(image);
  }
  const frame = document.createElementNS(SVG, "svg");
  frame.setAttribute("viewBox", `0 0 ${width} ${height}`);
  frame.setAttribute("aria-hidden", "true");
  stage.append(frame);
  frame.append(...faces.map((face) => outline(face.box)));
  labelFaces(stage, faces, job.media);
  const elsewhere = pictureUrl ? "" : " The picture itself is shown only in the tab that sent it.";
  caption.append(`${capitalised(facesInWords(faces.length))}.${elsewhere}`);
  return element("figure", {}, stage, caption);
}

function facesInWords(number) {
  if (number === 0) return "no face was found in this picture";
  return number === 1 ? "one face" : `${count(number)} faces`;
}

function outline(box) {
  const drawn = document.createElementNS(SVG, "rect");
  for (const side of ["x", "y", "width", "height"]) drawn.setAttribute(side, box[side]);
  return drawn;
}

function faceList(faces) {
  const open = faces.length <= MOST_OPEN_FACES ? "" : null;
  return element(
    "ol",
    { class: "faces" },
    ...faces.map((face) =>
      element(
        "li",
        {},
        element(
          "details",
          { open },
          element(
            "summary",
            {},
            `Face ${face.face + 1}: ${face.emotion} `,
            element("span", { class: "hint" }, percent(face.confidence)),
          ),
          bars(face.probabilities),
        ),
      ),
    ),
  );
}

async function videoResult(job) {
  const { summary, media } = job;
  const facts = element(
    "dl",
    { class: "facts" },
    ...fact("Duration", clock(media.duration_s)),
    ...fact("Frames looked at", count(summary.frames)),
    ...fact("With a face", `${count(summary.frames_with_face)} (${percent(part(summary.frames_with_face, summary.frames))})`),
    ...fact("Tracks", count(summary.tracks)),
  );
  if (summary.faces === 0) {
    return element("div", { class: "result" }, facts, element("p", { class: "notice" }, "No face was found in this video."), downloads(job));
  }
  return element(
    "div",
    { class: "result" },
    facts,
    await timelineStrip(job),
    element("h3", {}, "Share of each expression"),
    element("p", { class: "hint" }, `Of ${count(summary.faces)} faces in all frames, how many read as it most of all.`),
    bars(summary.share),
    downloads(job),
  );
}

function fact(name, value) {
  return [element("div", {}, element("dt", {}, name), element("dd", {}, value))];
}

function part(some, all) {
  return all === 0 ? 0 : some / all;
}

/** A bar and a number for each expression. */
function bars(fractions) {
  return element(
    "table",
    { class: "bars" },
    element("caption", { class: "visually-hidden" }, "Expressions"),
    element(
      "tbody",
      {},
      ...EXPRESSIONS.map((name) => {
        const fill = element("span", { class: "fill", "data-expression": name });
        fill.style.width = `${100 * fractions[name]}%`;
        return element(
          "tr",
          {},
          element("th", { scope: "row" }, capitalised(name)),
          element("td", { class: "bar", "aria-hidden": "true" }, element("span", { class: "track" }, fill)),
          element("td", { class: "number" }, `${(100 * fractions[name]).toFixed(1)} %`),
        );
      }),
    ),
  );
}

function downloads(job) {
  const name = `${job.filename.replace(/\.[^.]*$/, "") || "timeline"}.csv`;
  const link = element("a", { href: job.links.csv, class: "button", download: "" }, "Download the CSV");
  if (document.body.dataset.keyNeeded === "yes") link.addEventListener("click", (event) => downloadWithKey(event, job, name));
  return element("p", { class: "row" }, link, element("span", { class: "hint" }, "A line per face of each frame"));
}

/** A plain link can't carry the key. */
async function downloadWithKey(event, job, name) {
  event.preventDefault();
  const address = URL.createObjectURL(await getBlob(job.links.csv));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
