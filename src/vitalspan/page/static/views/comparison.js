// @ts-check
/** What changed between two closed sessions, and whether that is more than noise. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { NONE, count, growth, nameText, ratio, seconds } from "../format.js";
import { card, named, nothing, operationName, table, when } from "../parts.js";
import { durationsWord, errorsWord } from "./changes.js";

export const title = "Compare sessions";

const CONFIDENCES = [0.95, 0.99, 0.999];
/** The least p-value that is written as it is. */
const LEAST = 1e-4;

const FIGURES = /** @type {[string, string, (value: any) => string][]} */ ([
  ["count", "Calls", count], ["mean", "Mean", seconds], ["p50", "p50", seconds], ["p95", "p95", seconds], ["p99", "p99", seconds], ["error_rate", "Error rate", ratio],
]);

export function load(/** @type {any} */ { before, after, confidence }, /** @type {AbortSignal} */ signal) {
  return get("comparison", { before, after, confidence }, signal);
}

export function view(/** @type {any} */ it, /** @type {any} */ _, /** @type {any} */ { go }) {
  const all = it.operations.length + it.operations_left_out;
  return [
    h("div", { class: "heading", key: "heading" },
      h("h2", {}, nameText(it.after.name)), h("span", { class: "muted" }, "of ", when(it.after.start), ", compared with ", nameText(it.before.name), " of ", when(it.before.start))),
    card("Sessions", {}, table("Sessions", [["Session", "short"], ["Name"], ["Began"], ["Duration", "number"], ["Calls", "number"], ["Errors", "number"]],
      [["Before", it.before], ["After", it.after]].map(([which, one]) => [which, which,
        named(one.name, one.parent === null ? null : `within ${nameText(one.parent)}`), when(one.start), seconds(one.duration), count(one.calls.count), ratio(one.calls.error_rate)]))),
    card("Operations", { aside: confidences(it.confidence, go) },
      all
        ? table("Operations", [["Operation"], ["Durations", "short"], ["Errors", "short"], ...FIGURES.map(([, heading]) => /** @type {[string, string]} */ ([heading, "number"]))],
          it.operations.map((/** @type {any} */ one) => [`${one.component}\n${one.operation}`, operationName(one), durations(one), errors(one),
            ...FIGURES.map(([name, , format]) => change(one.changes[name], format))]))
        : nothing("No operation was called in these sessions."),
      it.operations_left_out > 0 && h("p", { class: "muted more-text" }, `${count(it.operations_left_out)} more operations are not shown.`),
      h("p", { class: "muted more-text" }, `${count(it.changed)} of ${count(all)} operations have changed. A change counts where a test is at least ${ratio(it.confidence)} sure that it is more than noise: the Mann-Whitney U test of durations, or Fisher's exact test of errors. Of many operations that have not changed, one in ${count(Math.round(1 / (1 - it.confidence)))} seems to have.`)),
    it.counts.length > 0 && card("Counted", {}, table("Counted", [["Name"], ["Before", "number"], ["After", "number"], ["Change", "number"]],
      it.counts.map((/** @type {any} */ one) => [one.figure, named(one.figure, null), count(one.before), count(one.after), growth(one.ratio)]))),
  ];
}

function confidences(/** @type {number} */ chosen, /** @type {any} */ go) {
  return h("div", { class: "asked" }, h("span", { class: "muted" }, "at least"),
    h("div", { class: "segments", role: "group", "aria-label": "How sure of a change a test has to be" }, CONFIDENCES.map((one) =>
      h("button", { type: "button", "aria-pressed": String(one === chosen), onclick: () => go({ confidence: one }) }, ratio(one)))),
    h("span", { class: "muted" }, "sure"));
}

function durations(/** @type {any} */ one) {
  if (!one.before) return h("span", { class: "change" }, "new");
  if (!one.after) return h("span", { class: "change" }, "no longer called");
  return verdict(one.durations, durationsWord(one));
}

function errors(/** @type {any} */ one) {
  if (!one.before || !one.after) return NONE;
  return one.before.errors || one.after.errors ? verdict(one.errors, errorsWord(one)) : "none";
}

/** The result of a test, and how sure it is. */
function verdict(/** @type {any} */ { p_value: p, significant, test }, /** @type {any} */ word) {
  if (p === null) return h("span", { class: "muted" }, "too few calls");
  // Rounding up would promise too much.
  const sure = p < LEAST ? "over 99.99 %" : ratio(Math.floor((1 - p) * 1e4) / 1e4);
  return h("span", { class: "op", title: `${test}: p = ${p.toPrecision(2)}` },
    significant ? word : h("span", {}, "no more than noise"), h("span", { class: "muted component" }, significant ? `${sure} sure` : `only ${sure} sure`));
}

function change(/** @type {any} */ { before, after, ratio: times }, /** @type {(value: any) => string} */ format) {
  return [h("span", { class: "muted" }, `${format(before)} → `), format(after), h("span", { class: "muted growth" }, growth(times))];
}
