// Deleting a recording, after a question that can be answered with no.

import { remove } from "./api.js";
import { byId } from "./elements.js";
import { forgetPicture } from "./pictures.js";

/** Ask, and delete the job if so wished. Resolves to whether it is gone; says what went wrong to `complain`. */
export async function askAndDelete(job, complain) {
  const dialog = byId("delete-dialog");
  byId("delete-name").textContent = job.filename;
  dialog.returnValue = "keep";
  dialog.showModal();
  // the event of an earlier closing may come only now: what counts is that it is closed
  while (dialog.open) await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue !== "delete") return false;
  try {
    await remove(job.links.self);
  } catch (problem) {
    if (problem.status !== 404) {
      complain(problem.message);
      return false;
    }
  }
  forgetPicture(job.id);
  return true;
}
