// The video on the timeline's clock: seconds from the first frame, exact to the frame that is shown.

import { onEachPicture } from "./presented.js";

const INTO_FRAME_S = 0.001; // a seek aims so far behind a frame's beginning: times are rounded on their way

/** Dispatches "time" whenever another moment is shown, "sought" when one was asked for, and "state" when it begins or stops
 *  to play. */
export class Player extends EventTarget {
  time = 0;
  turn = 0; // grows whenever it is told where to be, to play or to stop
  #video;
  #duration;
  #offset = 0;
  #loaded = false;
  #untouched = true; // nothing was played or sought yet
  #aim = null; // where to go once the seek under way has ended

  constructor(video, { duration, signal }) {
    super();
    this.#video = video;
    this.#duration = duration;
    for (const name of ["play", "pause", "ended"]) video.addEventListener(name, () => this.dispatchEvent(new Event("state")), { signal });
    video.addEventListener("loadedmetadata", () => this.#seekOn(), { signal }); // sought before
    video.addEventListener("seeked", () => this.#seekOn(), { signal });
    signal.addEventListener("abort", () => {
      video.removeAttribute("src"); // lets go of the connection
      video.load();
    });
    onEachPicture(video, signal, (mediaTime) => this.#shown(mediaTime));
  }

  /** Play what lies at `source`; its first picture has the time `startOffset` by the file's own clock. Loaded again, it goes on
   *  where it was. */
  load(source, startOffset) {
    const { playing } = this;
    if (this.#untouched || !this.#loaded) this.#offset = startOffset; // else the first picture has told it
    this.#loaded = true;
    this.#aim = this.time > 0 ? this.time : null;
    this.#video.src = source;
    if (playing) this.#play();
  }

  get duration() {
    return this.#duration;
  }

  get playing() {
    return !this.#video.paused && !this.#video.ended;
  }

  toggle() {
    this.turn += 1;
    this.#untouched = false;
    if (this.playing) this.#video.pause();
    else this.#play();
  }

  #play() {
    this.#video.play().catch(() => undefined); // it can't be played: the video says so itself
  }

  pause() {
    this.turn += 1;
    this.#video.pause();
  }

  /** Show the moment `time`, in seconds from the first frame. */
  seek(time) {
    this.turn += 1;
    const wanted = Math.max(0, Math.min(this.#duration, time));
    this.#move(wanted);
    this.#aim = wanted; // until it is loaded: its first picture may be shown before it says that it is
    if (this.#video.readyState !== HTMLMediaElement.HAVE_NOTHING && !this.#video.seeking) this.#seekOn();
    this.dispatchEvent(new Event("sought"));
  }

  #seekOn() {
    if (this.#aim === null) return;
    this.#untouched = false;
    this.#video.currentTime = this.#aim + this.#offset + INTO_FRAME_S;
    this.#aim = null;
  }

  #shown(mediaTime) {
    // Browsers differ in what they call zero when pictures begin later than sound. The first picture tells.
    if (this.#untouched) this.#offset = mediaTime;
    // While it seeks this may be the picture before: the next key would start from there.
    if (this.#aim === null && !this.#video.seeking) this.#move(Math.max(0, mediaTime - this.#offset));
  }

  #move(time) {
    this.time = time;
    this.dispatchEvent(new Event("time"));
  }
}
