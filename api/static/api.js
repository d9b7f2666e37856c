// Talking to the server. Every failure becomes an Error whose message is fit to be shown.

const KEY = "affectline-api-key";

export class Problem extends Error {
  constructor(message, { status = 0, code = "" } = {}) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function storedKey() {
  return sessionStorage.getItem(KEY) ?? "";
}

export function storeKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

function keyHeaders() {
  const key = storedKey();
  // as UTF-8 bytes: headers can't carry other characters
  const wire = Array.from(new TextEncoder().encode(key), (byte) => String.fromCharCode(byte)).join("");
  return key ? { Authorization: `Bearer ${wire}` } : {};
}

function problemOf(status, text) {
  try {
    const problem = JSON.parse(text);
    return new Problem(problem.detail ?? problem.title, { status, code: problem.code });
  } catch {
    return new Problem(`The server answered with status ${status}.`, { status });
  }
}

async function send(method, address) {
  let reply;
  try {
    reply = await fetch(address, { method, headers: keyHeaders() });
  } catch {
    throw new Problem("The server doesn't answer. Is it still running?");
  }
  if (!reply.ok) throw problemOf(reply.status, await reply.text());
  return reply;
}

export async function getJson(address) {
  return (await send("GET", address)).json();
}

export async function postJson(address) {
  return (await send("POST", address)).json();
}

export async function remove(address) {
  await send("DELETE", address);
}

export async function getBlob(address) {
  return (await send("GET", address)).blob();
}

/** Upload a file. Calls `onProgress` with 0..1; `signal` aborts it. Only XMLHttpRequest tells how far it is. */
export function upload(file, options, { onProgress, signal }) {
  const query = new URLSearchParams({ filename: file.name, ...options });
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    request.open("POST", `/v1/jobs?${query}`);
    for (const [name, value] of Object.entries(keyHeaders())) request.setRequestHeader(name, value);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable && event.total > 0) onProgress(event.loaded / event.total);
    });
    request.addEventListener("load", () => {
      if (request.status === 202) resolve(JSON.parse(request.responseText));
      else reject(problemOf(request.status, request.responseText));
    });
    request.addEventListener("error", () => {
      reject(new Problem("The upload broke off. The server may have stopped, or it refused the file early."));
    });
    request.addEventListener("abort", () => reject(new Problem("", { code: "aborted" })));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}
