// @ts-check
/** Caches with their hit rates, and APIs with their errors, tokens and cost. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { count, dollars, nameText, ratio, seconds } from "../format.js";
import { card, figure, nothing } from "../parts.js";

export const title = "Caches and APIs";

export function load(/** @type {any} */ { range }, /** @type {AbortSignal} */ signal) {
  return get("dependencies", { range }, signal);
}

export function view(/** @type {any} */ it) {
  const cell = (/** @type {string} */ text, /** @type {string} */ query, /** @type {any} */ names) => figure(text, it.promql[query], query.replace("_", " "), { names });
  const aside = h("span", { class: "muted" }, `in ${seconds(it.seconds)}`);
  return [
    card("Caches", { aside },
      it.caches.length
        ? table("Caches", ["Cache", "Component", "Look-ups", "Hit rate"], it.caches.map((/** @type {any} */ one) => [nameText(one.name), nameText(one.component), cell(count(one.hits + one.misses), "lookups", { ...one, cache: one.name }), cell(ratio(one.hit_rate), "hit_rate", { ...one, cache: one.name })]))
        : nothing("No cache is counted.")),
    card("APIs", { aside: h("span", { class: "muted" }, cell(dollars(it.cost), "total_cost", {}), ` in ${seconds(it.seconds)}`) },
      it.apis.length
        ? table("APIs", ["API", "Component", "Calls", "Errors", "Tokens", "Cost"], it.apis.map((/** @type {any} */ one) => [
          nameText(one.name), nameText(one.component), ...[[count(one.calls), "calls"], [ratio(one.error_rate), "error_rate"], [count(one.tokens), "tokens"], [dollars(one.cost), "cost"]]
            .map(([text, query]) => cell(text, query, { ...one, api: one.name })),
        ]))
        : nothing("No API is counted.")),
  ];
}

function table(/** @type {string} */ label, /** @type {string[]} */ heads, /** @type {any[][]} */ rows) {
  return h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": label }, h("table", {},
    h("thead", {}, h("tr", {}, heads.map((text, index) => h("th", { scope: "col", class: index > 1 ? "number" : "" }, text)))),
    h("tbody", {}, rows.map(([name, ...more]) => h("tr", { key: `${name}\n${more[0]}` }, h("th", { scope: "row", class: "text" }, name), more.map((text, index) => h("td", { class: index > 0 ? "number" : "text" }, text)))))));
}
