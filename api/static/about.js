// What the numbers are, and are not.

import { place } from "./elements.js";

export async function showAbout(where) {
  place(where, "about-view");
}
