// Which view is shown: the part of the address after # says it.

import { byId, element } from "./elements.js";

let views = [];
let leaving = new AbortController();

/** Show the view of the present address, and of every later one. */
export function startRouting(known) {
  views = known;
  window.addEventListener("hashchange", () => route({ focus: true }));
  route({ focus: false });
}

/** Show the present view anew, for example after a key was given. Who was in it by keyboard is led to its heading. */
export function showAgain({ focus = byId("view").contains(document.activeElement) } = {}) {
  route({ focus });
}

export function go(address) {
  location.hash = address;
}

/** Go where Back doesn't return from, since there is nothing any more. */
export function goForGood(address) {
  location.replace(address);
}

export function jobAddress(id) {
  return `#/jobs/${id}`;
}

/** Name the tab after what is shown. */
export function entitle(words) {
  document.title = `${words} · Affectline`;
}

async function route({ focus }) {
  byId("delete-dialog").close("keep"); // its question was one of the old view
  leaving.abort(); // what the old view still waits for or listens to ends here
  leaving = new AbortController();
  const { signal } = leaving;
  const found = views.map((view) => [view, view.address.exec(location.hash)]).find(([, match]) => match);
  const where = element("div", { class: "view" });
  byId("view").replaceChildren(where);
  if (focus) focusHeading(where, signal);
  markNavigation();
  if (!found) {
    entitle("Not found");
    where.append(element("h1", { tabindex: "-1" }, "There is nothing here"), element("p", {}, element("a", { href: "#/" }, "To the start")));
    return;
  }
  const [view, match] = found;
  entitle(view.title);
  try {
    await view.show(where, signal, ...match.slice(1));
  } catch (problem) {
    if (signal.aborted) return;
    where.append(element("p", { class: "notice bad", role: "alert" }, problem.message));
  }
}

/** Lead to a view's heading as soon as it is there: who already does something in the view is let alone. */
function focusHeading(where, signal) {
  window.scrollTo(0, 0);
  const watching = new MutationObserver(() => {
    const heading = where.querySelector("h1");
    if (heading === null) return;
    watching.disconnect();
    if (!where.contains(document.activeElement)) heading.focus({ preventScroll: true });
  });
  watching.observe(where, { childList: true, subtree: true });
  signal.addEventListener("abort", () => watching.disconnect());
}

function markNavigation() {
  const here = location.hash || "#/";
  for (const link of document.querySelectorAll("nav a")) {
    const target = link.getAttribute("href");
    const current = target === "#/" ? here === "#/" : here.startsWith(target);
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}
