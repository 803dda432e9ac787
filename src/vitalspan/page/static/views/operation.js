// @ts-check
/** One operation: its values over time, the durations of its calls, its errors and its calls. */

import { get } from "../api.js";
import { chart } from "../chart.js";
import { h } from "../dom.js";
import { age, bytes, count, labelText, nameText, rate, ratio, seconds } from "../format.js";
import { heatmap, histogram } from "../heatmap.js";
import { markList } from "../marks.js";
import { card, figure, keysOf, linkTo, nothing, promql, trace, when } from "../parts.js";
import { WANTED, stop, watch, watchOf } from "../watch.js";
import { profileTable } from "./profiles.js";

export const title = "Operation";

export function load(/** @type {any} */ { range, operation, component }, /** @type {AbortSignal} */ signal) {
  return get("operation", { operation, component, range }, signal);
}

export function view(/** @type {any} */ it, /** @type {any} */ parameters, /** @type {any} */ page) {
  const { figures, axis, points, marks, promql: queries, figures_promql: own } = it;
  const { operation, component = null } = parameters;
  const watched = watchOf(operation, component);
  return [
    h("div", { class: "heading", key: "heading" },
      h("h2", {}, nameText(figures.operation)),
      figures.component && h("span", { class: "muted" }, nameText(figures.component)),
      (!watched || watched.document?.ended) && h("button", { type: "button", class: "action", onclick: () => watch(operation, component, page) }, `Watch the next ${WANTED} calls`)),
    it.notice && h("p", { class: "notice", key: "notice" }, it.notice),
    watched && nextCalls(watched.document),
    h("dl", { class: "facts card", key: "facts" },
      fact("Calls", count(figures.count), own.count), fact("Rate", rate(figures.throughput), own.throughput),
      fact("Errors", count(figures.errors), own.errors), fact("Error rate", ratio(figures.error_rate), own.error_rate),
      figures.cancellations > 0 && fact("Cancelled", count(figures.cancellations), own.cancellations),
      fact("Mean", seconds(figures.mean), own.mean), fact("p50", seconds(figures.p50), own.p50), fact("p95", seconds(figures.p95), own.p95),
      fact("p99", seconds(figures.p99), own.p99), fact("Longest", seconds(figures.max)),
      fact("Running", count(figures.in_progress), own.in_progress),
      figures.in_progress > 0 && fact("Oldest", seconds(figures.oldest_in_progress), own.oldest_in_progress),
      figures.cpu_seconds !== null && fact("CPU time", seconds(figures.cpu_seconds), own.cpu_seconds),
      figures.memory_growth !== null && fact("Memory growth", bytes(figures.memory_growth), own.memory_growth),
      Object.entries(figures.measures).map(([name, amount]) => fact(name, count(amount), own[`measure:${name}`]))),
    axis && h("section", { class: "card charts", key: "charts", "aria-label": "Over time" },
      chart("rate", { title: "Calls per second", axis, marks, format: rate, action: promql(queries.rate, "calls per second"), lines: [{ label: "calls", color: "--line-1", values: points.rate, filled: true }] }),
      chart("errors", { title: "Error rate", axis, marks, format: ratio, least: 0.01, action: promql(queries.error_rate, "the error rate"), lines: [{ label: "errors", color: "--line-3", values: points.error_rate, filled: true }] }),
      chart("durations", {
        title: "Duration", axis, marks, format: seconds, action: promql(queries.p95, "the 95th percentile"),
        lines: [
          { label: "p50", color: "--line-2", values: points.p50 },
          { label: "p95", color: "--line-4", values: points.p95 },
          { label: "p99", color: "--line-5", values: points.p99 },
        ],
      }),
      markList(marks)),
    it.durations?.uppers.length > 0 && h("div", { class: "grid wide-left", key: "durations" },
      card("Durations over time", { aside: promql(own.durations, "the counts by duration") }, h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Durations over time" }, heatmap(axis, it.durations))),
      card("Durations", { aside: promql(own.durations, "the counts by duration") }, histogram(it.durations))),
    h("div", { class: "grid", key: "lists" }, errors(figures.errors_by_type, own.errors_of_type), running(it, parameters)),
    it.profiles.length > 0 && card("Profiles of slow calls", { aside: h("span", { class: "muted" }, count(it.profiles.length)) }, profileTable(it.profiles)),
    calls("Recent calls", it.recent, it.trace_url), it.slow.length > 0 && calls("Slow calls", it.slow, it.trace_url),
  ];
}

function fact(/** @type {string} */ name, /** @type {string} */ value, /** @type {string | undefined} */ query = undefined) {
  return h("div", { key: name }, h("dt", {}, name), h("dd", {}, figure(value, query, name)));
}

function errors(/** @type {any[]} */ types, /** @type {string} */ query) {
  return card("Errors by type", {},
    types.length
      ? h("ul", { class: "rows" }, types.map((one) => h("li", { key: one.error_type },
        h("div", { class: "what" },
          h("span", { class: "name" }, one.error_type),
          one.last_message !== null && h("p", { class: "message muted" }, one.last_message)),
        h("span", { class: "muted since" }, one.last_time === null ? "" : when(one.last_time)),
        h("b", { class: "figure" }, figure(count(one.count), query, `errors of type ${one.error_type}`, { names: one })))))
      : nothing("No call has failed."));
}

function running(/** @type {any} */ { running: every, at: now, trace_url: traces }, /** @type {any} */ { operation, component = null }) {
  const keys = keysOf(every);
  return card("Running now", { aside: every.length ? h("a", { class: "link", href: linkTo("stacks", { operation, component }) }, "Where is it now?") : h("span", { class: "muted" }, count(0)) },
    every.length
      ? h("ul", { class: "rows" }, every.slice(0, 20).map((/** @type {any} */ one, /** @type {number} */ index) => h("li", { key: keys[index] },
        h("span", { class: "labels muted grow" }, labelText(one.labels) || when(one.start)),
        trace(one.trace_id, traces),
        h("b", { class: "figure", "data-start": one.start }, age(Math.max(0, now - one.start))))))
      : nothing("No call is running."));
}

function nextCalls(/** @type {any} */ it) {
  const every = it ? [...it.calls].reverse() : [];
  const state = !it ? "" : it.ended ? `${count(every.length)} of ${it.wanted}, over` : [`${count(every.length)} of ${it.wanted}, until `, when(it.until)];
  return calls("Next calls", every, it?.trace_url ?? "",
    [h("span", { class: "muted" }, state), h("button", { type: "button", class: "action", onclick: stop }, it?.ended ? "Close" : "Stop")],
    !it ? "One moment." : it.ended ? "No call has ended while it was watched." : "Waiting for a call that ends.");
}

function calls(/** @type {string} */ heading, /** @type {any[]} */ every, /** @type {string} */ traces, /** @type {any} */ aside = null, /** @type {string} */ otherwise = "None of the latest calls of the service is one of this operation.") {
  const some = (/** @type {(one: any) => any} */ of) => every.some((one) => { const value = of(one); return value !== null && value !== undefined && value !== ""; });
  const columns = [
    ["Ended", (/** @type {any} */ one) => when(one.start + one.duration), true],
    ["Duration", (/** @type {any} */ one) => seconds(one.duration), true],
    ["Outcome", (/** @type {any} */ one) => h("span", { class: `outcome is-${one.outcome}` }, one.outcome), true],
    ["Labels", (/** @type {any} */ one) => labelText(one.labels), some((one) => labelText(one.labels))],
    ["Attributes", (/** @type {any} */ one) => labelText(one.attributes), some((one) => labelText(one.attributes))],
    ["Measures", (/** @type {any} */ one) => labelText(one.measures), some((one) => labelText(one.measures))],
    ["Error", (/** @type {any} */ one) => one.error_type && `${one.error_type}${one.error_message ? `: ${one.error_message}` : ""}`, some((one) => one.error_type)],
    ["CPU", (/** @type {any} */ one) => seconds(one.cpu_seconds), some((one) => one.cpu_seconds)],
    ["Trace", (/** @type {any} */ one) => trace(one.trace_id, traces), some((one) => one.trace_id)],
    ["Profile", (/** @type {any} */ one) => one.profile_id && h("a", { class: "trace", href: linkTo("profile", { id: one.profile_id }) }, h("code", {}, one.profile_id)), some((one) => one.profile_id)],
    ["Worker", (/** @type {any} */ one) => one.worker, some((one) => one.worker)],
  ].filter(([, , shown]) => shown);
  const keys = keysOf(every);
  return card(heading, { aside: aside ? h("span", { class: "actions" }, aside) : h("span", { class: "muted" }, count(every.length)) },
    every.length
      ? h("div", { class: "scroll tall", tabindex: 0, role: "group", "aria-label": heading }, h("table", { class: "calls" },
        h("thead", {}, h("tr", {}, columns.map(([name]) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, every.map((one, index) => h("tr", { key: keys[index] }, columns.map(([, of]) => h("td", {}, /** @type {any} */ (of)(one))))))))
      : nothing(otherwise));
}
