// @ts-check
/**
 * Keeps the page up to date: it asks the server after each event, or at each evaluation if there
 * are no events. In the background it does neither.
 */

const SHORTEST = 1;
const LONGEST = 15;
const HEARTBEAT = 30_000;
/** A server that is only slow keeps its response for when it is asked again. */
const OVERDUE = 30_000;

export class Follower {
  /**
   * @param {object} options
   * @param {() => Promise<void>} options.refresh requests everything; rejects if no server responds
   * @param {() => void} options.changed is called when the state has changed
   * @param {(status: any) => void} options.heard is given the status in each event
   */
  constructor({ refresh, changed, heard }) {
    this.refresh = refresh;
    this.changed = changed;
    this.heard = heard;
    this.interval = 5;
    this.paused = false;
    /** @type {"live" | "lost" | "paused"} */
    this.state = "live";
    this.failures = 0;
    this.timer = 0;
    this.streaming = false;
    this.busy = false;
    /** The number of requests; only the last one counts. */
    this.turn = 0;
    /** When the last request was made. */
    this.began = 0;
    this.port = this.connect();
    document.addEventListener("visibilitychange", () => this.resume());
    addEventListener("online", () => this.now());
    addEventListener("pagehide", () => this.port?.postMessage("leave"));
    addEventListener("pageshow", () => this.resume());
    setInterval(() => {
      this.watch();
      this.doubt();
    }, HEARTBEAT);
  }

  /** The port of the worker that follows events for all tabs; null if there is none. */
  connect() {
    if (typeof SharedWorker !== "function") return null;
    try {
      const address = new URL("static/stream-worker.js", document.baseURI).href;
      const { trustedTypes } = /** @type {any} */ (window);
      const policy = trustedTypes?.createPolicy("vitalspan", { createScriptURL: (/** @type {string} */ text) => text });
      const { port } = new SharedWorker(policy ? policy.createScriptURL(address) : address, "vitalspan");
      port.onmessage = ({ data }) => this.receive(data);
      return port;
    } catch {
      return null;
    }
  }

  receive(/** @type {any} */ message) {
    if (message.kind === "watch") {
      dispatchEvent(new CustomEvent("watched", { detail: message.watch }));
      return;
    }
    if (this.away) return;
    const before = this.streaming;
    this.streaming = message.kind === "status";
    if (this.streaming) this.heard(message.status);
    // A stream that is still lost says nothing new.
    if (this.streaming || before) this.now();
  }

  begin() {
    this.watch();
    this.now();
  }

  get away() {
    return this.paused || document.hidden;
  }

  toggle() {
    this.paused = !this.paused;
    this.set(this.paused ? "paused" : "live");
    this.resume();
  }

  resume() {
    this.watch();
    if (this.away) clearTimeout(this.timer);
    else this.now();
  }

  watch() {
    this.port?.postMessage(this.away ? "leave" : "watch");
    if (this.away) this.streaming = false;
  }

  /** Ask again if there is no response for long; until there is one, the server is lost. */
  doubt() {
    if (this.away || !this.busy || performance.now() - this.began < OVERDUE) return;
    this.set("lost");
    this.now({ another: true });
  }

  /** Refresh now, even while paused, unless a response is already on its way. */
  async now({ another = false } = {}) {
    if (this.busy && !another) return;
    clearTimeout(this.timer);
    const turn = (this.turn += 1);
    this.busy = true;
    this.began = performance.now();
    const answered = await this.refresh().then(() => true, () => false);
    // Another request has taken the place of this one.
    if (turn !== this.turn) return;
    this.busy = false;
    this.failures = answered ? 0 : this.failures + 1;
    this.set(!answered ? "lost" : this.paused ? "paused" : "live");
    clearTimeout(this.timer);
    if (!this.away) this.timer = setTimeout(() => this.now(), 1000 * this.delay());
  }

  delay() {
    // A server that restarts is found soon, and one that is gone is asked less and less often.
    if (this.failures) return Math.min(LONGEST, 2 ** Math.min(this.failures - 1, 4));
    const usual = Math.min(LONGEST, Math.max(SHORTEST, this.interval || LONGEST));
    // Events usually arrive in time; this is a fallback.
    return this.streaming ? 3 * usual : usual;
  }

  set(/** @type {"live" | "lost" | "paused"} */ state) {
    if (this.state === state && state !== "lost") return;
    this.state = state;
    this.changed();
  }
}
