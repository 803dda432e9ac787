// @ts-check
// Follows the server's events for all tabs of a browser: one connection, however many there are.
// It is no module, because not every browser lets shared workers be one.
"use strict";
(() => {
  const STALE = 90_000;
  const TRY_AGAIN = 60_000;

  /**
   * When each tab that is in the foreground was heard of last.
   * @type {Map<MessagePort, number>}
   */
  const tabs = new Map();
  /** @type {EventSource | null} */
  let source = null;
  let closedUntil = 0;

  function tell(/** @type {any} */ message) {
    for (const port of tabs.keys()) port.postMessage(message);
  }

  function open() {
    if (source || Date.now() < closedUntil) return;
    const opened = (source = new EventSource(new URL("../api/v1/events", location.href)));
    opened.addEventListener("status", (event) => tell({ kind: "status", status: JSON.parse(event.data) }));
    opened.addEventListener("watch", (event) => tell({ kind: "watch", watch: JSON.parse(event.data) }));
    opened.onerror = () => {
      tell({ kind: "lost" });
      // A stream that is refused is not asked for again by itself.
      if (opened.readyState === EventSource.CLOSED) {
        close();
        closedUntil = Date.now() + TRY_AGAIN;
      }
    };
  }

  function close() {
    source?.close();
    source = null;
  }

  function leave(/** @type {MessagePort} */ port) {
    tabs.delete(port);
    if (!tabs.size) close();
  }

  /** @type {any} */ (self).onconnect = (/** @type {MessageEvent} */ { ports: [port] }) => {
    port.onmessage = ({ data }) => {
      if (data === "leave") leave(port);
      else {
        tabs.set(port, Date.now());
        open();
      }
    };
  };

  // A tab that was closed says nothing.
  setInterval(() => {
    for (const [port, heard] of tabs) if (Date.now() - heard > STALE) leave(port);
  }, STALE / 3);
})();
