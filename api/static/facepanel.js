// The selected face: its name, which scores are shown, and the seven at this moment.

import { bars } from "./bars.js";
import { element } from "./elements.js";
import { doubtsAbout, readingOf, readingWords } from "./faces.js";
import { nameOf } from "./lanes.js";

const MOST_CHARACTERS = 200;

export class FacePanel {
  #tracks = new Map(); // by number
  #track = null;
  #title = element("h2", {}, "Faces");
  #field = element("input", { id: "person", maxlength: MOST_CHARACTERS, autocomplete: "off", placeholder: "Who is it?" });
  #form = element("form", { class: "row tight", hidden: "" }, element("label", { class: "grow" }, "Name", this.#field), element("button", { class: "quiet" }, "Save"));
  #said = element("p", { class: "hint", role: "status" });
  #now = element("p", { class: "reading" });
  #doubt = element("p", { class: "hint" });
  #bars = bars("The selected face at this moment");

  /** `rename(track, person)` resolves to the track as the server has it; `choose(scores)` takes "raw" or "smoothed". */
  constructor({ rename, choose }) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save(rename);
    });
    this.node = element(
      "section",
      { class: "card panel", "aria-label": "Selected face" },
      this.#title,
      this.#now,
      this.#bars.node,
      this.#doubt,
      scoresChoice(choose),
      this.#form,
      this.#said,
    );
    this.wait("Loading…");
  }

  show(tracks) {
    this.#tracks = new Map(tracks.map((track) => [track.track, track]));
  }

  select(number) {
    const track = this.#tracks.get(number) ?? null;
    this.#track = track;
    this.#form.hidden = track === null;
    this.#said.textContent = "";
    this.#title.textContent = track === null ? "Faces" : nameOf(track);
    this.#field.value = track?.person ?? "";
  }

  /** Show what is read from a face, or that it isn't there. */
  showFace(face, scores) {
    const reading = face === null ? null : readingOf(face, scores);
    this.#show(reading, reading === null ? "Not in this frame" : readingWords(reading));
  }

  /** Say why nothing is known of any face. */
  wait(words) {
    this.#show(null, words);
  }

  #show(reading, words) {
    if (this.#now.textContent !== words) this.#now.textContent = words;
    this.#now.dataset.expression = reading?.emotion ?? "";
    this.#doubt.textContent = reading === null ? "" : doubtsAbout(reading);
    this.#bars.show(reading?.probabilities ?? null);
  }

  async #save(rename) {
    const { track: number } = this.#track;
    try {
      const renamed = await rename(number, this.#field.value.trim() || null);
      this.#tracks.set(number, renamed);
      if (this.#track?.track === number) this.select(number);
      this.#said.textContent = "Saved: it stands in the CSV as “person”.";
    } catch (problem) {
      this.#said.textContent = problem.message;
    }
  }
}

function scoresChoice(choose) {
  const radio = (value, words) => {
    const input = element("input", { type: "radio", name: "scores", value });
    input.checked = value === "smoothed";
    input.addEventListener("change", () => choose(value));
    return element("label", {}, input, words);
  };
  return element("fieldset", { class: "segments" }, element("legend", { class: "visually-hidden" }, "Scores"), radio("smoothed", "Smoothed"), radio("raw", "Raw"));
}
