// Faces that were seen for a moment only: mostly things that looked like one, or a head that turned round.

const LEAST_FRAMES = 3; // seen in fewer, a track is tentative (Wojke, Bewley & Paulus 2017, n_init)
const LASTING = 30; // frames; where no face lasts, as in a short animation, none is set apart

/** Whether a track has hardly been seen: peaks are not looked for in it, where there are others. */
export function isBrief(track) {
  return track.face_count < LEAST_FRAMES;
}

/** The numbers of the tracks that were only glimpsed; what has a name was not. */
export function glimpsed(tracks) {
  const lasts = tracks.some((track) => track.face_count >= LASTING);
  const brief = tracks.filter((track) => isBrief(track) && track.person === null);
  return new Set(lasts ? brief.map((track) => track.track) : []);
}
