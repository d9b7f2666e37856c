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
export function showAgain() {
  route({ focus: byId("view").contains(document.activeElement) });
}

export function go(address) {
  location.hash = address;
}

export function jobAddress(id) {
  return `#/jobs/${id}`;
}

/** Name the tab after what is shown. */
export function entitle(words) {
  document.title = `${words} · Affectline`;
}

async function route({ focus }) {
  leaving.abort(); // what the old view still waits for or listens to ends here
  leaving = new AbortController();
  const { signal } = leaving;
  const found = views.map((view) => [view, view.address.exec(location.hash)]).find(([, match]) => match);
  const where = element("div", { class: "view" });
  byId("view").replaceChildren(where);
  markNavigation();
  if (!found) {
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
  if (focus && !signal.aborted) focusHeading(where);
}

function focusHeading(where) {
  const heading = where.querySelector("h1");
  window.scrollTo(0, 0);
  heading?.focus({ preventScroll: true });
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
