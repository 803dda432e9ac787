// @ts-check
/**
 * Watches the next calls of an operation: the server tells of them by its events, and is asked where
 * there are none. It ends by itself, with the last of the calls or after some minutes.
 */

import { get } from "./api.js";
import { say } from "./parts.js";

export const WANTED = 20;

const OFTEN = 1_000;
/** Events come in time; this is for the case that they do not. */
const SELDOM = 5_000;

/**
 * @typedef {object} Watched
 * @property {string} operation
 * @property {string | null} component
 * @property {any} document the latest answer; null before the first one
 */

/** @type {Watched | null} */
let watched = null;
let heard = -Infinity;
let timer = 0;
/** Shows what has changed. */
let changed = () => {};
/** Whether events come. */
let streaming = () => false;

/** The watch of an operation, where there is one. */
export function watchOf(/** @type {string} */ operation, /** @type {string | null} */ component) {
  return watched && watched.operation === operation && watched.component === component ? watched : null;
}

/** Begin to watch an operation; the watch of another one is over. */
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

/** Watch no longer, and show it no longer. */
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
      // The page says that the server is lost, and finds it again.
    }
  }
  if (watched === asked && !asked.document?.ended) timer = setTimeout(ask, OFTEN);
}

function take(/** @type {any} */ document_, /** @type {Watched} */ asked) {
  if (watched !== asked || asked.document?.ended) return;
  heard = performance.now();
  // Two answers may come in another order than they were made in.
  if ((asked.document?.calls.length ?? -1) > document_.calls.length) return;
  asked.document = document_;
  if (document_.ended) say(document_.calls.length === 1 ? "The watch is over: 1 call" : `The watch is over: ${document_.calls.length} calls`);
  changed();
}

addEventListener("watched", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  const known = watched?.document;
  if (watched && known && detail.operation === known.operation && detail.component === known.component && detail.since === known.since) take(detail, watched);
});
