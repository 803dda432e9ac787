// @ts-check
/** Sessions: open ones, and the last closed ones. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { age, count, nameText, ratio, seconds } from "../format.js";
import { card, named, nothing, operationLink, table, when } from "../parts.js";

export const title = "Sessions";

/** How many counts of a session are shown. */
const COUNTS = 6;

export function load(/** @type {any} */ _, /** @type {AbortSignal} */ signal) {
  return get("sessions", { limit: 50 }, signal);
}

export function view(/** @type {any} */ it) {
  return [
    card("Open", { aside: h("span", { class: "muted" }, it.open.length) },
      it.open.length
        ? list("Open", it.open, (one) => h("span", { "data-start": one.start }, age(one.duration)))
        : nothing("No session is open.")),
    card("Closed", { aside: h("span", { class: "muted" }, "the latest first") },
      it.history.length
        ? list("Closed", it.history, (one) => seconds(one.duration))
        : nothing("No session has been closed yet. A program opens one with monitor.session(name).")),
  ];
}

function list(/** @type {string} */ label, /** @type {any[]} */ every, /** @type {(one: any) => any} */ duration) {
  return table(label, [["Session"], ["Began", "small"], ["Duration", "number"], ["Calls", "number"], ["Errors", "number"], ["Counted", "text"], ["Bottlenecks", "text"]],
    every.map((one) => [`${one.name}\n${one.start}`,
      named(one.name, one.parent === null ? null : `within ${nameText(one.parent)}`), when(one.start), duration(one),
      count(one.calls.count), ratio(one.calls.error_rate), counts(Object.entries(one.counts)), bottlenecks(one.bottlenecks)]));
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
