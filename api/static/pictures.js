// Pictures that this tab sent: they can be shown at once, whatever the server has of them.

const MOST = 20;
const kept = new Map(); // job id -> object URL

export function keepPicture(id, file) {
  if (!file.type.startsWith("image/")) return;
  kept.set(id, URL.createObjectURL(file));
  if (kept.size > MOST) forgetPicture(kept.keys().next().value);
}

export function pictureOf(id) {
  return kept.get(id) ?? null;
}

export function forgetPicture(id) {
  if (kept.has(id)) URL.revokeObjectURL(kept.get(id));
  kept.delete(id);
}
