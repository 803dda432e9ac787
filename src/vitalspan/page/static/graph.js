// @ts-check
/** The graph of components, drawn as SVG: dependencies from left to right. */

import { h, svg } from "./dom.js";
import { nameText, score } from "./format.js";
import { light } from "./parts.js";

const WIDTH = 158;
const HEIGHT = 40;
const APART = 54;
const BETWEEN = 12;
const LONGEST = 17;

/**
 * @typedef {object} Component
 * @property {string} component
 * @property {number | null} score
 * @property {number | null} effective_score
 * @property {string} status
 * @property {string | null} limited_by
 * @property {boolean} critical
 * @property {string[]} depends_on
 * @property {string | null} reason
 */

/**
 * Return the place of each component: its column is the longest path to it from a component that
 * depends on it, and its row keeps it near its neighbors.
 * @returns {Map<string, {column: number, row: number}>}
 */
export function layout(/** @type {Component[]} */ components) {
  const byName = new Map(components.map((one) => [one.component, one]));
  const columns = new Map(components.map((one) => [one.component, 0]));
  // There are no cycles, so no component moves further than the number of components.
  for (let round = 0, moved = true; moved && round <= components.length; round += 1) {
    moved = false;
    for (const { component, depends_on } of components) {
      for (const other of depends_on.filter((name) => byName.has(name))) {
        const column = /** @type {number} */ (columns.get(component)) + 1;
        if (/** @type {number} */ (columns.get(other)) < column) {
          columns.set(other, column);
          moved = true;
        }
      }
    }
  }
  const places = new Map();
  const last = Math.max(0, ...columns.values());
  for (let column = 0; column <= last; column += 1) {
    const names = components.map((one) => one.component).filter((name) => columns.get(name) === column);
    const middle = (/** @type {string} */ name) => {
      const rows = components.filter((one) => one.depends_on.includes(name) && places.has(one.component)).map((one) => places.get(one.component).row);
      return rows.length ? rows.reduce((sum, row) => sum + row, 0) / rows.length : names.indexOf(name);
    };
    const wanted = new Map(names.map((name) => [name, middle(name)]));
    names.sort((a, b) => /** @type {number} */ (wanted.get(a)) - /** @type {number} */ (wanted.get(b)));
    names.forEach((name, row) => places.set(name, { column, row }));
  }
  return places;
}

/** Draw connected components as a graph, and the others as lights below it. */
export function componentGraph(/** @type {Component[]} */ components, /** @type {(name: string) => string} */ linkOf) {
  const needed = new Set(components.flatMap((one) => one.depends_on));
  const connected = components.filter((one) => one.depends_on.length || needed.has(one.component));
  const alone = components.filter((one) => !connected.includes(one));
  return [
    connected.length > 0 && drawing(connected, linkOf),
    alone.length > 0 && h("ul", { class: "chips" }, alone.map((one) =>
      h("li", { key: one.component }, h("a", { class: "chip", href: linkOf(one.component), title: words(one) },
        light(one.status), h("span", { class: "name" }, nameText(one.component)), h("b", {}, score(one.effective_score)))))),
  ];
}

function drawing(/** @type {Component[]} */ components, /** @type {(name: string) => string} */ linkOf) {
  const places = layout(components);
  const rows = new Map();
  for (const { column, row } of places.values()) rows.set(column, Math.max(rows.get(column) ?? 0, row + 1));
  const most = Math.max(...rows.values());
  const width = rows.size * (WIDTH + APART) - APART + 4;
  const height = most * (HEIGHT + BETWEEN) - BETWEEN + 4;
  const corner = (/** @type {string} */ name) => {
    const { column, row } = /** @type {{column: number, row: number}} */ (places.get(name));
    const offset = ((most - rows.get(column)) * (HEIGHT + BETWEEN)) / 2;
    return { x: 2 + column * (WIDTH + APART), y: 2 + offset + row * (HEIGHT + BETWEEN) };
  };
  const edges = components.flatMap((one) => one.depends_on.filter((name) => places.has(name)).map((name) => edge(one, name, corner)));
  // A larger graph would be too small to read on a phone, so it scrolls there.
  return h("div", { class: rows.size > 2 ? "graph" : "graph fits", tabindex: 0, role: "group", "aria-label": "Components and what they depend on" },
    svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height }, edges, components.map((one) => node(one, corner(one.component), linkOf))));
}

function edge(/** @type {Component} */ from, /** @type {string} */ to, /** @type {(name: string) => {x: number, y: number}} */ corner) {
  const [start, end] = [corner(from.component), corner(to)];
  const [x, y, u, v] = [start.x + WIDTH, start.y + HEIGHT / 2, end.x, end.y + HEIGHT / 2];
  const bend = Math.max(20, (u - x) / 2);
  const limits = from.limited_by === to;
  return svg("path", { class: limits ? "edge limits" : "edge", d: `M${x},${y} C${x + bend},${y} ${u - bend},${v} ${u},${v}` },
    svg("title", {}, `${from.component} depends on ${to}${limits ? ", which limits its score" : ""}`));
}

function node(/** @type {Component} */ one, /** @type {{x: number, y: number}} */ { x, y }, /** @type {(name: string) => string} */ linkOf) {
  const shown = nameText(one.component);
  const letters = [...shown];
  const name = letters.length > LONGEST ? `${letters.slice(0, LONGEST - 1).join("")}…` : shown;
  return svg("a", { href: linkOf(one.component), class: `node ${statusClass(one.status)}`, transform: `translate(${x} ${y})` },
    svg("title", {}, words(one)),
    svg("rect", { width: WIDTH, height: HEIGHT, rx: 8 }),
    svg("circle", { cx: 16, cy: HEIGHT / 2, r: 5 }),
    svg("text", { x: 29, y: HEIGHT / 2 + 4.5 }, name),
    svg("text", { class: "points", x: WIDTH - 11, y: HEIGHT / 2 + 4.5, "text-anchor": "end" }, score(one.effective_score)));
}

/** The class of a level; users may name their levels as they like. */
export function statusClass(/** @type {string} */ status) {
  return ["healthy", "degraded", "unhealthy", "critical", "no_data"].includes(status) ? `is-${status}` : "is-other";
}

function words(/** @type {Component} */ one) {
  const parts = [`${nameText(one.component)}: ${one.status.replace("_", " ")}`];
  if (one.effective_score !== null) parts.push(`score ${score(one.effective_score)}`);
  if (one.limited_by !== null && one.limited_by !== one.component) parts.push(`limited by ${one.limited_by}`);
  if (one.reason) parts.push(one.reason);
  return parts.join(", ");
}
