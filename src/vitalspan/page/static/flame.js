// @ts-check
/**
 * A flame graph: a box for each frame, as wide as its share of the time, below its caller.
 *
 * It is a tree for the keyboard and for screen readers: arrow keys move between boxes, Enter zooms
 * in, Escape zooms out.
 */

import { h, island } from "./dom.js";
import { ratio, seconds } from "./format.js";

const ROW = 22;
/** The share of the width below which a box is left out, because it would be invisible. */
const NARROWEST = 0.0008;
/** The pixels below which a box has no text, since none of it could be read. */
const NARROWEST_TEXT = 24;
const COLORS = 6;
const ROOT = -1;

/**
 * @typedef {{parent: number, function: string, file: string, lineno: number, seconds: number, own_seconds: number}} Node_
 * @typedef {{node: number, left: number, width: number, depth: number, above: boolean}} Box
 */

/** The place of a frame as text: `pay (shop/cart.py:12)`. */
export function placeOf(/** @type {{function: string, file: string, lineno: number}} */ frame) {
  return frame.file ? `${frame.function} (${frame.file}:${frame.lineno})` : frame.function;
}

/** A flame graph that manages itself. */
export function flameGraph(/** @type {string} */ key, /** @type {Node_[]} */ nodes, /** @type {number} */ total) {
  return island(key, "flame", FlameGraph, { nodes, total });
}

/** The callees of each node, by its index, those with the most time first. */
export function childrenOf(/** @type {Node_[]} */ nodes) {
  /** @type {Map<number, number[]>} */
  const children = new Map([[ROOT, []]]);
  nodes.forEach((_, index) => children.set(index, []));
  nodes.forEach(({ parent }, index) => children.get(parent)?.push(index));
  for (const list of children.values()) list.sort((one, other) => nodes[other].seconds - nodes[one].seconds);
  return children;
}

/**
 * The boxes of a flame graph, zoomed to one box, with all its callers.
 * @returns {Box[]}
 */
export function boxesOf(/** @type {Node_[]} */ nodes, /** @type {number} */ total, /** @type {number} */ zoomed = ROOT) {
  const children = childrenOf(nodes);
  /** @type {Box[]} */
  const boxes = [];
  for (let node = zoomed; node !== ROOT; node = nodes[node].parent) boxes.unshift({ node, left: 0, width: 1, depth: 0, above: node !== zoomed });
  boxes.forEach((box, depth) => (box.depth = depth));
  const whole = zoomed === ROOT ? total : nodes[zoomed].seconds;
  const waiting = [{ parent: zoomed, left: 0, depth: boxes.length }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    let { left } = next;
    for (const node of children.get(next.parent) ?? []) {
      const width = nodes[node].seconds / whole;
      if (!(width >= NARROWEST)) break;
      boxes.push({ node, left, width, depth: next.depth, above: false });
      waiting.push({ parent: node, left, depth: next.depth + 1 });
      left += width;
    }
  }
  return boxes;
}

class FlameGraph {
  constructor(/** @type {HTMLElement} */ element, /** @type {{nodes: Node_[], total: number}} */ { nodes, total }) {
    this.nodes = nodes;
    this.total = total;
    this.children = childrenOf(nodes);
    this.zoomed = ROOT;
    this.focused = this.children.get(ROOT)?.[0] ?? ROOT;
    /** @type {Map<number, HTMLElement>} */
    this.elements = new Map();
    /** The share of the width that each box has. */
    /** @type {Map<number, number>} */
    this.widths = new Map();
    this.tree = /** @type {HTMLElement} */ (h("div", { class: "flame-boxes", role: "tree", "aria-label": "Flame graph: arrow keys move, Enter looks closer, Escape goes back" }));
    this.caption = h("p", { class: "flame-caption muted" });
    this.tree.addEventListener("keydown", (event) => this.pressed(event));
    this.tree.addEventListener("click", (event) => this.clicked(event));
    this.tree.addEventListener("pointerover", (event) => this.describe(nodeOf(event)));
    this.tree.addEventListener("focusin", (event) => this.describe(nodeOf(event)));
    element.append(this.tree, this.caption);
    this.draw();
    this.observer = new ResizeObserver(() => this.label());
    this.observer.observe(this.tree);
  }

  /** A profile does not change. */
  update() {}

  destroy() {
    this.observer.disconnect();
  }

  draw() {
    const boxes = boxesOf(this.nodes, this.total, this.zoomed);
    if (!boxes.some(({ node }) => node === this.focused)) this.focused = this.zoomed === ROOT ? boxes[0]?.node ?? ROOT : this.zoomed;
    this.elements = new Map(boxes.map((box) => [box.node, this.drawn(box)]));
    this.widths = new Map(boxes.map(({ node, width }) => [node, width]));
    this.label();
    this.tree.replaceChildren(...this.elements.values());
    this.tree.style.height = `${(1 + Math.max(0, ...boxes.map(({ depth }) => depth))) * ROW}px`;
    this.describe(this.focused);
  }

  drawn(/** @type {Box} */ { node, left, width, depth, above }) {
    const text = this.textOf(node);
    const box = /** @type {HTMLElement} */ (h("div", {
      class: `box ${above ? "above" : `color-${colorOf(this.nodes[node].file)}`}`, role: "treeitem", title: text,
      "aria-label": text, "aria-level": depth + 1, "aria-selected": String(node === this.zoomed),
      "aria-expanded": this.children.get(node)?.length ? "true" : null, tabindex: node === this.focused ? 0 : -1, "data-node": node,
    }));
    box.style.left = `${left * 100}%`;
    box.style.width = `${width * 100}%`;
    box.style.top = `${depth * ROW}px`;
    return box;
  }

  /** Give a text to the boxes that are wide enough for one. */
  label() {
    const whole = this.tree.clientWidth;
    for (const [node, element] of this.elements) {
      const text = (this.widths.get(node) ?? 0) * whole > NARROWEST_TEXT ? placeOf(this.nodes[node]) : "";
      if (element.textContent !== text) element.textContent = text;
    }
  }

  textOf(/** @type {number} */ node) {
    const it = this.nodes[node];
    const own = it.own_seconds > 0 ? `, ${seconds(it.own_seconds)} of it itself` : "";
    return `${placeOf(it)}: ${seconds(it.seconds)}, ${ratio(it.seconds / this.total)}${own}`;
  }

  describe(/** @type {number | null} */ node) {
    if (node !== null && node !== ROOT) this.caption.textContent = this.textOf(node);
  }

  clicked(/** @type {Event} */ event) {
    const node = nodeOf(event);
    if (node !== null) this.zoom(node === this.zoomed ? this.nodes[node].parent : node);
  }

  zoom(/** @type {number} */ node) {
    this.zoomed = node;
    if (node !== ROOT) this.focused = node;
    this.draw();
    this.elements.get(this.focused)?.focus();
  }

  pressed(/** @type {KeyboardEvent} */ event) {
    const node = nodeOf(event);
    if (node === null || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") this.zoom(node);
    else if (event.key === "Escape" && this.zoomed !== ROOT) this.zoom(ROOT);
    else if (!this.moved(node, event.key)) return;
    event.preventDefault();
  }

  /** Move to the box that a key stands for; return whether it is such a key. */
  moved(/** @type {number} */ node, /** @type {string} */ key) {
    const { parent } = this.nodes[node];
    const beside = this.children.get(parent) ?? [];
    const at = beside.indexOf(node);
    /** @type {Record<string, number | undefined>} */
    const targets = { ArrowDown: this.children.get(node)?.[0], ArrowUp: parent, ArrowLeft: beside[at - 1], ArrowRight: beside[at + 1], Home: [...this.elements.keys()][0] };
    if (!(key in targets)) return false;
    const target = this.elements.get(targets[key] ?? ROOT);
    if (target) {
      this.elements.get(this.focused)?.setAttribute("tabindex", "-1");
      this.focused = /** @type {number} */ (targets[key]);
      target.setAttribute("tabindex", "0");
      target.focus();
    }
    return true;
  }
}

function nodeOf(/** @type {Event} */ event) {
  const box = /** @type {Element} */ (event.target).closest("[data-node]");
  return box instanceof HTMLElement ? Number(box.dataset.node) : null;
}

/** A color by file, so that related frames look alike. */
function colorOf(/** @type {string} */ file) {
  let sum = 0;
  for (const letter of file) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
  return sum % COLORS;
}
