// Numbers in plain words.

const whole = new Intl.NumberFormat("en");
const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function count(number) {
  return whole.format(number);
}

/** "1 face", "2 faces". */
export function several(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** 0..1 as "42 %", which no line breaks. */
export function percent(fraction) {
  return `${Math.round(fraction * 100)}\u00a0%`;
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

/** Seconds as "0:12.4" or "1:02:03.0"; `digits` after the point. */
export function clock(seconds, digits = 1) {
  const scale = 10 ** digits;
  const parts = Math.max(0, Math.round(seconds * scale));
  const full = Math.floor(parts / scale);
  const h = Math.floor(full / 3600);
  const m = Math.floor(full / 60) % 60;
  const s = String(full % 60).padStart(2, "0");
  const minutes = h > 0 ? `${h}:${String(m).padStart(2, "0")}` : m;
  return digits === 0 ? `${minutes}:${s}` : `${minutes}:${s}.${String(parts % scale).padStart(digits, "0")}`;
}

/** A length of time to wait, as one says it. */
export function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** A moment out of the API as a date. */
export function moment(rfc3339) {
  return when.format(new Date(rfc3339));
}

export function capitalised(word) {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
