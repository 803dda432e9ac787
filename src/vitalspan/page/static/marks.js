// @ts-check
/** The marks on the axis of charts, in words below them. */

import { h } from "./dom.js";
import { time, utc } from "./format.js";

/**
 * @typedef {object} Mark
 * @property {number} at
 * @property {string} kind
 * @property {string} text
 * @property {string} severity
 */

export const MARK_COLORS = { resolved: "--ok", start: "--muted", restart: "--muted", fired: "--critical", deploy: "--accent", mark: "--line-5" };
/** The maximum number of marks below charts, the latest ones. */
const LISTED = 8;

/** The marks in words: the lines alone say little, and nothing to people who cannot see them. */
export function markList(/** @type {Mark[]} */ marks) {
  if (!marks.length) return null;
  const left = marks.length - LISTED;
  return h("ul", { class: "marks", "aria-label": "What happened" },
    marks.slice(-LISTED).reverse().map(({ at, kind, text }) => h("li", { key: `${kind} ${at} ${text}` },
      h("i", { class: `mark-line is-${kind in MARK_COLORS ? kind : "start"}`, "aria-hidden": "true" }),
      h("time", { class: "muted", title: utc(at), datetime: new Date(at * 1000).toISOString() }, time(at)),
      h("span", { class: "mark-text", title: text }, text))),
    left > 0 && h("li", { key: "more", class: "muted" }, `and ${left} before`));
}
