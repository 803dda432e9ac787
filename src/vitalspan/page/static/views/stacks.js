// @ts-check
/** The stacks of running calls, of one operation or of all. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { count, seconds } from "../format.js";
import { card, nothing, operationName, trace } from "../parts.js";

export const title = "Running calls";

export function load(/** @type {any} */ { operation, component }, /** @type {AbortSignal} */ signal) {
  return get("stacks", { operation, component }, signal);
}

export function view(/** @type {any} */ it, /** @type {any} */ { operation }) {
  const left = it.total - it.calls.length;
  return [
    h("div", { class: "heading", key: "heading" }, h("h2", {}, operation ? "Where its running calls are now" : "Where running calls are now"),
      h("span", { class: "muted" }, `${count(it.total)} running in the process that answers`)),
    it.calls.length
      ? it.calls.map((/** @type {any} */ one, /** @type {number} */ index) => call(one, index, it.at, it.trace_url))
      : card("Running now", {}, nothing("No call is inside at this moment.")),
    left > 0 && h("p", { class: "muted", key: "left" }, `${count(left)} more are younger.`),
  ];
}

function call(/** @type {any} */ one, /** @type {number} */ index, /** @type {number} */ now, /** @type {string} */ traces) {
  const where = [one.task && `task ${one.task}`, one.thread && `thread ${one.thread}`].filter(Boolean).join(", ");
  const labels = Object.entries(one.labels).map(([name, value]) => `${name}=${value}`).join(" ");
  return h("section", { class: "card", key: `${one.start} ${index}`, "aria-label": `Call ${index + 1}` },
    h("div", { class: "card-head" }, operationName(one),
      h("span", { class: "muted where" }, where), labels && h("span", { class: "labels muted" }, labels), trace(one.trace_id, traces),
      h("b", { class: "figure", "data-start": one.start }, seconds(Math.max(0, now - one.start)))),
    one.frames.length
      ? h("ol", { class: "stack" }, one.frames.map((/** @type {any} */ frame, /** @type {number} */ at) =>
        h("li", { class: at === one.frames.length - 1 ? "innermost" : null },
          h("code", {}, frame.function), h("code", { class: "muted" }, `${frame.file}:${frame.lineno}`))))
      : nothing("It was not found on any stack."));
}
