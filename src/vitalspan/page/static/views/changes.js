// @ts-check
/** What changed: operations in the range compared with the time before, where that is significant. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { count, period, rate, ratio, seconds } from "../format.js";
import { card, figure, nothing, operationName } from "../parts.js";

export const title = "What changed";

export function load(/** @type {any} */ { range }, /** @type {AbortSignal} */ signal) {
  return get("changes", { range }, signal);
}

export function view(/** @type {any} */ it) {
  const sure = Math.floor(it.confidence * 1000) / 10;
  return [
    it.notice && h("p", { class: "notice", key: "notice" }, it.notice),
    card("What changed", { aside: h("span", { class: "muted" }, `the last ${period(it.seconds_after)} against the ${period(it.seconds_before)} before`) },
      it.changes.length
        ? h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "What changed" }, h("table", {},
          h("thead", {}, h("tr", {}, ["Operation", "What", "Rate", "p50", "p95", "Errors"].map((text, index) => h("th", { scope: "col", class: index > 1 ? "number" : "" }, text)))),
          h("tbody", {}, it.changes.map((/** @type {any} */ one) => row(one, it.promql)))))
        : nothing("Nothing has changed for sure."),
      h("p", { class: "muted more-text" }, `${count(it.unchanged)} operations have not changed. A change counts where chance makes one as large in fewer than ${(100 - sure).toFixed(1)} % of cases: by the Mann-Whitney U test of durations, or Fisher's exact test of errors.`)),
  ];
}

function row(/** @type {any} */ one, /** @type {Record<string, string>} */ queries) {
  const cell = (/** @type {any} */ earlier, /** @type {any} */ later, /** @type {(value: any) => string} */ format, /** @type {boolean} */ sure, /** @type {string} */ query) =>
    h("td", { class: "number" }, h("span", { class: "muted" }, `${format(earlier)} → `), h(sure ? "b" : "span", {}, figure(format(later), queries[query], query, { names: one, listed: true })));
  const { before, after, durations, errors } = one.figures;
  return h("tr", { key: `${one.component}\n${one.operation}` },
    h("th", { scope: "row" }, operationName(one)),
    h("td", {}, words(one)),
    cell(one.rate_before, one.rate_after, rate, false, "throughput"),
    cell(before?.p50, after?.p50, seconds, durations.significant, "p50"),
    cell(before?.p95, after?.p95, seconds, durations.significant, "p95"),
    cell(before?.error_rate, after?.error_rate, ratio, errors.significant, "error_rate"));
}

function words(/** @type {any} */ { figures }) {
  if (!figures.before) return h("span", { class: "change" }, "new");
  if (!figures.after) return h("span", { class: "change" }, "no longer called");
  const found = [figures.durations.significant && durationsWord(figures), figures.errors.significant && errorsWord(figures)].filter(Boolean);
  return found.flatMap((one, index) => index ? [", ", one] : [one]);
}

/** How the durations of an operation have changed. */
export function durationsWord(/** @type {any} */ { before, after }) {
  const isSlower = after.p50 > before.p50 || (after.p50 === before.p50 && after.mean > before.mean);
  return h("span", { class: `change ${isSlower ? "worse" : "better"}` }, isSlower ? "slower" : "faster");
}

/** How the errors of an operation have changed. */
export function errorsWord(/** @type {any} */ { before, after }) {
  const isWorse = after.error_rate > before.error_rate;
  return h("span", { class: `change ${isWorse ? "worse" : "better"}` }, isWorse ? "fails more" : "fails less");
}
