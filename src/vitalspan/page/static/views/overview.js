// @ts-check
/** The first view: the state of the service, what is wrong, and where. */

import { get } from "../api.js";
import { chart, sparkline } from "../chart.js";
import { h, svg } from "../dom.js";
import { age, count, labelText, period, rate, ratio, score, seconds } from "../format.js";
import { componentGraph, statusClass } from "../graph.js";
import { markList } from "../marks.js";
import { card, figure, keysOf, linkTo, nothing, operationName, promql, severity, when } from "../parts.js";

export const title = "Overview";

export function load(/** @type {any} */ { range }, /** @type {AbortSignal} */ signal) {
  return get("overview", { range }, signal);
}

export function view(/** @type {any} */ it) {
  return [
    it.notice && h("p", { class: "notice", key: "notice" }, it.notice),
    h("div", { class: "grid", key: "top" }, health(it), alerts(it.alerts, it.alert_promql)),
    it.axis && h("section", { class: "card charts", key: "charts", "aria-label": "All calls" }, totals(it)),
    h("div", { class: "grid three", key: "lists" },
      list(it, "Busiest operations", it.busiest, "calls", "count", (one) => count(one.count), (points) => points.rate, rate, "--line-1"),
      list(it, "Slowest operations", it.slowest, "95th percentile", "p95", (one) => seconds(one.p95), (points) => points.p95, seconds, "--line-2"),
      list(it, "Most failing operations", it.failing, "errors", "error_rate", (one) => ratio(one.error_rate), (points) => points.error_rate, ratio, "--line-3")),
    h("div", { class: "grid", key: "parts" }, components(it.health.components, it.health_promql.components), running(it)),
  ];
}

function health(/** @type {any} */ { health: it, axis, scores, health_promql: queries }) {
  const reasons = it.factors.slice(0, 5);
  const { slope, snapshots } = it.trend;
  // A line through a few minutes says nothing about an hour.
  const long = snapshots.length > 1 && snapshots.at(-1).at - snapshots[0].at >= 480;
  return card("Health", { className: "health", aside: promql(queries.score, "the health score") },
    h("div", { class: "health-body" },
      gauge(it),
      h("div", { class: "reasons" },
        reasons.length
          ? h("ul", {}, reasons.map((/** @type {any} */ one) => h("li", { key: one.factor },
            h("span", { class: "lost", title: `${one.factor} costs ${one.points_lost.toFixed(1)} points` }, figure(`−${one.points_lost.toFixed(one.points_lost < 10 ? 1 : 0)}`, queries.factor, `the points that ${one.factor} costs`, { names: { factor: one.factor } })),
            h("span", { class: "reason" }, one.reason))))
          : nothing(it.score === null ? "Nothing is known yet: the score comes with the first calls." : "Nothing costs points."),
        long && slope !== null && Math.abs(slope) >= 1 && h("p", { class: "muted trend" }, `${slope < 0 ? "Falling" : "Rising"} by ${Math.abs(slope).toFixed(0)} points an hour`))),
    axis && sparkline("scores", { title: "Health score over time", axis, format: score, least: 100, lines: [{ label: "score", color: "--line-1", values: scores, filled: true }] }));
}

function gauge(/** @type {any} */ { score: value, status }) {
  const length = 2 * Math.PI * 52;
  const part = ((value ?? 0) / 100) * length;
  const text = `Health score ${value === null ? "unknown" : `${score(value)} of 100`}, ${status.replace("_", " ")}`;
  return h("div", { class: `gauge ${statusClass(status)}`, role: "img", "aria-label": text },
    svg("svg", { viewBox: "0 0 120 120", "aria-hidden": "true" },
      svg("circle", { class: "track", cx: 60, cy: 60, r: 52 }),
      svg("circle", { class: "arc", cx: 60, cy: 60, r: 52, "stroke-dasharray": `${part.toFixed(1)} ${length.toFixed(1)}`, transform: "rotate(-90 60 60)" }),
      svg("text", { x: 60, y: 66, "text-anchor": "middle", class: "number" }, score(value)),
      svg("text", { x: 60, y: 86, "text-anchor": "middle", class: "word" }, status.replace("_", " ").slice(0, 14))));
}

function alerts(/** @type {any[]} */ every, /** @type {Record<string, string>} */ queries) {
  const firing = every.filter(({ state }) => state === "firing");
  const pending = every.filter(({ state }) => state === "pending");
  const shown = [...firing, ...pending].slice(0, 6);
  const left = firing.length + pending.length - shown.length;
  return card("Alerts", { className: "alerts", aside: h("span", { class: "muted" }, figure(firing.length ? String(firing.length) : "none", queries.firing, "firing alerts"), " firing",
    pending.length > 0 && [", ", figure(String(pending.length), queries.pending, "pending alerts"), " pending"]) },
    shown.length
      ? h("ul", { class: "rows" }, shown.map((one) => h("li", { key: one.id, class: one.state },
        severity(one.severity),
        h("div", { class: "what" },
          h("a", { href: linkTo("alerts", { id: one.id }), class: "name" }, one.alertname),
          h("p", { class: "message" }, one.message)),
        h("span", { class: "muted since" }, one.state === "pending" ? "pending since " : "since ", when(one.fired_at ?? one.active_at)))))
      : nothing("No alert fires."),
    left > 0 && h("p", { class: "more" }, h("a", { href: linkTo("alerts") }, `${left} more`)));
}

function totals(/** @type {any} */ { axis, points, marks, total, promql: queries, total_promql: figures }) {
  return [
    chart("rate", {
      title: "Calls per second", axis, marks, format: rate, action: promql(queries.rate, "calls per second"),
      lines: [{ label: "calls", color: "--line-1", values: points.rate, filled: true }],
    }),
    chart("errors", {
      title: "Error rate", axis, marks, format: ratio, least: 0.01, action: promql(queries.error_rate, "the error rate"),
      lines: [{ label: "errors", color: "--line-3", values: points.error_rate, filled: true }],
    }),
    chart("durations", {
      title: "Duration", axis, marks, format: seconds, action: promql(queries.p95, "the 95th percentile"),
      lines: [
        { label: "p50", color: "--line-2", values: points.p50 },
        { label: "p95", color: "--line-4", values: points.p95 },
        { label: "p99", color: "--line-5", values: points.p99 },
      ],
    }),
    h("p", { class: "totals muted" }, figure(count(total.count), figures.count, "calls"), " calls and ", figure(count(total.errors), figures.errors, "errors"), ` errors in ${period(total.seconds)}`),
    markList(marks),
  ];
}

function list(
  /** @type {any} */ it, /** @type {string} */ heading, /** @type {number[]} */ places, /** @type {string} */ unit, /** @type {string} */ query,
  /** @type {(one: any) => string} */ text, /** @type {(points: any) => any[]} */ values,
  /** @type {(value: any) => string} */ format, /** @type {string} */ color,
) {
  const rows = places.map((place) => it.operations[place]);
  return card(heading, { aside: h("span", { class: "muted" }, unit) },
    rows.length
      ? h("ol", { class: "rows ops" }, rows.map(({ figures, points }) => h("li", { key: `${figures.component}\n${figures.operation}` },
        operationName(figures),
        points && sparkline("chart", { title: `${figures.operation}, ${unit}`, axis: it.axis, format, lines: [{ label: unit, color, values: values(points), filled: true }] }),
        h("b", { class: "figure" }, figure(text(figures), it.row_promql[query], `${unit} of ${figures.operation}`, { names: figures, listed: true })))))
      : nothing(it.operation_count ? "None." : "No operation has been called yet."));
}

function components(/** @type {any[]} */ every, /** @type {string} */ query) {
  return card("Components", { className: "components", aside: every.length > 0 && promql(query, "the scores of components") },
    every.length
      ? componentGraph(every, (component) => linkTo("operations", { component }))
      : nothing("No component is known yet."));
}

function running(/** @type {any} */ { running: calls, running_count: all, status, total_promql: queries }) {
  const keys = keysOf(calls);
  const word = all === 1 ? "1 call" : `${count(all)} calls`;
  return card("Running now", { className: "running", aside: h("span", { class: "muted" }, calls.length > 0 && [h("a", { class: "link", href: linkTo("stacks") }, "Where are they now?"), " "], figure(word, queries.in_progress, "running calls")) },
    calls.length
      ? h("ul", { class: "rows" }, calls.slice(0, 8).map((/** @type {any} */ one, /** @type {number} */ index) => h("li", { key: keys[index] },
        operationName(one),
        h("span", { class: "muted labels" }, labelText(one.labels)),
        ageOf(one, status.at, index === 0 ? queries.oldest_in_progress : undefined))))
      : nothing(all ? "They run in other processes of this service." : "No call is running."));
}

/** How long a call has been running; there is only a metric for the oldest one. */
function ageOf(/** @type {any} */ { start }, /** @type {number} */ now, /** @type {string | undefined} */ query) {
  const text = age(Math.max(0, now - start));
  return h("b", { class: "figure age", "data-start": query ? null : start }, figure(text, query, "the age of the oldest running call", { start }));
}
