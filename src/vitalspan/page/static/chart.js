// @ts-check
/** Charts over time, drawn by uPlot. All of a page share one axis and one cursor. */

import { h, island, render } from "./dom.js";
import { NONE, axisTime, time, utc } from "./format.js";
import { MARK_COLORS } from "./marks.js";

/**
 * @typedef {object} Line
 * @property {string} label
 * @property {string} color a custom property of the style sheet
 * @property {(number | null)[]} values
 * @property {boolean} [filled]
 *
 * @typedef {object} Chart
 * @property {string} title
 * @property {{step: number, times: number[]}} axis
 * @property {Line[]} lines
 * @property {(value: any) => string} format
 * @property {import("./marks.js").Mark[]} [marks]
 * @property {number} [height]
 * @property {number} [least] the least value at the top of the chart
 * @property {boolean} [binary] whether the axis has powers of two, as bytes do
 * @property {any} [action] an element next to the title
 */

const SHARED = "time";
/** The steps between the lines of an axis of bytes. */
const BINARY = Array.from({ length: 50 }, (_, power) => 2 ** power);
/** The seconds between the times below a chart. */
const TIMES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, ...Array.from({ length: 31 }, (_, day) => (day + 1) * 86400)];

/** A chart with a title, its axes, and the values of its lines. */
export function chart(/** @type {string} */ key, /** @type {Chart} */ data) {
  return island(key, "chart", TimeChart, data);
}

/** A chart as small as a word, without axes. */
export function sparkline(/** @type {string} */ key, /** @type {Chart} */ data) {
  return island(key, "spark", Sparkline, data);
}

function color(/** @type {string} */ name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** What a plot is created with: values may change in one that is there already, but not this. */
function drawing(/** @type {Chart} */ { lines, least, height, binary }) {
  return JSON.stringify([lines.map((line) => [line.color, line.filled]), least, height, binary]);
}

/** The values in words, for people who cannot see them. */
function inWords(/** @type {Chart} */ { title, lines, format }) {
  const parts = lines.map(({ label, values }) => {
    const known = values.filter((value) => value !== null);
    if (!known.length) return `${label}: nothing known`;
    const [least, most] = [Math.min(...known), Math.max(...known)];
    return `${label}: ${format(known.at(-1))} now, from ${format(least)} to ${format(most)}`;
  });
  return `${title}. ${parts.join("; ")}`;
}

/** @type {Map<Element, Sparkline>} */
const shown = new Map();
/** A table may have hundreds of small charts, few of which are visible. */
const nearness = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) shown.get(target)?.come(isIntersecting);
}, { rootMargin: "400px" });
addEventListener("beforeprint", () => {
  for (const one of shown.values()) one.come(true);
});
addEventListener("afterprint", () => {
  for (const element of shown.keys()) {
    // The observer tells again which of them are near.
    nearness.unobserve(element);
    nearness.observe(element);
  }
});

/** The common part of both kinds: uPlot, which is created again for a new width or theme. */
class Plot {
  constructor(/** @type {HTMLElement} */ element, /** @type {any} */ data) {
    this.data = data;
    this.element = element;
    this.canvas = h("div", { class: "canvas", role: "img" });
    this.plot = null;
    /** The width from the observer: asking for it would trigger a layout, chart by chart. */
    this.width = 0;
    this.redraw = () => this.draw();
    this.observer = new ResizeObserver(([{ contentRect }]) => this.fit(Math.floor(contentRect.width)));
    addEventListener("themechange", this.redraw);
  }

  begin() {
    this.describe();
    this.observer.observe(this.canvas);
  }

  destroy() {
    this.observer.disconnect();
    removeEventListener("themechange", this.redraw);
    this.erase();
  }

  erase() {
    this.plot?.destroy();
    this.plot = null;
  }

  update(/** @type {any} */ data) {
    const drawnAs = drawing(this.data);
    this.data = data;
    if (!this.plot || drawing(data) !== drawnAs) this.draw();
    else this.plot.setData(this.columns());
    this.describe();
  }

  columns() {
    return [this.data.axis.times, ...this.data.lines.map((/** @type {Line} */ line) => line.values)];
  }

  describe() {
    this.canvas.setAttribute("aria-label", inWords(this.data));
  }

  fit(/** @type {number} */ width) {
    this.width = width;
    if (!width) return;
    if (!this.plot) this.draw();
    else if (this.plot.width !== width) this.plot.setSize({ width, height: this.plot.height });
  }

  draw() {
    this.erase();
    this.describe();
    if (!this.width) return;
    const uPlot = /** @type {any} */ (window).uPlot;
    this.plot = new uPlot(this.options(this.width), this.columns(), this.canvas);
  }

  /** @returns {any} */
  options(/** @type {number} */ _width) {
    throw new Error("a subclass says how it is drawn");
  }

  lines(/** @type {number} */ width) {
    return this.data.lines.map((/** @type {Line} */ { color: name, filled }) => {
      const stroke = color(name);
      return { stroke, width, fill: filled ? `${stroke}22` : undefined, points: { size: 4, fill: stroke } };
    });
  }

  scales() {
    const { least = 0 } = this.data;
    return {
      x: { time: true, range: () => [this.data.axis.times[0] - this.data.axis.step / 2, this.data.axis.times.at(-1)] },
      y: { range: (/** @type {any} */ _, /** @type {number} */ _low, /** @type {number} */ high) => [0, Math.max(least, (high || 0) * 1.12) || 1] },
    };
  }
}

class Sparkline extends Plot {
  constructor(/** @type {HTMLElement} */ element, /** @type {any} */ data) {
    super(element, data);
    this.near = false;
    /** Whether it shows older data than it has. */
    this.late = false;
    element.append(this.canvas);
    this.begin();
    shown.set(this.canvas, this);
    nearness.observe(this.canvas);
  }

  destroy() {
    nearness.unobserve(this.canvas);
    shown.delete(this.canvas);
    super.destroy();
  }

  come(/** @type {boolean} */ near) {
    this.near = near;
    if (!near) return;
    if (!this.plot) this.draw();
    else if (this.late) this.plot.setData(this.columns());
    this.late = false;
  }

  draw() {
    if (this.near) super.draw();
    // What was drawn for another theme is drawn anew when it is scrolled into view.
    else this.erase();
  }

  update(/** @type {any} */ data) {
    if (this.near || !this.plot) return super.update(data);
    // It is drawn when it is scrolled into view.
    if (drawing(this.data) !== drawing(data)) this.erase();
    this.data = data;
    this.late = true;
    this.describe();
  }

  options(/** @type {number} */ width) {
    const { x, y } = this.scales();
    return {
      width,
      height: 30,
      padding: [2, 2, 2, 2],
      legend: { show: false },
      axes: [{ show: false }, { show: false }],
      scales: { x, y },
      cursor: { sync: { key: SHARED }, x: true, y: false, points: { show: false }, drag: { x: false, y: false } },
      series: [{}, ...this.lines(1.25).map((/** @type {any} */ one) => ({ ...one, points: { show: false } }))],
    };
  }
}

class TimeChart extends Plot {
  constructor(/** @type {HTMLElement} */ element, /** @type {any} */ data) {
    super(element, data);
    this.index = null;
    this.title = h("div", { class: "chart-title" });
    this.values = h("div");
    element.append(h("div", { class: "chart-head" }, this.title, this.values), this.canvas);
    this.begin();
    this.head();
  }

  update(/** @type {any} */ data) {
    super.update(data);
    this.head();
  }

  /** Show what does not depend on the cursor, and the values. */
  head() {
    render(this.title, h("h2", {}, this.data.title), this.data.action);
    this.read();
  }

  /** Show the values of the lines, at the cursor or the latest ones. */
  read() {
    const { lines, format, axis, marks = [] } = this.data;
    const at = this.index === null ? null : axis.times[this.index];
    const near = at === null ? null : marks.find((/** @type {import("./marks.js").Mark} */ mark) => at - axis.step < mark.at && mark.at <= at);
    const values = lines.map((/** @type {Line} */ line) => {
      const value = this.index === null ? line.values.findLast((one) => one !== null) : line.values[this.index];
      return h("span", { class: "value" },
        lines.length > 1 && h("i", { class: `key ${line.color.slice(2)}` }),
        lines.length > 1 && h("span", { class: "muted" }, line.label, " "),
        h("b", {}, value === undefined ? NONE : format(value)));
    });
    render(this.values,
      h("div", { class: "values" }, values,
        h("span", { class: "muted at", title: at === null ? "" : utc(at) }, at === null ? "" : time(at))),
      h("p", { class: "near muted" }, near ? near.text : ""));
  }

  options(/** @type {number} */ width) {
    const { x, y } = this.scales();
    const axis = { stroke: color("--muted"), font: "11px system-ui, sans-serif", ticks: { show: false } };
    const grid = { stroke: color("--grid"), width: 1 };
    return {
      width,
      height: this.data.height ?? 150,
      padding: [8, 16, 0, 0],
      legend: { show: false },
      scales: { x, y },
      axes: [
        { ...axis, grid: { show: false }, size: 24, space: 52, incrs: TIMES, values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((at) => axisTime(at, splits.length > 1 ? splits[1] - splits[0] : 60)) },
        { ...axis, grid, size: 58, space: 34, ...(this.data.binary ? { incrs: BINARY } : {}), values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((value) => this.data.format(value)) },
      ],
      cursor: { sync: { key: SHARED }, y: false, drag: { x: false, y: false }, points: { size: 6 } },
      series: [{}, ...this.lines(1.5)],
      hooks: {
        setCursor: [(/** @type {any} */ plot) => {
          const index = plot.cursor.idx ?? null;
          if (index === this.index) return;
          this.index = index;
          this.read();
        }],
        draw: [(/** @type {any} */ plot) => this.drawMarks(plot)],
      },
    };
  }

  drawMarks(/** @type {any} */ plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    for (const mark of this.data.marks ?? []) {
      const place = Math.round(plot.valToPos(mark.at, "x", true));
      if (place < bbox.left || place > bbox.left + bbox.width) continue;
      ctx.strokeStyle = color(MARK_COLORS[/** @type {keyof typeof MARK_COLORS} */ (mark.kind)] ?? "--muted");
      // Marks of people's actions stand out from those of their results.
      const done = mark.kind === "deploy" || mark.kind === "mark";
      ctx.lineWidth = (done ? 1.5 : 1) * devicePixelRatio;
      ctx.setLineDash(done ? [] : [3 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(place, bbox.top);
      ctx.lineTo(place, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }
}
