// @ts-check
/** What the process, the machine and the operations use. */

import { get } from "../api.js";
import { chart } from "../chart.js";
import { h } from "../dom.js";
import { NONE, bytes, count, ratio, seconds } from "../format.js";
import { markList } from "../marks.js";
import { card, figure, nothing, operationName, promql } from "../parts.js";

export const title = "Resources";

export function load(/** @type {any} */ { range }, /** @type {AbortSignal} */ signal) {
  return get("resources", { range }, signal);
}

export function view(/** @type {any} */ it) {
  const { process, machine, axis, marks, promql: queries, row_promql: own } = it;
  const line = (/** @type {string} */ label, /** @type {any[]} */ values, /** @type {string} */ color) => [{ label, color, values, filled: true }];
  return [
    it.notice && h("p", { class: "notice", key: "notice" }, it.notice),
    axis && h("section", { class: "card charts", key: "charts", "aria-label": "Over time" },
      chart("cpu", { title: "CPU of the machine", action: promql(queries.cpu_utilization, "CPU of the machine"), axis, marks, format: ratio, least: 1, lines: line("CPU", it.cpu_utilization, "--line-2") }),
      chart("memory", { title: "Memory of the machine", action: promql(queries.memory_utilization, "memory of the machine"), axis, marks, format: ratio, least: 1, lines: line("memory", it.memory_utilization, "--line-5") }),
      chart("rss", { title: "Resident memory of the process", action: promql(queries.memory_rss, "resident memory"), axis, marks, format: bytes, binary: true, lines: line("resident", it.memory_rss, "--line-1") }),
      markList(marks)),
    h("div", { class: "grid", key: "facts" },
      card("Process", {}, facts([
        ["Process id", String(process.pid)], ["Running for", seconds(it.at - process.started)], ["Python", process.python],
        ["Resident memory", bytes(process.memory_rss), queries.memory_rss], ["CPU time", seconds(process.cpu_seconds), queries.cpu_seconds], ["Threads", count(process.threads), queries.threads],
        ["Open files", process.open_files === null ? NONE : `${count(process.open_files)}${process.max_open_files === null ? "" : ` of ${count(process.max_open_files)}`}`, queries.open_fds],
        ["Garbage collections by generation", process.gc_collections.map(count).join(", "), queries.gc_collections],
      ])),
      card("Machine", {}, facts([
        ["CPUs", count(machine.cpus)], ["Load", count(machine.load)],
        ["Memory", bytes(machine.memory_size)], ["Available", bytes(machine.memory_available)],
      ]))),
    card("Operations by CPU time", { aside: h("span", { class: "muted" }, "where it is measured") },
      it.operations.length
        ? h("ul", { class: "rows" }, it.operations.map((/** @type {any} */ one) => h("li", { key: `${one.component}\n${one.operation}` },
          operationName(one), h("span", { class: "muted" }, figure(bytes(one.memory_growth), own.memory_growth, "memory growth", { names: one, listed: true }), " memory growth"),
          h("b", { class: "figure" }, figure(seconds(one.cpu_seconds), own.cpu_seconds, "CPU time", { names: one, listed: true })))))
        : nothing("No operation measures its resources: give resources=True.")),
  ];
}

/** Names with their values, and their PromQL if there is any. */
export function facts(/** @type {string[][]} */ pairs) {
  return h("dl", { class: "pairs" }, pairs.map(([name, value, query]) => h("div", { key: name }, h("dt", {}, name), h("dd", {}, figure(value, query, name)))));
}
