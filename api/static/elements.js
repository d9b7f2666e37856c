// Building the page. Text is always text: nothing here, or anywhere else, parses a string as HTML.

/** Make an element. `properties` are attributes; children are elements or strings. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "onclick") made.addEventListener("click", value);
    else if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Show words in an element, or hide it when there are none. */
export function say(where, words) {
  where.textContent = words ?? "";
  where.hidden = !words;
}

/** Tell people who listen to the page rather than look at it. */
export function announce(words) {
  byId("announcement").textContent = words;
}

const whole = new Intl.NumberFormat("en");

export function count(number) {
  return whole.format(number);
}

/** 0..1 as "42 %". */
export function percent(fraction) {
  return `${Math.round(fraction * 100)} %`;
}

export function bytes(number) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (number >= 1000 && unit < units.length - 1) {
    number /= 1000;
    unit += 1;
  }
  return `${unit === 0 || number >= 100 ? Math.round(number) : number.toFixed(1)} ${units[unit]}`;
}

/** Seconds as "0:12.4" or "1:02:03". */
export function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  const h = Math.floor(tenths / 36000);
  const m = Math.floor(tenths / 600) % 60;
  const s = Math.floor(tenths / 10) % 60;
  if (h > 0) return `${h}:${String(m).padStart(2, "0")}:${String(s).padStart(2, "0")}`;
  return `${m}:${String(s).padStart(2, "0")}.${tenths % 10}`;
}

export function capitalised(word) {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
