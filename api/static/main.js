// The page: its views by address, and the key where this installation needs one.

import { byId } from "./elements.js";
import { showStart } from "./start.js";
import { showJobs } from "./jobs.js";
import { startRouting } from "./router.js";
import { watchKey } from "./key.js";

const JOB = /^#\/jobs\/([0-9a-f]{32})$/;

// Views that are not needed at once are fetched when they are.
startRouting([
  { address: /^(#\/?)?$/, title: "New recording", show: showStart },
  { address: /^#\/jobs$/, title: "Recordings", show: showJobs },
  { address: JOB, title: "Recording", show: async (...given) => (await import("./job.js")).showJob(...given) },
  { address: /^#\/live$/, title: "Live", show: async (...given) => (await import("./live.js")).showLive(...given) },
  { address: /^#\/about$/, title: "The measure", show: async (...given) => (await import("./about.js")).showAbout(...given) },
]);
watchKey();
byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the part of an address after # names a view here, not a place in the page
  byId("view").focus();
});
