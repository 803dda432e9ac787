// @ts-check
/** The stacks of running calls, of one operation or of all. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { age, count, labelText } from "../format.js";
import { card, keysOf, nothing, operationName, trace } from "../parts.js";
import { ranIn } from "./profiles.js";

export const title = "Running calls";

export function load(/** @type {any} */ { operation, component }, /** @type {AbortSignal} */ signal) {
  return get("stacks", { operation, component }, signal);
}

export function view(/** @type {any} */ it, /** @type {any} */ { operation }) {
  const left = it.total - it.calls.length;
  const keys = keysOf(it.calls);
  return [
    h("div", { class: "heading", key: "heading" }, h("h2", {}, operation ? "Where its running calls are now" : "Where running calls are now"),
      h("span", { class: "muted" }, `${count(it.total)} running in the process that answers`)),
    it.calls.length
      ? it.calls.map((/** @type {any} */ one, /** @type {number} */ index) => call(one, index, keys[index], it.at, it.trace_url))
      : card("Running now", {}, nothing("No call is running.")),
    left > 0 && h("p", { class: "muted", key: "left" }, `${count(left)} more are younger.`),
  ];
}

function call(/** @type {any} */ one, /** @type {number} */ index, /** @type {string} */ key, /** @type {number} */ now, /** @type {string} */ traces) {
  const parts = [ranIn(one), labelText(one.labels), one.trace_id && ["trace ", trace(one.trace_id, traces)]].filter(Boolean);
  return h("section", { class: "card", key, "aria-label": `Call ${index + 1}` },
    h("div", { class: "card-head" }, operationName(one), h("b", { class: "figure", "data-start": one.start }, age(Math.max(0, now - one.start)))),
    parts.length > 0 && h("p", { class: "parts muted labelled" }, parts.map((part) => h("span", {}, part))),
    one.frames_left_out > 0 && h("p", { class: "muted times" }, `${count(one.frames_left_out)} outer frames are left out.`),
    one.frames.length
      ? h("ol", { class: "stack" }, runsOf(one.frames).map(({ frame, times }, at, every) =>
        h("li", { class: at === every.length - 1 ? "innermost" : null },
          h("code", {}, frame.function), h("code", { class: "muted" }, `${frame.file}:${frame.lineno}`),
          times > 1 && h("span", { class: "muted times" }, `${count(times)} times`))))
      : nothing("Its frames are not known. A block has them if it is named: with monitor.operation(...) as call."));
}

/** Frames of a recursion only once, with their number. */
function runsOf(/** @type {{function: string, file: string, lineno: number}[]} */ frames) {
  /** @type {{frame: any, times: number}[]} */
  const runs = [];
  for (const frame of frames) {
    const last = runs.at(-1);
    if (last && last.frame.function === frame.function && last.frame.file === frame.file && last.frame.lineno === frame.lineno) last.times += 1;
    else runs.push({ frame, times: 1 });
  }
  return runs;
}
