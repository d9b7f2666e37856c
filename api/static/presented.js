// The pictures of a video, as they appear.

/** Call `shown` with the media time, in seconds, of every picture that appears, until `signal` aborts. */
export function onEachPicture(video, signal, shown) {
  const exact = "requestVideoFrameCallback" in video;
  const again = exact ? (next) => video.requestVideoFrameCallback(next) : (next) => requestAnimationFrame(next);
  const next = (_now, picture) => {
    if (signal.aborted) return;
    if (exact || video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) shown(exact ? picture.mediaTime : video.currentTime);
    again(next);
  };
  again(next);
}
