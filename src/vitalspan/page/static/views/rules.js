// @ts-check
/** Rules in words and in PromQL, each with its value and the distance to its threshold; and SLOs. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { NONE, count, inUnit, ratio, seconds } from "../format.js";
import { card, figure, nothing, promql, severity } from "../parts.js";

export const title = "Rules";

export function load(/** @type {any} */ _, /** @type {AbortSignal} */ signal) {
  return get("rules", {}, signal);
}

export function view(/** @type {any} */ it, /** @type {any} */ parameters, /** @type {any} */ { go }) {
  const wanted = (parameters.search ?? "").toLowerCase();
  const shown = it.rules.filter((/** @type {any} */ one) => `${one.alert} ${one.group}`.toLowerCase().includes(wanted));
  const left = it.total - it.rules.length;
  return [
    it.slos.length > 0 && card("Service level objectives", {}, h("ul", { class: "rows" }, it.slos.map(slo))),
    card("Rules", { aside: h("span", { class: "muted" }, left > 0 ? `${it.rules.length} of ${it.total}` : `${it.total}`) },
      it.rules.length > 0 && h("div", { class: "filters" }, h("input", {
        type: "search", placeholder: "Search", "aria-label": "Search rules", value: parameters.search ?? "", maxlength: 200,
        oninput: (/** @type {any} */ event) => go({ search: event.target.value }),
      })),
      shown.length ? h("ul", { class: "rows rules" }, shown.map(rule)) : nothing(it.rules.length ? "No rule is called so." : "There is no rule.")),
  ];
}

function slo(/** @type {any} */ one) {
  return h("li", { key: one.name },
    h("div", { class: "what" }, h("p", { class: "name" }, one.name), h("p", { class: "message muted" }, one.sentence)),
    h("div", { class: "budgets" }, one.statuses.length ? one.statuses.slice(0, 5).map((/** @type {any} */ status) => h("div", { class: "budget" },
      h("span", { class: "muted" }, Object.entries(status.labels).map(([name, value]) => `${name}=${value} `)),
      meter(status.budget_remaining < 0 ? 1 : status.budget_remaining, `error budget of ${one.name} left`, status.budget_remaining < 0 ? "over" : status.budget_remaining < 0.25 ? "near" : "far"),
      h("p", {}, h("b", {}, figure(ratio(Math.abs(status.budget_remaining)), one.promql, `the error budget of ${one.name}`)), h("span", { class: "muted" }, ` ${status.budget_remaining < 0 ? "over the budget" : "of the budget left"}, ${count(status.bad)} of ${count(status.events)} bad`),
        status.exhausted_in > 0 && h("span", { class: "muted" }, `, gone in ${seconds(status.exhausted_in)}`)))) : NONE));
}

function rule(/** @type {any} */ one, /** @type {number} */ index) {
  const nearest = one.values[0];
  return h("li", { key: `${one.group} ${one.alert} ${index}`, class: one.state },
    h("div", { class: "what" },
      h("p", {}, h("span", { class: "name" }, one.alert), h("span", { class: "muted" }, ` ${one.group}`),
        one.state !== "inactive" && h("b", { class: `state is-${one.state}` }, ` ${one.state}`)),
      h("p", { class: "message" }, one.sentence),
      h("p", { class: "levels" }, one.thresholds.map((/** @type {any} */ level) => h("span", { key: level.severity },
        level.severity && severity(level.severity), level.threshold !== null && ` ${inUnit(level.threshold, one.unit)} `, promql(level.promql, `the condition of ${one.alert}`))),
        one.promql && one.thresholds[0].threshold !== null && promql(one.promql, `the value of ${one.alert}`, "PromQL of the value"))),
    h("div", { class: "nearness" }, nearest
      ? [
        nearest.nearness !== null && meter(nearest.nearness, `of the way to the threshold of ${one.alert}`, nearest.nearness >= 1 ? "over" : nearest.nearness >= 0.8 ? "near" : "far"),
        h("p", {}, h("b", {}, figure(inUnit(nearest.value, one.unit), one.promql, `the value of ${one.alert}`)), h("span", { class: "muted" }, ` ${Object.values(nearest.labels).join(", ")}`)),
        one.values.length > 1 && h("p", { class: "muted" }, `and ${one.values.length - 1} more`),
      ]
      : h("span", { class: "muted" }, one.above === null ? "" : "no data")));
}

function meter(/** @type {number} */ share, /** @type {string} */ what, /** @type {string} */ how) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100);
  return h("div", { class: `meter ${how}`, role: "meter", "aria-label": what, "aria-valuenow": percent, "aria-valuemin": 0, "aria-valuemax": 100 },
    h("span", { "width%": percent }));
}
