// @ts-check
/** The configuration in force. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { count } from "../format.js";
import { card, nothing } from "../parts.js";
import { facts } from "./resources.js";

export const title = "Configuration";

export function load(/** @type {any} */ _, /** @type {AbortSignal} */ signal) {
  return get("configuration", {}, signal);
}

export function view(/** @type {any} */ it) {
  return [
    it.reload_failed && h("p", { class: "notice", key: "notice" }, "A rule file has changed and cannot be used; the rules of before are in force."),
    h("div", { class: "grid", key: "facts" },
      card("Versions", {}, facts([["vitalspan", it.version], ["Python", it.python], ["Rules", count(it.rules)], ["SLOs", count(it.slos)]])),
      card("Receivers", {}, it.receivers.length
        ? h("ul", { class: "rows" }, it.receivers.map((/** @type {any} */ one) => h("li", { key: one.name },
          h("span", { class: "grow name" }, one.name), h("span", { class: "muted" }, Object.entries(one.results).map(([name, number]) => `${name} ${count(number)}`).join(", ")),
          one.circuit !== "closed" && h("b", { class: "change worse" }, `circuit ${one.circuit}`))))
        : nothing("Nobody is notified of alerts."))),
    card("Settings", {},
      h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Settings" }, h("table", {},
        h("thead", {}, h("tr", {}, ["Setting", "Value", "Default", "Variable"].map((text) => h("th", { scope: "col" }, text)))),
        h("tbody", {}, it.settings.map((/** @type {any} */ one) => h("tr", { key: one.name, class: one.is_default ? "" : "changed" },
          h("th", { scope: "row" }, one.name),
          h("td", { class: "text" }, one.value === null ? h("span", { class: "muted" }, one.is_default ? "not set" : "set, not shown") : one.value || h("span", { class: "muted" }, "empty")),
          h("td", { class: "text muted" }, one.is_default ? "" : one.default),
          h("td", {}, h("code", {}, one.variable)))))))),
  ];
}
