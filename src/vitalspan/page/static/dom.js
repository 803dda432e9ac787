// @ts-check
/**
 * Creates elements, and updates the page to the elements that it should have.
 *
 * Text only ever becomes text nodes and attribute values, so no name, label or message can become
 * markup.
 */

const SVG = "http://www.w3.org/2000/svg";

/** Attributes with an address. None of them ever contains foreign text. */
const ADDRESSES = new Set(["href", "src", "xlink:href", "action", "formaction"]);

/**
 * @typedef {any} Child a node, text, a number, nothing, or a list of these
 * @typedef {{update(data: any): void, destroy(): void}} Instance
 * @typedef {new (element: HTMLElement, data: any) => Instance} Kind
 */

/** Create an HTML element. Properties that start with `on` are listeners; `key` identifies siblings. */
export function h(/** @type {string} */ tag, /** @type {Record<string, any>} */ properties = {}, /** @type {Child[]} */ ...children) {
  return make(document.createElement(tag), properties, children);
}

/** Create an SVG element. */
export function svg(/** @type {string} */ tag, /** @type {Record<string, any>} */ properties = {}, /** @type {Child[]} */ ...children) {
  return make(document.createElementNS(SVG, tag), properties, children);
}

/**
 * Create an element that manages itself, such as a chart: an object of its kind fills it when it is
 * shown, and is given newer data for as long as the page has an element of this key and kind.
 */
export function island(/** @type {string} */ key, /** @type {string} */ className, /** @type {Kind} */ kind, /** @type {any} */ data) {
  const element = h("div", { class: className, key, "data-island": "" });
  return Object.assign(element, { kind, data });
}

function make(/** @type {any} */ element, /** @type {Record<string, any>} */ properties, /** @type {Child[]} */ children) {
  element.listeners = [];
  for (const [name, value] of Object.entries(properties)) {
    if (name === "key") element.key = value;
    else if (name.startsWith("on")) {
      element[name] = value;
      element.listeners.push(name);
    } else if (name === "width%") element.style.width = `${value}%`;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) setAttribute(element, name, value);
  }
  element.append(...nodes(children));
  return element;
}

function setAttribute(/** @type {Element} */ element, /** @type {string} */ name, /** @type {any} */ value) {
  if (ADDRESSES.has(name) && !/^(#|https?:\/\/)/.test(String(value))) throw new Error(`not an address of this page: ${value}`);
  element.setAttribute(name, String(value));
}

/** @returns {Node[]} */
function nodes(/** @type {Child[]} */ children) {
  return children.flat(10).flatMap((child) => {
    if (child === null || child === undefined || child === false) return [];
    return [child instanceof Node ? child : document.createTextNode(String(child))];
  });
}

/** Give an element these children, and keep the present ones where possible. */
export function render(/** @type {Element} */ parent, /** @type {Child[]} */ ...children) {
  const focused = document.activeElement;
  patch(parent, nodes(children));
  // An element that was moved has lost the focus.
  if (focused instanceof HTMLElement && focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
  for (const element of parent.querySelectorAll("[data-island]")) {
    const it = /** @type {any} */ (element);
    if (!it.instance) it.instance = new it.kind(it, it.data);
  }
}

function patch(/** @type {any} */ parent, /** @type {any[]} */ wanted) {
  const keyed = new Map();
  /** @type {any[]} */
  const others = [];
  for (const node of parent.childNodes) {
    if (node.key === undefined) others.push(node);
    else keyed.set(node.key, node);
  }
  const result = wanted.map((next) => {
    const kept = next.key === undefined ? others[0] : keyed.get(next.key);
    if (!kept || kept.nodeName !== next.nodeName || kept.kind !== next.kind) return next;
    if (next.key === undefined) others.shift();
    else keyed.delete(next.key);
    update(kept, next);
    return kept;
  });
  const staying = new Set(result);
  for (const node of [...parent.childNodes]) if (!staying.has(node)) remove(node);
  let place = parent.firstChild;
  for (const node of result) {
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
}

function update(/** @type {any} */ kept, /** @type {any} */ next) {
  if (kept.nodeType !== Node.ELEMENT_NODE) {
    if (kept.data !== next.data) kept.data = next.data;
    return;
  }
  if (kept.kind) {
    kept.data = next.data;
    kept.instance?.update(next.data);
    return;
  }
  // Styles are set as properties: the policy of the page forbids them as attributes.
  const names = [...kept.attributes, ...next.attributes].map(({ name }) => name).filter((name) => name !== "style");
  for (const name of names) {
    const value = next.getAttribute(name);
    if (value === null) kept.removeAttribute(name);
    else if (kept.getAttribute(name) !== value) kept.setAttribute(name, value);
  }
  for (const name of kept.listeners ?? []) kept[name] = null;
  for (const name of next.listeners ?? []) kept[name] = next[name];
  kept.listeners = next.listeners;
  if (next.style?.width) kept.style.width = next.style.width;
  // What somebody has typed does not follow the attribute.
  if (kept.nodeName === "INPUT" && kept.value !== next.value) kept.value = next.value;
  patch(kept, [...next.childNodes]);
}

function remove(/** @type {any} */ node) {
  if (node.nodeType === Node.ELEMENT_NODE) {
    for (const element of [node, ...node.querySelectorAll("[data-island]")]) element.instance?.destroy();
  }
  node.remove();
}
