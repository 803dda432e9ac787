// @ts-check
/** Small parts that several views share. */

import { queryOf } from "./api.js";
import { h } from "./dom.js";
import { nameText, time, utc } from "./format.js";

const STATUSES = ["healthy", "degraded", "unhealthy", "critical", "no_data"];
const SEVERITIES = ["info", "warning", "error", "critical"];

/** A light in the color of a level. The level is next to it, so color is never the only cue. */
export function light(/** @type {string} */ status) {
  return h("span", { class: `light ${STATUSES.includes(status) ? `is-${status}` : "is-other"}`, "aria-hidden": "true" });
}

/** The severity of an alert as a small badge. */
export function severity(/** @type {string} */ name) {
  return h("span", { class: `badge ${SEVERITIES.includes(name) ? `at-${name}` : "at-info"}` }, name);
}

/** A time of day in the viewer's zone, with UTC on hover. */
export function when(/** @type {number | null} */ at) {
  return h("time", { title: utc(at), datetime: at === null ? null : new Date(at * 1000).toISOString() }, time(at));
}

/** A card with a heading. */
export function card(/** @type {string} */ title, /** @type {any} */ more, /** @type {any[]} */ ...children) {
  const { aside = null, className = "" } = more ?? {};
  return h("section", { class: `card ${className}`, key: title, "aria-label": title },
    h("div", { class: "card-head" }, h("h2", {}, title), aside), children);
}

/** The address of a view in this page. */
export function linkTo(/** @type {string} */ view, /** @type {Record<string, any>} */ parameters = {}) {
  const query = queryOf({ ...parameters, range: currentRange() });
  return `#/${view}${query ? `?${query}` : ""}`;
}

function currentRange() {
  const range = new URLSearchParams(location.hash.split("?")[1] ?? "").get("range");
  return range && /^\d{1,7}$/.test(range) ? range : null;
}

/** The address of the view of an operation. */
export function operationLink(/** @type {{component: string | null, operation: string | null}} */ { component, operation }) {
  return linkTo("operation", { component, operation });
}

/** The names of an operation and its component, as a link to its view. */
export function operationName(/** @type {{component: string | null, operation: string | null}} */ one) {
  return h("a", { class: "op", href: operationLink(one) }, lines(one.operation, one.component));
}

/** A name, and below it what it belongs to. */
export function named(/** @type {string} */ name, /** @type {string | null} */ within) {
  return h("span", { class: "op" }, lines(name, within));
}

function lines(/** @type {string | null} */ name, /** @type {string | null} */ within) {
  return [
    h("span", { class: "name", title: name }, nameText(name)),
    within && within !== "default" && h("span", { class: "muted component", title: within }, nameText(within)),
  ];
}

/**
 * A table that scrolls within its card.
 * @param {string} label
 * @param {[string, string?][]} columns the heading and the class of each column
 * @param {any[][]} rows the key of each row and its cells, the first of which names the row
 */
export function table(label, columns, rows) {
  return h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": label }, h("table", {},
    h("thead", {}, h("tr", {}, columns.map(([text, kind]) => h("th", { scope: "col", class: kind }, text)))),
    h("tbody", {}, rows.map(([key, first, ...cells]) => h("tr", { key },
      h("th", { scope: "row", class: columns[0][1] }, first),
      cells.map((cell, index) => h("td", { class: columns[index + 1][1] }, cell)))))));
}

/**
 * A key for each call of a list. Two responses may disagree on a start by a microsecond, and calls
 * that are alike are numbered.
 */
export function keysOf(/** @type {any[]} */ calls) {
  /** @type {Map<string, number>} */
  const numbers = new Map();
  return calls.map(({ operation, component, start, duration = "", trace_id: id }) => {
    const key = JSON.stringify([operation, component, Math.round(start), duration, id]);
    const number = (numbers.get(key) ?? 0) + 1;
    numbers.set(key, number);
    return `${key} ${number}`;
  });
}

/** A button that copies PromQL. */
export function promql(/** @type {string} */ text, /** @type {string} */ what, /** @type {string} */ label = "PromQL") {
  return h("button", { type: "button", class: "quiet", title: text, "aria-label": `${label}: copy ${what}`, onclick: () => copy(text, `Copied: ${what} as PromQL`) }, label);
}

/** A query with names instead of its variables. */
export function filled(/** @type {string} */ query, /** @type {Record<string, any>} */ names = {}) {
  return query.replace(/"\$(\w+)"/g, (variable, name) => (typeof names[name] === "string" ? quoted(names[name]) : variable));
}

function quoted(/** @type {string} */ text) {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

/**
 * A value that copies its PromQL when it is pressed. In lists, the keyboard skips it, since the
 * view of each row has the same value.
 */
export function figure(/** @type {string} */ text, /** @type {string | undefined} */ query, /** @type {string} */ what, /** @type {{names?: Record<string, any>, listed?: boolean, start?: number | null}} */ { names = {}, listed = false, start = null } = {}) {
  if (!query) return text;
  return h("button", {
    type: "button", class: "copies", title: `Copy ${what} as PromQL`, // The text of an age goes on.
    "aria-label": start === null ? `${text}: copy ${what} as PromQL` : null,
    tabindex: listed ? -1 : null, "data-start": start, onclick: () => copy(filled(query, names), `Copied: ${what} as PromQL`),
  }, text);
}

async function copy(/** @type {string} */ text, /** @type {string} */ said) {
  try {
    await navigator.clipboard.writeText(text);
    say(said);
  } catch {
    // Without TLS there is no clipboard, so the text is shown and selected.
    const dialog = h("dialog", { class: "copy", "aria-label": "PromQL" },
      h("textarea", { readonly: true, rows: 6, "aria-label": "PromQL" }, text),
      h("form", { method: "dialog" }, h("button", {}, "Close")));
    document.body.append(dialog);
    dialog.addEventListener("close", () => dialog.remove());
    /** @type {HTMLDialogElement} */ (/** @type {unknown} */ (dialog)).showModal();
    dialog.querySelector("textarea")?.select();
  }
}

/** Announce a text to screen readers, and show it for a moment. */
export function say(/** @type {string} */ text) {
  const spoken = /** @type {HTMLElement} */ (document.getElementById("spoken"));
  spoken.textContent = text;
  spoken.classList.add("shown");
  clearTimeout(Number(spoken.dataset.timer));
  spoken.dataset.timer = String(setTimeout(() => spoken.classList.remove("shown"), 2500));
}

/** The text for an empty list or view. */
export function nothing(/** @type {string} */ text) {
  return h("p", { class: "empty muted" }, text);
}

/** A trace id, as a link to the user's tracing system if there is one. */
export function trace(/** @type {string | null} */ id, /** @type {string} */ template) {
  if (!id) return null;
  const code = h("code", {}, id);
  return template ? h("a", { class: "trace", href: template.replaceAll("{trace_id}", encodeURIComponent(id)), rel: "noreferrer", target: "_blank" }, code) : code;
}
