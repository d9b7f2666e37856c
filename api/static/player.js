// The video on the timeline's clock: seconds from the first frame, exact to the frame that is shown.

import { onEachPicture } from "./presented.js";

const INTO_FRAME_S = 0.001; // a seek aims so far behind a frame's beginning: times are rounded on their way

/** Dispatches "time" whenever another moment is shown, and "state" when it begins or stops to play. */
export class Player extends EventTarget {
  time = 0;
  #video;
  #duration;
  #offset = 0;
  #untouched = true; // nothing was played or sought yet
  #aim = null; // where to go once the seek under way has ended

  constructor(video, { duration, signal }) {
    super();
    this.#video = video;
    this.#duration = duration;
    for (const name of ["play", "pause", "ended"]) video.addEventListener(name, () => this.dispatchEvent(new Event("state")), { signal });
    video.addEventListener("loadedmetadata", () => this.time > 0 && this.seek(this.time), { signal }); // sought before
    video.addEventListener("seeked", () => this.#seekOn(), { signal });
    signal.addEventListener("abort", () => {
      video.removeAttribute("src"); // lets go of the connection
      video.load();
    });
    onEachPicture(video, signal, (mediaTime) => this.#shown(mediaTime));
  }

  /** Play what lies at `source`; its first picture has the time `startOffset` by the file's own clock. */
  load(source, startOffset) {
    this.#offset = startOffset;
    this.#video.src = source;
  }

  get duration() {
    return this.#duration;
  }

  get playing() {
    return !this.#video.paused && !this.#video.ended;
  }

  toggle() {
    this.#untouched = false;
    if (this.playing) this.#video.pause();
    else this.#video.play().catch(() => undefined); // it can't be played: the video says so itself
  }

  pause() {
    this.#video.pause();
  }

  /** Show the moment `time`, in seconds from the first frame. */
  seek(time) {
    const wanted = Math.max(0, Math.min(this.#duration, time));
    this.#move(wanted);
    if (this.#video.readyState === HTMLMediaElement.HAVE_NOTHING) return;
    this.#aim = wanted;
    if (!this.#video.seeking) this.#seekOn();
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
