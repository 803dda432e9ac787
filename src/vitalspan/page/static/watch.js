// @ts-check
/**
 * Watches the next calls of an operation by the server's events, or by polling if there are none.
 * It ends by itself, with the last call or after some minutes.
 */

import { get } from "./api.js";
import { say } from "./parts.js";

export const WANTED = 20;

const OFTEN = 1_000;
/** Events usually arrive in time; this is a fallback. */
const SELDOM = 5_000;

/**
 * @typedef {object} Watched
 * @property {string} operation
 * @property {string | null} component
 * @property {any} document the latest response; null before the first one
 */

/** @type {Watched | null} */
let watched = null;
let heard = -Infinity;
let timer = 0;
/** Shows the changes. */
let changed = () => {};
/** Whether events arrive. */
let streaming = () => false;

/** The watch of an operation, if there is one. */
export function watchOf(/** @type {string} */ operation, /** @type {string | null} */ component) {
  return watched && watched.operation === operation && watched.component === component ? watched : null;
}

/** Start to watch an operation; this ends the watch of another one. */
export function watch(/** @type {string} */ operation, /** @type {string | null} */ component, /** @type {{redraw: () => void, streaming: () => boolean}} */ page) {
  stop();
  watched = { operation, component, document: null };
  heard = -Infinity;
  changed = page.redraw;
  streaming = page.streaming;
  say(`Watching the next ${WANTED} calls`);
  changed();
  ask();
}

/** Stop watching, and remove the result. */
export function stop() {
  clearTimeout(timer);
  watched = null;
  changed();
}

async function ask() {
  const asked = watched;
  if (!asked) return;
  if (!document.hidden && performance.now() - heard >= (streaming() ? SELDOM : OFTEN) - 100) {
    try {
      const { operation, component } = asked;
      take(await get("watch", { operation, component, since: asked.document?.since, limit: WANTED }), asked);
    } catch {
      // The page shows that the server is lost, and reconnects.
    }
  }
  if (watched === asked && !asked.document?.ended) timer = setTimeout(ask, OFTEN);
}

function take(/** @type {any} */ document_, /** @type {Watched} */ asked) {
  if (watched !== asked || asked.document?.ended) return;
  heard = performance.now();
  // Two responses may arrive out of order, and a server that has restarted knows fewer calls.
  const known = asked.document?.calls ?? [];
  if (known.length > document_.calls.length && !document_.ended) return;
  asked.document = known.length > document_.calls.length ? { ...document_, calls: known } : document_;
  if (document_.ended) say(document_.calls.length === 1 ? "The watch is over: 1 call" : `The watch is over: ${document_.calls.length} calls`);
  changed();
}

addEventListener("watched", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  const known = watched?.document;
  if (watched && known && detail.operation === known.operation && detail.component === known.component && detail.since === known.since) take(detail, watched);
});
