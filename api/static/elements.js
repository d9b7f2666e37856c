// Building the page. Text is always text: nothing here, or anywhere else, parses a string as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element. `properties` are attributes and, as `onclick` and the like, listeners; children are elements or strings. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Make or change an SVG element's attributes. */
export function svgElement(name, attributes = {}) {
  return withAttributes(document.createElementNS(SVG, name), attributes);
}

export function withAttributes(drawn, attributes) {
  for (const [key, value] of Object.entries(attributes)) drawn.setAttribute(key, value);
  return drawn;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Put a copy of a template of the page somewhere. */
export function place(where, template) {
  where.append(byId(template).content.cloneNode(true));
}

/** Show words in an element, or hide it when there are none. */
export function say(where, words) {
  if (where.textContent !== (words ?? "")) where.textContent = words ?? ""; // screen readers read whatever is set anew
  where.hidden = !words;
}

/** Tell people who listen to the page rather than look at it. */
export function announce(words) {
  byId("announcement").textContent = words;
}

/** Resolve after so many milliseconds, or at once when `signal` aborts. */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", over); // a signal may live as long as the page
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal.addEventListener("abort", over);
  });
}
