// @ts-check
/** The page: its frame, the current view, and its updates. */

import { ApiError, get, queryOf } from "./api.js";
import { h, render, svg } from "./dom.js";
import { age, ago, score } from "./format.js";
import { Follower } from "./follow.js";
import { light } from "./parts.js";
import * as alerts from "./views/alerts.js";
import * as changes from "./views/changes.js";
import * as comparison from "./views/comparison.js";
import * as configuration from "./views/configuration.js";
import * as dependencies from "./views/dependencies.js";
import * as operation from "./views/operation.js";
import * as operations from "./views/operations.js";
import * as overview from "./views/overview.js";
import * as profile from "./views/profile.js";
import * as profiles from "./views/profiles.js";
import * as resources from "./views/resources.js";
import * as rules from "./views/rules.js";
import * as sessions from "./views/sessions.js";
import * as stacks from "./views/stacks.js";
import * as trends from "./views/trends.js";
import * as workers from "./views/workers.js";

/** @type {Record<string, {title: string, load: Function, view: Function}>} */
const VIEWS = { "": overview, operations, operation, changes, alerts, rules, trends, resources, dependencies, sessions, comparison, workers, configuration, profiles, profile, stacks };
/** Views that belong to another one in the navigation. */
const WITHIN = /** @type {Record<string, string>} */ ({ comparison: "sessions", operation: "operations", profile: "profiles", stacks: "operations" });
/** The views in the navigation, in order. */
const NAMED = ["", "operations", "profiles", "changes", "alerts", "rules", "trends", "resources", "dependencies", "sessions", "workers", "configuration"];
const RANGES = [[300, "5 min"], [900, "15 min"], [3600, "1 h"]];
/** Views that need more history than memory has. */
const EARLIER_RANGES = [[86400, "24 h"], [604800, "7 d"]];
const USUAL_RANGE = 3600;

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const header = /** @type {HTMLElement} */ (document.getElementById("top"));

/** @type {{route: {view: string, parameters: Record<string, string>}, document: any, status: any, error: string, seen: number, asked: AbortController | null, offset: number, address: string, entry: number, scroll: number}} */
const page = { route: routeOf(location.hash), document: null, status: null, error: "", seen: 0, asked: null, offset: 0, address: location.hash, entry: entryOf(), scroll: 0 };

/** How far each entry of the browser's history was scrolled when it was left, by its number. */
const scrolled = new Map();
history.scrollRestoration = "manual";

const follower = new Follower({ refresh, changed: drawHeader, heard: noteStatus });

function routeOf(/** @type {string} */ hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const view = Object.hasOwn(VIEWS, path) ? path : "";
  return { view, parameters: Object.fromEntries(new URLSearchParams(query)) };
}

function rangeOf() {
  const range = Number(page.route.parameters.range);
  return Number.isFinite(range) && range >= 1 ? Math.min(range, 2678400) : USUAL_RANGE;
}

function rangesOf() {
  return page.status?.earlier || rangeOf() > USUAL_RANGE ? [...RANGES, ...EARLIER_RANGES] : RANGES;
}

/** Request the data of the view, and show it. */
async function refresh() {
  page.asked?.abort();
  const asked = (page.asked = new AbortController());
  const view = VIEWS[page.route.view];
  try {
    const found = await view.load({ ...page.route.parameters, range: rangeOf() }, asked.signal);
    if (asked.signal.aborted) return;
    page.document = found;
    page.error = "";
    page.seen = Date.now() / 1000;
    if (found.status?.boot) noteStatus(found.status);
    else if (!follower.streaming) askStatus();
  } catch (error) {
    if (asked.signal.aborted) return;
    // A server that restarts, or the proxy before it, is waited for.
    if (!(error instanceof ApiError) || (error.status >= 500 && page.document)) throw error;
    page.error = error.message;
  }
  try {
    draw();
  } catch (error) {
    // A mistake of this page does not mean that the server is lost.
    reportError(error);
  }
}

/** Ask for the status, which events bring otherwise. */
function askStatus() {
  get("status").then(noteStatus, () => {
    // The next refresh asks again, and shows whether the server is lost.
  });
}

/** Update the state of the service from any response or event. */
function noteStatus(/** @type {any} */ status) {
  if (!status) return;
  if (page.status && page.status.boot !== status.boot && page.status.version !== status.version) location.reload();
  page.status = status;
  page.offset = status.at - Date.now() / 1000;
  follower.interval = status.tick_interval;
  drawHeader();
}

function draw() {
  const view = VIEWS[page.route.view];
  main.setAttribute("aria-busy", page.document || page.error ? "false" : "true");
  if (page.error) render(main, h("p", { class: "notice", role: "alert" }, page.error));
  else if (page.document) render(main, h("h1", { class: "spoken-only" }, view.title), view.view(page.document, page.route.parameters, { go, again: () => follower.now({ another: true }), redraw: draw, streaming: () => follower.streaming }));
  drawHeader();
  if (page.document && page.scroll) {
    scrollTo(0, page.scroll);
    page.scroll = 0;
  }
}

function drawHeader() {
  const { status } = page;
  const name = status?.service || status?.instance || "vitalspan";
  document.title = status ? `${status.score === null ? "" : `${score(status.score)} · `}${status.firing ? `${status.firing} firing · ` : ""}${name}` : "vitalspan";
  const version = document.getElementById("version");
  if (version && status) version.textContent = `vitalspan ${status.version}`;
  render(header,
    h("a", { class: "brand", href: link("", {}) },
      svg("svg", { viewBox: "0 0 32 32", "aria-hidden": "true" },
        svg("rect", { width: 32, height: 32, rx: 7 }),
        svg("path", { d: "M5 17h5l3-8 5 15 3.5-9 1.5 2h4" })),
      h("span", { class: "service", title: name }, name),
      status && h("span", { class: "glance" }, light(status.status), status.status.replace("_", " "))),
    h("nav", { "aria-label": "Views", class: "views" }, NAMED.map((view) =>
      h("a", { href: link(view, {}), "aria-current": (WITHIN[page.route.view] ?? page.route.view) === view ? "page" : null }, VIEWS[view].title))),
    h("div", { class: "controls" },
      h("div", { class: "segments", role: "group", "aria-label": "Range" }, rangesOf().map(([range, text]) =>
        h("button", { type: "button", "aria-pressed": String(rangeOf() === range), onclick: () => go({ range }) }, text))),
      h("button", { type: "button", class: "live", "aria-pressed": String(follower.paused), onclick: () => follower.toggle() },
        h("span", { class: `dot ${follower.state}`, "aria-hidden": "true" }), stateText()),
      h("button", { type: "button", class: "theme", "aria-label": "Dark or light", title: "Dark or light", onclick: changeTheme },
        svg("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" },
          svg("circle", { cx: 10, cy: 10, r: 7 }), svg("path", { d: "M10 3a7 7 0 0 1 0 14z" })))));
}

function stateText() {
  if (follower.paused) return "Paused";
  if (follower.state === "lost") return page.seen ? `Lost ${ago(page.seen, Date.now() / 1000)}` : "Connecting";
  return "Live";
}

/** The address of a view, with the current range. */
function link(/** @type {string} */ view, /** @type {Record<string, any>} */ parameters) {
  const query = queryOf({ ...parameters, range: page.route.parameters.range });
  return `#/${view}${query ? `?${query}` : ""}`;
}

/** Change parameters of the current view. */
function go(/** @type {Record<string, any>} */ changes_) {
  const query = queryOf({ ...page.route.parameters, ...changes_ });
  const address = `#/${page.route.view}${query ? `?${query}` : ""}`;
  // Letters typed into a search are not steps to go back to.
  if ("search" in changes_) history.replaceState(history.state, "", address);
  else if (address !== location.hash) history.pushState(null, "", address);
  follow();
}

function changeTheme() {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("vitalspan-theme", root.dataset.theme);
  } catch {
    // Storage may be disabled; the choice lasts until the page is left.
  }
  dispatchEvent(new Event("themechange"));
}

/** Show the view in the address. */
function follow() {
  // Browsers say twice that the address has changed.
  if (location.hash === page.address) return;
  const before = subjectOf(page.route);
  page.address = location.hash;
  page.route = routeOf(page.address);
  drawHeader();
  if (subjectOf(page.route) !== before) {
    scrolled.set(page.entry, scrollY);
    page.document = null;
    page.error = "";
    render(main);
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
    showCurrent();
    page.scroll = scrolled.get(entryOf()) ?? 0;
  }
  page.entry = entryOf();
  main.setAttribute("aria-busy", "true");
  follower.now({ another: true });
}

/** The number of the current entry of the browser's history, which it keeps. */
function entryOf() {
  if (history.state === null) history.replaceState(performance.timeOrigin + performance.now(), "");
  return history.state;
}

/** What a route is about: while it stays the same, the view is updated in place. */
function subjectOf(/** @type {typeof page.route} */ { view, parameters: { operation, component, id, before, after } }) {
  return JSON.stringify([view, operation, operation && component, id, after && before, after]);
}

/** Scroll the navigation of a narrow screen to the current view. */
function showCurrent() {
  header.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

addEventListener("hashchange", follow);
addEventListener("popstate", follow);

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("themechange")));

document.getElementById("skip")?.addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

// Ages grow between two responses.
setInterval(() => {
  if (document.hidden || follower.paused) return;
  const now = Date.now() / 1000 + page.offset;
  for (const element of main.querySelectorAll("[data-start]")) {
    const text = age(Math.max(0, now - Number(/** @type {HTMLElement} */ (element).dataset.start)));
    if (element.textContent !== text) element.textContent = text;
  }
  if (follower.state === "lost") drawHeader();
}, 1000);

drawHeader();
showCurrent();
follower.begin();
