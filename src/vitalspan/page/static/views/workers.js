// @ts-check
/** The processes of the service, each with its age and state. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { age, ago, bytes } from "../format.js";
import { card, named, nothing, table } from "../parts.js";

export const title = "Workers";

export function load(/** @type {any} */ _, /** @type {AbortSignal} */ signal) {
  return get("workers", {}, signal);
}

export function view(/** @type {any} */ it) {
  return card("Workers", { aside: it.together && h("span", { class: "muted" }, `process ${it.pid} has made this page`) },
    it.workers.length
      ? table("Workers", [["Worker", "short"], ["Process"], ["State"], ["Age", "number"], ["Published", "number"], ["Size", "number small"]],
        it.workers.map((/** @type {any} */ one) => [`${one.worker} ${one.started}`,
          String(one.worker), String(one.pid), state(one, it.leader),
          one.living ? h("span", { "data-start": one.started }, age(it.at - one.started)) : age(one.published - one.started),
          ago(one.published, it.at), bytes(one.size)]))
      : nothing(it.together ? "No process has published its counts yet." : "This process counts by itself. If your service has several, set VITALSPAN_WORKERS to a directory that they share."));
}

function state(/** @type {any} */ one, /** @type {number | null} */ leader) {
  if (!one.living) return h("span", { class: "outcome is-cancelled" }, named("ended", null));
  return named("running", one.pid === leader ? "evaluates rules" : null);
}
