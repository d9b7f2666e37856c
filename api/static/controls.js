// The player's buttons and keys.

import { element, svgElement } from "./elements.js";
import { clock } from "./words.js";

const PLAY = "M8 5v14l11-7z";
const PAUSE = "M7 5h4v14H7zM13 5h4v14h-4z";
const BACK = "M18 6v12l-8.5-6zM6 6h2v12H6z";
const ON = "M6 6v12l8.5-6zM16 6h2v12h-2z";
const SOUND = "M4 9v6h4l5 4V5L8 9zM16 8.5a5 5 0 0 1 0 7";
const SILENCE = "M4 9v6h4l5 4V5L8 9zM16 9.5l5 5m0-5l-5 5";
const LARGE = "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5";
const BRACKETS = new Set(["[", "]"]); // on a Mac many layouts have them behind the option key
const SPEEDS = [0.25, 0.5, 1, 1.5, 2, 4];

/** Make the bar of controls. `theatre` is what may fill the screen; `moves` has toggle(), step(±1), change(±1): to the next
 *  frame, to the next change. */
export function controlBar(player, video, theatre, moves, signal) {
  const play = iconButton(PLAY, "Play (space)", moves.toggle);
  const mute = iconButton(SOUND, "Mute", () => (video.muted = !video.muted));
  const scrub = element("input", { type: "range", min: 0, max: player.duration, step: "any", value: 0, "aria-label": "Position" });
  const time = element("span", { class: "figures time" });
  scrub.addEventListener("input", () => player.seek(Number(scrub.value)));
  player.addEventListener("state", () => dress(play, player.playing ? PAUSE : PLAY, player.playing ? "Pause (space)" : "Play (space)"), { signal });
  video.addEventListener("volumechange", () => dress(mute, video.muted ? SILENCE : SOUND, video.muted ? "Unmute" : "Mute"), { signal });
  const show = () => {
    scrub.value = player.time;
    scrub.setAttribute("aria-valuetext", clock(player.time));
    time.textContent = `${clock(player.time, 2)} / ${clock(player.duration, 2)}`;
  };
  player.addEventListener("time", show, { signal });
  show();
  watchKeys(moves, signal);
  return element(
    "div",
    { class: "controls" },
    scrub,
    play,
    iconButton(BACK, "One frame back (←)", () => moves.step(-1)),
    iconButton(ON, "One frame on (→)", () => moves.step(1)),
    time,
    element("span", { class: "grow" }),
    speedChoice(video),
    mute,
    document.fullscreenEnabled ? iconButton(LARGE, "Full screen", () => fillScreen(theatre)) : null,
  );
}

function fillScreen(theatre) {
  if (document.fullscreenElement) document.exitFullscreen();
  else theatre.requestFullscreen();
}

function watchKeys(moves, signal) {
  const keys = { " ": moves.toggle, ArrowLeft: () => moves.step(-1), ArrowRight: () => moves.step(1), "[": () => moves.change(-1), "]": () => moves.change(1) };
  document.addEventListener(
    "keydown",
    (event) => {
      const altered = event.ctrlKey || event.metaKey || (event.altKey && !BRACKETS.has(event.key));
      if (altered || !(event.key in keys) || isTakenBy(event.target, event.key)) return;
      event.preventDefault();
      keys[event.key]();
    },
    { signal },
  );
}

/** Fields take every key, choices the arrows, and whatever is pressed with the space bar keeps that one. */
function isTakenBy(target, key) {
  if (target.matches("input:not([type=range], [type=radio]), select")) return true;
  if (key.startsWith("Arrow")) return target.matches("[type=radio]");
  return key === " " && target.matches("button, a, summary, [type=radio]");
}

function speedChoice(video) {
  const choice = element("select", { "aria-label": "Speed", class: "small" });
  for (const speed of SPEEDS) choice.append(element("option", { value: speed }, `${speed}×`));
  choice.value = "1";
  choice.addEventListener("change", () => (video.defaultPlaybackRate = video.playbackRate = Number(choice.value))); // loading sets it to the default
  return choice;
}

function iconButton(path, label, onclick) {
  const button = element("button", { type: "button", class: "icon", onclick });
  dress(button, path, label);
  return button;
}

function dress(button, path, label) {
  const icon = svgElement("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" });
  icon.append(svgElement("path", { d: path }));
  button.replaceChildren(icon);
  button.setAttribute("aria-label", label);
  button.title = label;
}
