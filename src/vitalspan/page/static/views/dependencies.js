// @ts-check
/** Caches with their hit rates, and APIs and models with their errors, tokens, cost and durations. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { count, dollars, period, ratio, seconds } from "../format.js";
import { card, figure, named, nothing, table } from "../parts.js";

export const title = "Caches and APIs";

export function load(/** @type {any} */ { range }, /** @type {AbortSignal} */ signal) {
  return get("dependencies", { range }, signal);
}

export function view(/** @type {any} */ it) {
  const cell = (/** @type {string} */ text, /** @type {string} */ query, /** @type {any} */ names) => figure(text, it.promql[query], query.replaceAll("_", " "), { names });
  const aside = h("span", { class: "muted" }, `in ${period(it.seconds)}`);
  const models = it.apis.flatMap((/** @type {any} */ api) => api.models.map((/** @type {any} */ model) => ({ component: api.component, api: api.name, ...model })));
  return [
    card("Caches", { aside },
      it.caches.length
        ? table("Caches", [["Cache"], ["Look-ups", "number"], ["Hit rate", "number"]], it.caches.map((/** @type {any} */ one) => [`${one.component}\n${one.name}`, named(one.name, one.component),
          cell(count(one.hits + one.misses), "lookups", { ...one, cache: one.name }), cell(ratio(one.hit_rate), "hit_rate", { ...one, cache: one.name })]))
        : nothing("No cache is counted.")),
    card("APIs", { aside: h("span", { class: "muted" }, cell(dollars(it.cost), "total_cost", {}), ` in ${period(it.seconds)}`) },
      it.apis.length
        ? table("APIs", [["API"], ["Calls", "number"], ["Errors", "number"], ["Tokens", "number"], ["Cost", "number"]], it.apis.map((/** @type {any} */ one) => [
          `${one.component}\n${one.name}`, named(one.name, one.component), ...[[count(one.calls), "calls"], [ratio(one.error_rate), "error_rate"], [count(one.tokens), "tokens"], [dollars(one.cost), "cost"]]
            .map(([text, query]) => cell(text, query, { ...one, api: one.name })),
        ]))
        : nothing("No API is counted.")),
    models.length > 0 && card("Models", {},
      table("Models", [["Model"], ["Calls", "number"], ["Errors", "number"], ["Retries", "number"], ["Input tokens", "number"], ["Cached", "number"], ["Output tokens", "number"], ["Reasoning", "number"], ["Cost", "number"], ["p95", "number"], ["p95 of first token", "number"]],
        models.map((/** @type {any} */ one) => [`${one.component}\n${one.api}\n${one.model}`, named(one.model, one.api),
          ...[[count(one.calls), "calls"], [ratio(one.calls ? one.errors / one.calls : null), "error_rate"], [count(one.retries), "retries"],
            [count(one.input_tokens), "input_tokens"], [count(one.cached_tokens), "cached_tokens"], [count(one.output_tokens), "output_tokens"],
            [count(one.reasoning_tokens), "reasoning_tokens"], [dollars(one.cost), "cost"], [seconds(one.duration.p95), "p95"],
            [seconds(one.first_token.p95), "first_token_p95"]]
            .map(([text, query]) => cell(text, `model_${query}`, one)),
        ]))),
  ];
}
