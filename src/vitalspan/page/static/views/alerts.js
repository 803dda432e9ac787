// @ts-check
/** Alerts: active and past ones, and silences. */

import { change, get, mayChange } from "../api.js";
import { h } from "../dom.js";
import { count, nameText } from "../format.js";
import { card, figure, linkTo, nothing, operationLink, say, severity, when } from "../parts.js";

export const title = "Alerts";

export async function load(/** @type {any} */ _, /** @type {AbortSignal} */ signal) {
  const [document_, changeable] = await Promise.all([get("alerts", { limit: 200 }, signal), mayChange()]);
  return { ...document_, changeable };
}

export function view(/** @type {any} */ it, /** @type {any} */ parameters, /** @type {any} */ { again }) {
  const act = async (/** @type {string} */ name, /** @type {any} */ what) => {
    try {
      say((await change(name, what)).text);
    } catch (error) {
      say(String(error instanceof Error ? error.message : error));
    }
    again();
  };
  const ended = it.active.filter((/** @type {any} */ one) => one.state === "resolved").length;
  const number = (/** @type {string} */ state) => figure(count(it.active.filter((/** @type {any} */ one) => one.state === state).length), it.promql[state], `${state} alerts`);
  return [
    card("Active", { aside: h("span", { class: "muted" }, number("firing"), " firing, ", number("pending"), ` pending${ended ? `, ${count(ended)} ended in the last 15 minutes` : ""}`) },
      it.active.length
        ? h("ul", { class: "rows alerts" }, it.active.map((/** @type {any} */ one) => active(one, one.id === parameters.id, it.changeable && act)))
        : nothing("No alert is active.")),
    card("Silences", { aside: h("span", { class: "muted" }, it.silences.length) },
      it.silences.length
        ? h("ul", { class: "rows" }, it.silences.map((/** @type {any} */ one) => h("li", { key: one.id },
          h("code", { class: "grow" }, one.where), one.comment && h("span", {}, one.comment),
          h("span", { class: "muted" }, "until ", when(one.until)),
          it.changeable && h("button", { type: "button", class: "action", onclick: () => act("unsilence", { silence: one.id }) }, "End"))))
        : nothing("Nothing is silenced.")),
    card("History", { aside: h("span", { class: "muted" }, "the latest change first") },
      it.history.length
        ? h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "History" }, h("table", {},
          h("thead", {}, h("tr", {}, ["Fired or ended", "Severity", "Alert", "State", "Message"].map((text) => h("th", { scope: "col" }, text)))),
          h("tbody", {}, it.history.map((/** @type {any} */ one) => h("tr", { key: `${one.id} ${one.state} ${one.resolved_at ?? one.fired_at}` },
            h("td", {}, when(one.resolved_at ?? one.fired_at ?? one.active_at)),
            h("td", {}, severity(one.severity)), h("td", {}, one.alertname), h("td", {}, one.state), h("td", { class: "text" }, one.message))))))
        : nothing("No alert has fired yet.")),
  ];
}

function active(/** @type {any} */ one, /** @type {boolean} */ chosen, /** @type {any} */ act) {
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
    one.operation && h("a", { class: "link", href: operationLink({ component: one.labels.component ?? null, operation: one.operation }) }, nameText(one.operation)),
    act && one.state === "firing" && h("span", { class: "actions" },
      !one.acknowledged && h("button", { type: "button", class: "action", key: "acknowledge", "aria-label": `Acknowledge ${one.alertname}`, onclick: () => act("acknowledge", { alert: one.id }) }, "Acknowledge"),
      one.silenced_until === 0 && [[1, "Silence 1 h"], [24, "24 h"]].map(([hours, text]) =>
        h("button", { type: "button", class: "action", key: text, "aria-label": `${text}: ${one.alertname}`, onclick: () => act("silence", { alert: one.id, seconds: Number(hours) * 3600, comment: "from the page" }) }, text))),
    h("span", { class: "muted since" }, one.state === "resolved" ? "ended " : "since ", when(one.resolved_at ?? one.fired_at ?? one.active_at)));
}
