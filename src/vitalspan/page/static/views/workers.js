// @ts-check
/** The processes of the service, each with its age and state. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { ago, bytes, count, seconds } from "../format.js";
import { card, nothing } from "../parts.js";

export const title = "Workers";

export function load(/** @type {any} */ _, /** @type {AbortSignal} */ signal) {
  return get("workers", {}, signal);
}

export function view(/** @type {any} */ it) {
  return card("Workers", { aside: h("span", { class: "muted" }, `process ${it.pid} answers${it.evaluates ? " and evaluates" : ""}`) },
    it.workers.length
      ? h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Workers" }, h("table", {},
        h("thead", {}, h("tr", {}, ["Worker", "Process", "State", "Age", "Published", "Size"].map((text, index) => h("th", { scope: "col", class: index > 2 ? "number" : "" }, text)))),
        h("tbody", {}, it.workers.map((/** @type {any} */ one) => h("tr", { key: `${one.worker} ${one.started}` },
          h("td", {}, count(one.worker)), h("td", {}, String(one.pid)), h("td", {}, one.living ? "running" : "ended"),
          h("td", { class: "number" }, seconds(it.at - one.started)), h("td", { class: "number" }, ago(one.published, it.at)), h("td", { class: "number" }, bytes(one.size)))))))
      : nothing(it.together ? "No process has published yet." : "This process is by itself. Set VITALSPAN_WORKERS where a service has several."));
}
