// plotly, fetched when the first plot needs it. It is a plain script that leaves a global behind.

import { Problem } from "./api.js";
import { element } from "./elements.js";

// An element of this id keeps plotly from writing styles for maps, of which we have none, into the page, which the
// policy forbids. Its styles for plots stand in our sheet. The browser tests tell if a new plotly has another id.
const NO_MAP_STYLES = "9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53";

const FETCHED = "plotly-fetched";
let coming = null;

/** Resolve to plotly. Throws a Problem if it can't be had; the next call tries again. */
export function plotly() {
  coming ??= load().catch((problem) => {
    coming = null;
    throw problem;
  });
  return coming;
}

/** Fetch and compile plotly while nobody waits for anything; whoever needs it then says what went wrong. */
export function preparePlotly() {
  plotly().catch(() => undefined);
}

/** Begin to fetch plotly, which is large, before it is needed. It is not compiled yet, which keeps a browser busy for a second. */
export function plotlySoon() {
  if (coming !== null || document.getElementById(FETCHED)) return;
  document.head.append(element("link", { id: FETCHED, rel: "preload", as: "script", href: document.body.dataset.plotly }));
}

function load() {
  return new Promise((resolve, reject) => {
    const script = element("script", { src: document.body.dataset.plotly });
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", () => reject(new Problem("The plot's program can't be fetched from the server.")));
    document.head.append(element("meta", { id: NO_MAP_STYLES }), script);
  });
}
