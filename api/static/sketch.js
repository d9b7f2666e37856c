// The curves as they will stand in the plot, drawn at once: a new browser takes a second to fetch and compile plotly.

import { svgElement } from "./elements.js";

/** Draw plotly's traces by plotly's layout: no marks, nothing to hover over. */
export function sketch(traces, { width, height, margin, xaxis, yaxis }) {
  const [from, to] = xaxis.range;
  const top = yaxis.range[1];
  const [across, down] = [width - margin.l - margin.r, height - margin.t - margin.b];
  const area = svgElement("svg", { x: margin.l, y: margin.t, width: across, height: down, viewBox: `0 0 ${across} ${down}` });
  const place = (x, y) => `${(((x - from) / (to - from)) * across).toFixed(1)} ${((1 - y / top) * down).toFixed(1)}`;
  for (const { x, y, line, marker } of traces.filter((trace) => trace.visible)) {
    if (line) area.append(svgElement("path", { d: curve(x, y, place), fill: "none", stroke: line.color, "stroke-width": line.width }));
    else area.append(...dots(x, y, marker, place));
  }
  const drawn = svgElement("svg", { class: "sketch", width, height, "aria-hidden": "true" });
  drawn.append(area);
  return drawn;
}

/** The path through points; a null is a gap. */
function curve(x, y, place) {
  let step = "M";
  return x.reduce((path, time, index) => {
    if (y[index] === null) {
      step = "M";
      return path;
    }
    const next = path + step + place(time, y[index]);
    step = "L";
    return next;
  }, "");
}

function dots(x, y, { color, size, maxdisplayed: most }, place) {
  const each = Math.ceil(x.length / most);
  const shown = [...x.keys()].filter((index) => index % each === 0);
  return shown.map((index) => {
    const [cx, cy] = place(x[index], y[index]).split(" ");
    return svgElement("circle", { cx, cy, r: size / 2, fill: color[index] });
  });
}
