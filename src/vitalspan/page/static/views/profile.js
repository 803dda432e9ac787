// @ts-check
/** The profile of a slow call: a flame graph, and the lines that took most time. */

import { addressOf, get } from "../api.js";
import { h } from "../dom.js";
import { flameGraph, placeOf } from "../flame.js";
import { count, ratio, seconds } from "../format.js";
import { card, nothing, operationName, table, trace, when } from "../parts.js";

export const title = "Profile";

const FILES = [["svg", "SVG"], ["speedscope", "speedscope"], ["collapsed", "collapsed stacks"]];
const ENDINGS = /** @type {Record<string, string>} */ ({ svg: "svg", speedscope: "speedscope.json", collapsed: "collapsed.txt" });

export function load(/** @type {any} */ { id }, /** @type {AbortSignal} */ signal) {
  return get("profile", { id }, signal);
}

export function view(/** @type {any} */ it) {
  const { profile, nodes, lines } = it;
  return [
    h("div", { class: "heading", key: "heading" }, h("h2", {}, "Profile of a slow call"), operationName(profile)),
    !profile.ended && h("p", { class: "notice", key: "notice" }, "The call went on when its profile ended."),
    h("dl", { class: "facts card", key: "facts" },
      fact("Began", when(profile.start)), fact("Duration", seconds(profile.duration)), fact("Limit", seconds(profile.slow)),
      fact("Profiled", seconds(profile.seconds)), fact("Samples", count(profile.samples)),
      profile.missed > 0 && fact("Missed", count(profile.missed)),
      profile.task !== null && fact("Task", profile.task), profile.thread !== null && fact("Thread", profile.thread),
      Object.entries(profile.labels).map(([name, value]) => fact(name, value)),
      profile.trace_id && fact("Trace", trace(profile.trace_id, it.trace_url))),
    card("Where the time went", { aside: h("span", { class: "downloads muted" }, "Download as ", FILES.map(([kind, text]) =>
      h("a", { class: "link", href: addressOf(`profile.${kind}`, { id: profile.id }).href, download: `profile-${profile.id}.${ENDINGS[kind]}` }, text))) },
    nodes.length
      ? h("div", { class: "scroll flame-scroll" }, flameGraph(profile.id, nodes, profile.seconds))
      : nothing("No stack was seen.")),
    card("Lines with most time", {},
      lines.length
        ? table("Lines with most time", [["Line", "text"], ["Time", "number"], ["Share", "number"]], lines.map((/** @type {any} */ one) => [
          placeOf(one), h("span", { class: "parts" }, h("code", {}, one.function), h("code", { class: "muted" }, `${one.file}:${one.lineno}`)),
          seconds(one.seconds), ratio(one.share)]))
        : nothing("No stack was seen.")),
  ];
}

function fact(/** @type {string} */ name, /** @type {any} */ value) {
  return h("div", { key: name }, h("dt", {}, name), h("dd", {}, value));
}
