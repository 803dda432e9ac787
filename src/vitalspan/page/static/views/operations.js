// @ts-check
/** All operations in a table with search, sorting and small charts. */

import { get } from "../api.js";
import { sparkline } from "../chart.js";
import { h } from "../dom.js";
import { count, rate, ratio, seconds } from "../format.js";
import { card, figure, nothing, operationName } from "../parts.js";

export const title = "Operations";

/** The sort keys of the table, with the heading, the value, and the name of its PromQL. */
const COLUMNS = [
  ["count", "Calls", (/** @type {any} */ one) => count(one.count), "count"],
  ["", "Rate", (/** @type {any} */ one) => rate(one.throughput), "throughput"],
  ["error_rate", "Errors", (/** @type {any} */ one) => ratio(one.error_rate), "error_rate"],
  ["", "p50", (/** @type {any} */ one) => seconds(one.p50), "p50"],
  ["p95", "p95", (/** @type {any} */ one) => seconds(one.p95), "p95"],
  ["", "Max", (/** @type {any} */ one) => seconds(one.max), ""],
  ["total", "Total time", (/** @type {any} */ one) => seconds(one.total), "total"],
  ["in_progress", "Running", (/** @type {any} */ one) => count(one.in_progress), "in_progress"],
];

export function load(/** @type {any} */ { range, search, component, sort }, /** @type {AbortSignal} */ signal) {
  const known = COLUMNS.some(([name]) => name === sort && name);
  return get("operations", { range, search, component, sort: known ? sort : "total", limit: 200 }, signal);
}

export function view(/** @type {any} */ it, /** @type {any} */ parameters, /** @type {any} */ { go }) {
  const sort = parameters.sort ?? "total";
  const left = it.total - it.operations.length;
  return [
    it.notice && h("p", { class: "notice", key: "notice" }, it.notice),
    card("Operations", { aside: h("span", { class: "muted" }, left > 0 ? `${it.operations.length} of ${it.total}` : `${it.total}`) },
      h("div", { class: "filters" },
        h("input", {
          type: "search", placeholder: "Search", "aria-label": "Search operations", value: parameters.search ?? "", maxlength: 200,
          oninput: (/** @type {any} */ event) => go({ search: event.target.value }),
        }),
        parameters.component && h("button", { type: "button", class: "filter", onclick: () => go({ component: "" }) }, `component ${parameters.component} ✕`)),
      it.operations.length
        ? h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Operations" }, h("table", {},
          h("thead", {}, h("tr", {},
            h("th", { scope: "col" }, "Operation"),
            h("th", { scope: "col", class: "small" }, "Calls over time"),
            COLUMNS.map(([name, text]) => h("th", { scope: "col", class: "number", "aria-sort": name && name === sort ? "descending" : null },
              name ? h("button", { type: "button", class: "sort", onclick: () => go({ sort: name }) }, text, name === sort && h("span", { "aria-hidden": "true" }, " ↓")) : text)))),
          h("tbody", {}, it.operations.map((/** @type {any} */ { figures, points }) => h("tr", { key: `${figures.component}\n${figures.operation}` },
            h("th", { scope: "row" }, operationName(figures)),
            h("td", { class: "small" }, points && it.axis && sparkline("chart", { title: `Calls of ${figures.operation}`, axis: it.axis, format: rate, lines: [{ label: "calls", color: "--line-1", values: points.rate, filled: true }] })),
            COLUMNS.map(([, heading, text, query]) => h("td", { class: "number" }, figure(/** @type {any} */ (text)(figures), it.promql[/** @type {string} */ (query)], String(heading), { names: figures, listed: true }))))))))
        : nothing(parameters.search || parameters.component ? "No operation is called so." : "No operation has been called yet.")),
  ];
}
