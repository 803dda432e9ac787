// @ts-check
/** The durations of calls: over time as a heat map, and in total as a histogram, drawn as SVG. */

import { svg } from "./dom.js";
import { axisTime, count, seconds, time } from "./format.js";

const LEFT = 62;
const BOTTOM = 22;
const WIDTH = 720;
const ROW = 15;

/**
 * @typedef {{step: number, times: number[]}} Axis
 * @typedef {{uppers: number[], counts: number[][]}} Durations
 */

/** The positions of the labels on an axis, few enough to be readable. */
export function labelled(/** @type {number} */ rows, /** @type {number} */ most = 8) {
  const every = Math.max(1, Math.ceil(rows / most));
  return Array.from({ length: rows }, (_, row) => row).filter((row) => row % every === 0);
}

/** A column for each time, and a row for each range of durations; more calls are darker. */
export function heatmap(/** @type {Axis} */ axis, /** @type {Durations} */ { uppers, counts }) {
  const rows = uppers.length;
  const height = rows * ROW;
  const most = Math.max(1, ...counts.flat());
  const wide = (WIDTH - LEFT) / axis.times.length;
  const top = (/** @type {number} */ row) => (rows - 1 - row) * ROW;
  const cells = counts.flatMap((column, index) => column.flatMap((calls, row) => calls === 0 ? [] : [
    svg("rect", { x: (LEFT + index * wide).toFixed(1), y: top(row), width: Math.max(1, wide - 0.6).toFixed(1), height: ROW - 0.6, "fill-opacity": (0.12 + 0.88 * Math.sqrt(calls / most)).toFixed(2) },
      svg("title", {}, `${time(axis.times[index])}: ${count(calls)} calls up to ${seconds(uppers[row])}`)),
  ]));
  const ticks = labelled(axis.times.length, 6).slice(1);
  return svg("svg", { class: "heatmap", viewBox: `0 0 ${WIDTH} ${height + BOTTOM}`, role: "img", "aria-label": `How long calls took over time: ${summary(uppers, counts)}` },
    labelled(rows).map((row) => svg("text", { x: LEFT - 8, y: top(row) + ROW - 3, "text-anchor": "end" }, seconds(uppers[row]))),
    cells,
    ticks.map((index) => svg("text", { x: (LEFT + (index + 0.5) * wide).toFixed(1), y: height + 15, "text-anchor": "middle" }, axisTime(axis.times[index], axis.step * ticks.length))));
}

/** A bar for each range of durations. */
export function histogram(/** @type {Durations} */ { uppers, counts }) {
  const totals = uppers.map((_, row) => counts.reduce((sum, column) => sum + column[row], 0));
  const most = Math.max(1, ...totals);
  const rows = uppers.length;
  const wide = 360;
  const right = 54;
  return svg("svg", { class: "histogram", viewBox: `0 0 ${wide} ${rows * ROW + 4}`, role: "img", "aria-label": `How long calls took: ${summary(uppers, counts)}` },
    totals.map((calls, row) => {
      const y = (rows - 1 - row) * ROW;
      return svg("g", {},
        svg("title", {}, `${count(calls)} calls up to ${seconds(uppers[row])}`),
        svg("text", { x: LEFT - 8, y: y + ROW - 3, "text-anchor": "end" }, labelled(rows).includes(row) ? seconds(uppers[row]) : ""),
        svg("rect", { x: LEFT, y, width: ((calls / most) * (wide - LEFT - right)).toFixed(1), height: ROW - 2 }),
        calls > 0 && svg("text", { x: (LEFT + 6 + (calls / most) * (wide - LEFT - right)).toFixed(1), y: y + ROW - 3 }, count(calls)));
    }));
}

function summary(/** @type {number[]} */ uppers, /** @type {number[][]} */ counts) {
  const total = counts.flat().reduce((sum, calls) => sum + calls, 0);
  return total ? `${count(total)} calls, up to ${seconds(uppers.at(-1))}` : "no calls";
}
