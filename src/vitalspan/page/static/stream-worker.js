// @ts-check
// Follows the server's events for all tabs of a browser, with a single connection.
// Not a module, because some browsers do not support modules as shared workers.
"use strict";
(() => {
  const STALE = 90_000;
  const TRY_AGAIN = 60_000;

  /**
   * When each tab in the foreground last sent a message.
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
      // The browser does not retry a refused stream.
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

  // A closed tab sends no message.
  setInterval(() => {
    for (const [port, heard] of tabs) if (Date.now() - heard > STALE) leave(port);
  }, STALE / 3);
})();
