// @ts-check
/** The profiles of slow calls, of all operations. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { count, labelText, seconds } from "../format.js";
import { card, linkTo, nothing, operationName, table, when } from "../parts.js";

export const title = "Profiles";

export function load(/** @type {any} */ _, /** @type {AbortSignal} */ signal) {
  return get("profiles", {}, signal);
}

export function view(/** @type {any} */ it) {
  return card("Profiles of slow calls", { aside: h("span", { class: "muted" }, count(it.profiles.length)) },
    it.profiles.length
      ? profileTable(it.profiles, true)
      : nothing(it.enabled ? "No slow call has been profiled yet. An operation with slow= says which of its calls are slow." : "Slow calls are not profiled. profile_slow_calls=True turns it on."));
}

/** A table of profiles, each with a link to it. */
export function profileTable(/** @type {any[]} */ every, names = false) {
  return table("Profiles", [
    .../** @type {[string][]} */ (names ? [["Operation"]] : []), ["Began", "short"], ["Duration", "number"], ["Samples", "number"], ["Labels", "text"], ["Ran in", "text"],
  ], every.map((one) => [one.id,
    ...(names ? [operationName(one)] : []),
    h("a", { class: "link", href: linkTo("profile", { id: one.id }) }, h("span", { class: "spoken-only" }, "Profile of "), when(one.start)),
    [seconds(one.duration), !one.ended && h("span", { class: "muted" }, " and on")],
    count(one.samples), labelText(one.labels), ranIn(one)]));
}

/** The task and the thread of a call, as far as they are known. */
export function ranIn(/** @type {{task: string | null, thread: string | null}} */ { task, thread }) {
  return [task && `task ${task}`, thread && `thread ${thread}`].filter(Boolean).join(", ");
}
