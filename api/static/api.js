// Talking to the server. Every failure becomes an Error whose message is fit to be shown.

import { pause } from "./elements.js";

const FIRST_WAIT_MS = 1_000; // before something is asked again; then longer and longer
const LONGEST_WAIT_MS = 8_000;
const KEY = "affectline-api-key";

let ownKey = ""; // for browsers that are told to store nothing: they refuse even to look
let tellRefusal = () => undefined;
const keys = new EventTarget(); // "entered"

export class Problem extends Error {
  constructor(message, { status = 0, code = "" } = {}) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Whether asking again may help: not if the server says that the request is at fault. */
export function mayPass({ status = 0 }) {
  return status < 400 || status >= 500;
}

/** Ask until it works. Failures that may pass are told `tell(problem)`; the others are thrown, as when `signal` aborts. */
export async function insist(ask, signal, tell) {
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(LONGEST_WAIT_MS, wait * 1.6)) {
    try {
      return await ask();
    } catch (problem) {
      if (signal.aborted || !mayPass(problem)) throw problem;
      tell(problem);
      await pause(wait, signal);
    }
  }
}

/** Whether this installation answers only who has a key. */
export function isKeyNeeded() {
  return document.body.dataset.keyNeeded === "yes";
}

export function storedKey() {
  try {
    return sessionStorage.getItem(KEY) ?? ownKey;
  } catch {
    return ownKey;
  }
}

export function storeKey(key) {
  ownKey = key;
  try {
    if (key) sessionStorage.setItem(KEY, key);
    else sessionStorage.removeItem(KEY);
  } catch {
    // it is known until the page is loaded anew
  }
  if (key) keys.dispatchEvent(new Event("entered"));
}

/** Resolve when a key is entered the next time, or when `signal` aborts. */
export function keyEntered(signal) {
  return new Promise((resolve) => {
    keys.addEventListener("entered", resolve, { once: true, signal });
    signal.addEventListener("abort", resolve, { once: true });
  });
}

/** Call `tell` with the problem whenever the key is missing or wrong. */
export function whenRefused(tell) {
  tellRefusal = tell;
}

function keyHeaders() {
  const key = storedKey();
  // as UTF-8 bytes: headers can't carry other characters
  const wire = Array.from(new TextEncoder().encode(key), (byte) => String.fromCharCode(byte)).join("");
  return key ? { Authorization: `Bearer ${wire}` } : {};
}

/** The problem of a reply to a request that was sent with `key`. */
function problemOf(status, text, key) {
  let problem;
  try {
    const { detail, title, code } = JSON.parse(text);
    problem = new Problem(detail ?? title, { status, code });
  } catch {
    problem = new Problem(`The server answered with status ${status}.`, { status });
  }
  if (status === 401 && key === storedKey()) tellRefusal(problem); // a late refusal says nothing of a key entered since
  return problem;
}

async function send(method, address, { body, type, signal, keepalive } = {}) {
  const key = storedKey();
  const headers = keyHeaders();
  if (type) headers["Content-Type"] = type;
  let reply;
  try {
    reply = await fetch(address, { method, headers, body, signal, keepalive });
  } catch (error) {
    if (error.name === "AbortError") throw new Problem("", { code: "aborted" });
    throw new Problem("The server doesn't answer. Is it still running?");
  }
  if (!reply.ok) throw problemOf(reply.status, await reply.text(), key);
  return reply;
}

/** Ask whether there is something at an address, without fetching it. Throws a Problem if not. */
export async function probe(address, signal) {
  await send("HEAD", address, { signal });
}

export async function getJson(address, signal) {
  return (await send("GET", address, { signal })).json();
}

export async function postJson(address, signal) {
  return (await send("POST", address, { signal })).json();
}

export async function patchJson(address, values) {
  return (await send("PATCH", address, { body: JSON.stringify(values), type: "application/json" })).json();
}

export async function postPicture(address, picture, signal) {
  return (await send("POST", address, { body: picture, type: picture.type, signal })).json();
}

/** Delete something, even if the page is closed meanwhile. */
export async function remove(address) {
  await send("DELETE", address, { keepalive: true });
}

/** What an <img>, a <video> or a link may point to: the address, or a copy of it where a key is needed, which they
 *  can't send. The copy goes with the view, by `signal`. */
export async function sourceOf(address, signal) {
  if (!isKeyNeeded()) return address;
  const copy = URL.createObjectURL(await (await send("GET", address, { signal })).blob());
  signal.addEventListener("abort", () => URL.revokeObjectURL(copy));
  return copy;
}

/** Upload a file. Calls `onProgress` with the bytes sent; `signal` aborts it. Only XMLHttpRequest tells how far it is. */
export function upload(file, options, { onProgress, signal }) {
  const query = new URLSearchParams({ filename: file.name, ...options });
  const request = new XMLHttpRequest();
  const key = storedKey();
  return new Promise((resolve, reject) => {
    request.open("POST", `/v1/jobs?${query}`);
    for (const [name, value] of Object.entries(keyHeaders())) request.setRequestHeader(name, value);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded));
    request.addEventListener("load", () => {
      if (request.status === 202) resolve(JSON.parse(request.responseText));
      else reject(problemOf(request.status, request.responseText, key));
    });
    request.addEventListener("error", () => {
      reject(new Problem("The upload broke off. The server may have stopped, or it refused the file early."));
    });
    request.addEventListener("abort", () => reject(new Problem("", { code: "aborted" })));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}
