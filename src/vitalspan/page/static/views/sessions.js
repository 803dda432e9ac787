// @ts-check
/** Sessions: open ones, and the last closed ones. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { count, nameText, ratio, seconds } from "../format.js";
import { card, nothing, operationName, when } from "../parts.js";

export const title = "Sessions";

export function load(/** @type {any} */ _, /** @type {AbortSignal} */ signal) {
  return get("sessions", { limit: 50 }, signal);
}

export function view(/** @type {any} */ it) {
  return [
    card("Open", { aside: h("span", { class: "muted" }, it.open.length) }, list(it.open, "No session is open.")),
    card("Closed", { aside: h("span", { class: "muted" }, "the latest first") }, list(it.history, "No session was closed yet: monitor.session(name) opens one.")),
  ];
}

function list(/** @type {any[]} */ every, /** @type {string} */ otherwise) {
  if (!every.length) return nothing(otherwise);
  return h("ul", { class: "rows" }, every.map((one) => h("li", { key: `${one.name}\n${one.start}` },
    h("div", { class: "what" },
      h("p", { class: "name" }, nameText(one.name)),
      h("p", { class: "message muted" }, when(one.start), ` for ${seconds(one.duration)}, ${count(one.calls.count)} calls, ${ratio(one.calls.error_rate)} errors`,
        Object.entries(one.counts).map(([name, amount]) => `, ${name}: ${count(amount)}`))),
    h("div", { class: "bottlenecks" }, one.bottlenecks.slice(0, 3).map((/** @type {any} */ each) => h("p", {}, operationName(each), h("b", {}, ratio(each.share))))))));
}
