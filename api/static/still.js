// A still image: a box on each face, and the seven bars of the one that is selected.

import { getJson, sourceOf } from "./api.js";
import { bars } from "./bars.js";
import { element, say, svgElement, withAttributes } from "./elements.js";
import { doubtsAbout, readingOf, readingWords } from "./faces.js";
import { labelFaces } from "./labels.js";
import { pictureOf } from "./pictures.js";
import { capitalised, several } from "./words.js";

export async function show(job, where, signal) {
  const page = await getJson(job.links.timeline, signal);
  const faces = page.frames[0]?.faces ?? [];
  const picture = shownPicture(job, faces, signal);
  const layout = element("div", { class: "still" }, picture.node);
  if (faces.length > 0) layout.append(facePanel(faces, picture));
  where.append(layout);
  return { update: picture.update };
}

function shownPicture(job, faces, signal) {
  const { width, height } = job.media;
  const stage = element("div", { class: "stage" });
  stage.style.setProperty("--ratio", `${width} / ${height}`);
  stage.style.setProperty("--widest", `${Math.max(width, 480)}px`);
  const found = facesInWords(faces.length);
  const excuse = element("span");
  const image = element("img", { alt: `${job.filename}, with ${found}` });
  const frame = svgElement("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  const outlines = faces.map(({ box, emotion }) => svgElement("rect", { ...box, "data-expression": emotion }));
  frame.append(...outlines);
  stage.append(image, frame);
  labelFaces(stage, faces, job.media);
  const caption = element("figcaption", { class: "hint" }, `${capitalised(found)}.`, excuse);
  return { node: element("figure", { class: "card" }, stage, caption), outlines, update: sourceKeeper(image, excuse, signal) };
}

/** Make the function that shows the best there is of a job's picture; a preview may come long after the rest. */
function sourceKeeper(image, excuse, signal) {
  const tell = (shown) => {
    image.hidden = !shown;
    say(excuse, shown ? "" : " This browser can't show the picture.");
  };
  image.addEventListener("load", () => tell(true));
  image.addEventListener("error", () => tell(false));
  let shown = null;
  return async (job) => {
    const { rotation, mirrored } = job.media;
    const own = rotation || mirrored ? null : pictureOf(job.id); // if it needs a preview, this browser doesn't turn it
    const address = job.playable?.url ?? own;
    if (address === null) tell(false);
    if (address === null || address === shown) return;
    image.src = job.playable === null ? address : await sourceOf(address, signal);
    shown = address;
  };
}

function facesInWords(number) {
  return number === 0 ? "no face was found in this picture" : several(number, "face");
}

function facePanel(faces, picture) {
  const seven = bars("The selected face");
  const doubt = element("p", { class: "hint" });
  const select = (face, choice) => {
    for (const other of list.children) other.firstChild.setAttribute("aria-pressed", "false");
    choice.setAttribute("aria-pressed", "true");
    for (const [place, outline] of picture.outlines.entries()) outline.classList.toggle("selected", place === face.face);
    seven.show(face.probabilities);
    doubt.textContent = doubtsAbout(readingOf(face));
  };
  const list = element("ol", { class: "choices" });
  for (const face of faces) {
    const choice = element("button", { type: "button", class: "choice", "data-expression": face.emotion });
    choice.append(element("b", {}, `${face.face + 1}`), readingWords(readingOf(face)));
    choice.addEventListener("click", () => select(face, choice));
    list.append(element("li", {}, choice));
    const outline = withAttributes(picture.outlines[face.face], { class: "pickable" });
    outline.addEventListener("click", () => select(face, choice));
  }
  select(faces[0], list.firstChild.firstChild);
  return element(
    "section",
    { class: "card", "aria-label": "Faces" },
    element("h2", {}, several(faces.length, "face")),
    list,
    seven.node,
    doubt,
  );
}
