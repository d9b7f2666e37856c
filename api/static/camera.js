// The camera of whoever looks at the page.

import { Problem } from "./api.js";
import { onEachPicture } from "./presented.js";

const WIDTH = 640;
const HEIGHT = 480;
const JPEG_QUALITY = 0.85;

const REFUSALS = {
  NotAllowedError: "The camera was not allowed. The browser's address bar lets you change that.",
  NotFoundError: "There is no camera on this device.",
  NotReadableError: "The camera is in use by another program.",
};

export class Camera {
  #video;
  #stream;
  #canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  #fresh = false;
  #lost = false;
  #wake = () => undefined;

  /** Show the camera in `video` until `signal` aborts. Throws a Problem that says why there is no picture. */
  static async open(video, signal) {
    const camera = new Camera();
    camera.#video = video;
    camera.#stream = await askForCamera();
    signal.addEventListener("abort", () => camera.#close());
    if (signal.aborted) camera.#close();
    // unplugged, or no longer allowed; stopping it ourselves does not tell
    for (const track of camera.#stream.getTracks()) track.addEventListener("ended", () => camera.#lose(), { signal });
    video.srcObject = camera.#stream;
    onEachPicture(video, signal, () => camera.#tell());
    signal.addEventListener("abort", () => camera.#wake());
    await video.play();
    return camera;
  }

  /** The next picture that was not taken yet, as a JPEG no larger than 640 × 480, with the moment it was taken.
   *  Throws a Problem when the camera is gone. */
  async take(signal) {
    while (!this.#fresh && !this.#lost && !signal.aborted) await new Promise((resolve) => (this.#wake = resolve));
    if (this.#lost) throw new Problem("The camera was taken away.");
    this.#fresh = false;
    const { videoWidth, videoHeight } = this.#video;
    const scale = Math.min(1, WIDTH / videoWidth, HEIGHT / videoHeight);
    this.#canvas.width = Math.round(videoWidth * scale);
    this.#canvas.height = Math.round(videoHeight * scale);
    const takenMs = performance.now();
    this.#canvas.getContext("2d", { alpha: false }).drawImage(this.#video, 0, 0, this.#canvas.width, this.#canvas.height);
    return { takenMs, jpeg: await this.#canvas.convertToBlob({ type: "image/jpeg", quality: JPEG_QUALITY }) };
  }

  #tell() {
    this.#fresh = true;
    this.#wake();
  }

  #lose() {
    this.#lost = true;
    this.#wake();
  }

  #close() {
    for (const track of this.#stream.getTracks()) track.stop();
    this.#video.srcObject = null;
  }
}

async function askForCamera() {
  if (!navigator.mediaDevices) throw new Problem("Browsers give cameras only to https:// addresses and to this machine's own.");
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { width: WIDTH, height: HEIGHT, facingMode: "user" }, audio: false });
  } catch (error) {
    throw new Problem(REFUSALS[error.name] ?? `The camera can't be used: ${error.message}`);
  }
}
