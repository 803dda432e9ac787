// @ts-check
/** Trends: forecasts of the calls, the score and the machine, and unusual values. */

import { get } from "../api.js";
import { chart } from "../chart.js";
import { h } from "../dom.js";
import { inUnit, score, seconds } from "../format.js";
import { markList } from "../marks.js";
import { card, figure, nothing, operationName, promql, when } from "../parts.js";

export const title = "Trends";

const COLORS = ["--line-1", "--line-3", "--line-2", "--line-4", "--line-5"];
const SHORT = /** @type {Record<string, string>} */ ({
  rate: "Calls per second", error_ratio: "Error rate", latency_p50: "Duration, p50", latency_p95: "Duration, p95", latency_p99: "Duration, p99",
  health_score: "Health score", cpu_utilization: "CPU of the machine", memory_utilization: "Memory of the machine", memory_rss: "Resident memory",
});

export function load(/** @type {any} */ { range }, /** @type {AbortSignal} */ signal) {
  return get("trends", { range }, signal);
}

export function view(/** @type {any} */ it) {
  const unusual = [
    ...it.signals.flatMap((/** @type {any} */ one) => one.anomalies.map((/** @type {any} */ anomaly) => ({ ...one, anomaly, operation: null }))),
    ...it.operations,
  ].sort((one, other) => other.anomaly.start - one.anomaly.start);
  // The shortfall of a young service is the same for all signals.
  const shortfalls = new Set(it.signals.map((/** @type {any} */ one) => one.shortfall));
  const shared = shortfalls.size === 1 ? it.signals[0].shortfall : null;
  return [
    it.notice && h("p", { class: "notice", key: "notice" }, it.notice),
    it.axis && h("section", { class: "card charts", key: "charts", "aria-label": "Trends" },
      it.signals.length ? it.signals.map((/** @type {any} */ one, /** @type {number} */ index) => trend(one, it, COLORS[index % COLORS.length], shared)) : nothing("No call was made in this time."),
      shared && h("p", { class: "totals muted" }, shared),
      markList(it.marks)),
    card("Unusual", { aside: h("span", { class: "muted" }, "the latest first") },
      unusual.length
        ? h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Unusual" }, h("table", {},
          h("thead", {}, h("tr", {}, ["When", "What", "Operation", "Value", "Usual"].map((text, index) => h("th", { scope: "col", class: index > 2 ? "number" : "" }, text)))),
          h("tbody", {}, unusual.map((one) => h("tr", { key: `${one.signal} ${one.component} ${one.operation} ${Math.round(one.anomaly.start)}` },
            h("td", {}, when(one.anomaly.start), " to ", when(one.anomaly.end)),
            h("td", {}, nameOf(one.signal)),
            h("td", {}, one.operation === null ? "all" : operationName(one)),
            h("td", { class: "number" }, h("b", {}, figure(value(one, one.anomaly.value), (one.operation === null ? it.promql : it.row_promql)[one.signal], nameOf(one.signal), { names: one, listed: true }))), h("td", { class: "number" }, value(one, one.anomaly.usual)))))))
        : nothing("Nothing was unusual."),
      h("p", { class: "muted more-text" }, "A value is unusual from six standard deviations around the median on, which are estimated from the median absolute deviation of all values of this time.")),
  ];
}

function trend(/** @type {any} */ one, /** @type {any} */ { axis, marks, promql: queries }, /** @type {string} */ color, /** @type {string | null} */ shared) {
  const of = (/** @type {any} */ amount) => value(one, amount);
  return h("div", { class: "trend-of", key: one.signal },
    chart(one.signal, {
      title: nameOf(one.signal), action: queries[one.signal] && promql(queries[one.signal], nameOf(one.signal)), axis, marks, format: of, binary: one.unit.startsWith("bytes"),
      least: one.signal === "health_score" ? 100 : one.unit === "ratio" ? (one.limit ?? 0.01) : 0, lines: [{ label: one.summary, color, values: one.values, filled: true }],
    }),
    h("p", { class: "muted leads", title: one.summary }, shared ? "Not enough data for a trend yet." : leads(one, of)));
}

/** The forecast of a signal in words. */
function leads(/** @type {any} */ one, /** @type {(amount: any) => string} */ of) {
  if (one.shortfall) return one.shortfall;
  if (one.direction === "steady") return "Steady.";
  const rate = `${one.slope < 0 ? "Falling" : "Rising"} by ${of(Math.abs(one.slope))} an hour: ${of(one.forecast)} in ${seconds(one.forecast_seconds)}`;
  return one.limit_in === null ? `${rate}.` : `${rate}, and ${of(one.limit)} in ${seconds(one.limit_in)}.`;
}

function value(/** @type {any} */ one, /** @type {any} */ amount) {
  return one.signal === "health_score" ? score(amount) : inUnit(amount, one.unit);
}

function nameOf(/** @type {string} */ signal) {
  return SHORT[signal] ?? signal;
}
