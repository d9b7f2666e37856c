// The video in numbers.

import { bars } from "./bars.js";
import { element } from "./elements.js";
import { EXPRESSIONS } from "./expressions.js";
import { glimpsed, isBrief } from "./glimpses.js";
import { nameOf } from "./lanes.js";
import { capitalised, clock, count, percent } from "./words.js";

const WORTH_SHOWING = 0.2; // a peak lower than this is none

/** Fill `where`. `seek(time, track)` shows a moment. */
export function showSummary(where, { job, summary, tracks, seek }) {
  const without = summary.frames - summary.frames_with_face;
  const facts = element(
    "dl",
    { class: "facts" },
    fact("Duration", clock(job.media.duration_s)),
    fact("Frames looked at", count(summary.frames)),
    fact("Without a face", `${count(without)} (${percent(part(without, summary.frames))})`),
    fact("Faces followed", followed(summary.tracks, tracks)),
    summary.uncertain === null ? null : fact("Uncertain", percent(summary.uncertain)),
    summary.poor > 0 ? fact("Small or unsharp", percent(part(summary.poor, summary.faces))) : null,
  );
  const card = element("section", { class: "card", "aria-label": "Summary" }, element("h2", {}, "Summary"), facts);
  where.replaceChildren(card);
  if (summary.faces === 0) {
    card.append(element("p", { class: "notice" }, "No face was found in this video."));
    return;
  }
  const share = bars("Share of time");
  share.show(summary.share);
  card.append(
    element(
      "div",
      { class: "pair" },
      element("div", { class: "stack" }, element("h3", {}, "Share of the time"), share.node),
      element("div", { class: "stack" }, element("h3", {}, "Where each was strongest"), peaks(summary, tracks, seek)),
    ),
  );
}

function peaks({ peaks: found, poor }, tracks, seek) {
  const names = new Map(tracks.map((track) => [track.track, nameOf(track)]));
  const list = element("ul", { class: "peaks" });
  const worth = EXPRESSIONS.filter((name) => (found[name]?.probability ?? 0) >= WORTH_SHOWING);
  for (const expression of worth) {
    const peak = found[expression];
    const whose = tracks.length > 1 ? `, ${names.get(peak.track) ?? "another face"}` : "";
    const button = element("button", { type: "button", class: "peak", onclick: () => seek(peak.time_s, peak.track) });
    button.append(
      element("span", { class: "swatch", "data-expression": expression }),
      element("span", { class: "grow" }, `${capitalised(expression)}${whose}`),
      element("span", { class: "figures" }, clock(peak.time_s)),
      element("span", { class: "figures hint" }, percent(peak.probability)),
    );
    list.append(element("li", {}, button));
  }
  if (worth.length < EXPRESSIONS.length) {
    const who = worth.length === 0 ? "None" : "None of the others";
    const but = poor > 0 || tracks.some(isBrief) ? ", but for faces that are small, unsharp or seen for a moment" : "";
    list.append(element("li", { class: "hint" }, `${who} reached ${percent(WORTH_SHOWING)}${but}.`));
  }
  return list;
}

function followed(all, tracks) {
  if (tracks.length < all) return count(all); // how many of the others were there for a moment isn't known
  const brief = glimpsed(tracks).size;
  return brief === 0 ? count(all) : `${count(all - brief)}, and ${count(brief)} for a moment`;
}

function fact(name, value) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, value));
}

function part(some, all) {
  return all === 0 ? 0 : some / all;
}
