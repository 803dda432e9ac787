// @ts-check
/** Sessions: open ones, and the last closed ones. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { age, count, nameText, ratio, seconds, time } from "../format.js";
import { card, linkTo, named, nothing, operationLink, table, when } from "../parts.js";

export const title = "Sessions";

/** How many counts of a session are shown. */
const COUNTS = 6;

export function load(/** @type {any} */ _, /** @type {AbortSignal} */ signal) {
  return get("sessions", { limit: 50 }, signal);
}

export function view(/** @type {any} */ it, /** @type {any} */ { before }, /** @type {any} */ { go }) {
  const chosen = it.history.find((/** @type {any} */ one) => one.id === before);
  return [
    card("Open", { aside: h("span", { class: "muted" }, it.open.length) },
      it.open.length
        ? list("Open", it.open, (one) => h("span", { "data-start": one.start }, age(one.duration)))
        : nothing("No session is open.")),
    card("Closed", { aside: h("span", { class: "muted" }, chosen ? ["Choose what to compare with ", nameText(chosen.name), " of ", when(chosen.start)] : "the latest first") },
      it.history.length
        ? list("Closed", it.history, (one) => seconds(one.duration), it.history.length > 1 ? (one) => comparing(one, chosen, go) : null)
        : nothing("No session has been closed yet. A program opens one with monitor.session(name).")),
  ];
}

function list(/** @type {string} */ label, /** @type {any[]} */ every, /** @type {(one: any) => any} */ duration, /** @type {((one: any) => any) | null} */ compare = null) {
  const columns = /** @type {[string, string][]} */ (compare ? [["Compare", "short"]] : []);
  return table(label, [["Session"], ...columns, ["Began", "small"], ["Duration", "number"], ["Calls", "number"], ["Errors", "number"], ["Counted", "text"], ["Bottlenecks", "text"]],
    every.map((one) => [`${one.name}\n${one.start}`,
      named(one.name, one.parent === null ? null : `within ${nameText(one.parent)}`), ...(compare ? [compare(one)] : []), when(one.start), duration(one),
      count(one.calls.count), ratio(one.calls.error_rate), counts(Object.entries(one.counts)), bottlenecks(one.bottlenecks)]));
}

/** Chooses a session, or leads to its comparison with the chosen one. */
function comparing(/** @type {any} */ one, /** @type {any} */ chosen, /** @type {any} */ go) {
  const name = h("span", { class: "spoken-only" }, ` ${nameText(one.name)} of ${time(one.start)}`);
  if (!chosen || chosen === one) {
    return h("button", { type: "button", class: "action", "aria-pressed": String(chosen === one), onclick: () => go({ before: chosen ? "" : one.id }) }, chosen ? "Chosen" : "Compare", name);
  }
  const [before, after] = one.start <= chosen.start ? [one, chosen] : [chosen, one];
  return h("a", { class: "action", href: linkTo("comparison", { before: before.id, after: after.id }) }, "With this", name);
}

function counts(/** @type {[string, number][]} */ every) {
  const left = every.length - COUNTS;
  return h("span", { class: "parts" },
    every.slice(0, COUNTS).map(([name, amount]) => h("span", {}, h("b", {}, count(amount)), " ", h("bdi", { title: name }, nameText(name)))),
    left > 0 && h("span", { class: "muted" }, `and ${count(left)} more`));
}

function bottlenecks(/** @type {any[]} */ every) {
  return h("span", { class: "parts" }, every.slice(0, 3).map((one) => h("span", {},
    h("b", {}, ratio(one.share)), " ", h("a", { class: "link", href: operationLink(one), title: one.component }, nameText(one.operation)))));
}
