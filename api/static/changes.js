// Where a face begins to look different.

import { Problem } from "./api.js";
import { readingOf } from "./faces.js";
import { count } from "./words.js";

const FARTHEST = 20_000; // frames looked through at most

/** The time of the nearest frame, after (way 1) or before (way -1) `time`, at which the expression of the track begins to be
 *  another one, or the face comes or goes. Null: there is none. Throws a Problem if all of the next frames look alike: there
 *  may be one behind them. `comes` and `goes`: when the track is seen first and last, if that is known. */
export async function changeBeside(frames, time, { way, track, scores, comes = -Infinity, goes = Infinity }) {
  const look = (frame) => {
    const face = track === null ? frame.faces[0] : frame.faces.find((one) => one.track === track);
    return face ? readingOf(face, scores).emotion : "";
  };
  let here = await frames.find(time);
  if (here === null) return null;
  if (way > 0 && here.time_s < comes) return comes;
  if (way < 0 && here.time_s > goes) {
    const gone = await frames.beside(await frames.find(goes), 1);
    if (gone.time_s < here.time_s) return gone.time_s;
  }
  if (way < 0) here = await frames.beside(here, -1); // else it would find where it stands
  if (here === null) return null;
  for (let steps = 0; steps < FARTHEST; steps += 1) {
    const next = await frames.beside(here, way);
    if (next === null) return way < 0 ? here.time_s : null;
    if (look(next) !== look(here)) return way > 0 ? next.time_s : here.time_s;
    here = next;
  }
  throw new Problem(`There is no change in the next ${count(FARTHEST)} frames. Seek on, and try from there.`);
}
