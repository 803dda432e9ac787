// @ts-check
/** Alerts: those that are active, those that were, and silences. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { card, linkTo, nothing, operationLink, severity, when } from "../parts.js";

export const title = "Alerts";

export function load(/** @type {any} */ _, /** @type {AbortSignal} */ signal) {
  return get("alerts", { limit: 200 }, signal);
}

export function view(/** @type {any} */ it, /** @type {any} */ parameters) {
  return [
    card("Active", { aside: h("span", { class: "muted" }, it.active.length) },
      it.active.length
        ? h("ul", { class: "rows alerts" }, it.active.map((/** @type {any} */ one) => active(one, one.id === parameters.id)))
        : nothing("No alert is active.")),
    card("Silences", { aside: h("span", { class: "muted" }, it.silences.length) },
      it.silences.length
        ? h("ul", { class: "rows" }, it.silences.map((/** @type {any} */ one) => h("li", { key: one.id },
          h("code", { class: "grow" }, one.where), one.comment && h("span", {}, one.comment),
          h("span", { class: "muted" }, "until ", when(one.until)))))
        : nothing("Nothing is silenced.")),
    card("History", { aside: h("span", { class: "muted" }, "the latest first") },
      it.history.length
        ? h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "History" }, h("table", {},
          h("thead", {}, h("tr", {}, ["When", "Severity", "Alert", "State", "Message"].map((text) => h("th", { scope: "col" }, text)))),
          h("tbody", {}, it.history.map((/** @type {any} */ one) => h("tr", {},
            h("td", {}, when(one.resolved_at ?? one.fired_at ?? one.active_at)),
            h("td", {}, severity(one.severity)), h("td", {}, one.alertname), h("td", {}, one.state), h("td", { class: "text" }, one.message))))))
        : nothing("No alert has fired yet.")),
  ];
}

function active(/** @type {any} */ one, /** @type {boolean} */ chosen) {
  const own = Object.entries(one.labels).filter(([name]) => !["alertname", "severity"].includes(name));
  return h("li", { key: one.id, class: `${one.state}${chosen ? " chosen" : ""}` },
    severity(one.severity),
    h("div", { class: "what" },
      h("p", {}, h("a", { class: "name", href: linkTo("rules", { search: one.alertname }) }, one.alertname), h("span", { class: "muted" }, ` ${one.state}`),
        one.acknowledged && h("span", { class: "muted" }, ", acknowledged"),
        one.silenced_until > 0 && h("span", { class: "muted" }, ", silenced until ", when(one.silenced_until))),
      h("p", { class: "message" }, one.message),
      Object.entries(one.annotations).map(([name, text]) => h("p", { class: "message" }, `${name}: ${text}`)),
      own.length > 0 && h("p", { class: "message" }, own.map(([name, value]) => `${name}="${value}"`).join(" "))),
    one.operation && h("a", { class: "link", href: operationLink({ component: one.labels.component ?? null, operation: one.operation }) }, one.operation),
    h("span", { class: "muted since" }, one.state === "resolved" ? "ended " : "since ", when(one.resolved_at ?? one.fired_at ?? one.active_at)));
}
