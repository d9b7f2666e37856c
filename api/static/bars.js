// The seven as bars.

import { element } from "./elements.js";
import { EXPRESSIONS } from "./expressions.js";
import { capitalised } from "./words.js";

/** A bar and a number for each expression. Returns {node, show(fractions)}; fractions by expression, 0..1, or null. */
export function bars(caption) {
  const rows = EXPRESSIONS.map((name) => {
    const fill = element("span", { class: "fill", "data-expression": name });
    const number = element("td", { class: "number" });
    const node = element(
      "tr",
      {},
      element("th", { scope: "row" }, capitalised(name)),
      element("td", { class: "bar", "aria-hidden": "true" }, element("span", { class: "track" }, fill)),
      number,
    );
    return { name, fill, number, node };
  });
  const node = element(
    "table",
    { class: "bars" },
    element("caption", { class: "visually-hidden" }, caption),
    element("tbody", {}, ...rows.map((row) => row.node)),
  );
  const show = (fractions) => {
    for (const { name, fill, number } of rows) {
      fill.style.transform = `scaleX(${fractions === null ? 0 : fractions[name]})`;
      number.textContent = fractions === null ? "–" : `${(100 * fractions[name]).toFixed(1)} %`;
    }
  };
  return { node, show };
}
