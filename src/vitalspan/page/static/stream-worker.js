// Follows the server's events for all tabs of a browser: one connection, however many there are.
// It is no module, because not every browser lets shared workers be one.
"use strict";

const STALE = 90_000;
const TRY_AGAIN = 60_000;

/** When each tab that is in the foreground was heard of last. */
const tabs = new Map();
let source = null;
let closedUntil = 0;

function tell(message) {
  for (const port of tabs.keys()) port.postMessage(message);
}

function open() {
  if (source || Date.now() < closedUntil) return;
  source = new EventSource(new URL("../api/v1/events", location.href));
  source.addEventListener("status", (event) => tell({ kind: "status", status: JSON.parse(event.data) }));
  source.onerror = () => {
    tell({ kind: "lost" });
    // A stream that is refused is not asked for again by itself.
    if (source.readyState === EventSource.CLOSED) {
      close();
      closedUntil = Date.now() + TRY_AGAIN;
    }
  };
}

function close() {
  source?.close();
  source = null;
}

function leave(port) {
  tabs.delete(port);
  if (!tabs.size) close();
}

self.onconnect = ({ ports: [port] }) => {
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
