// @ts-check
/** Keeps the page up to date: asks again after each tick, and not at all in the background. */

const SHORTEST = 1;
const LONGEST = 15;

export class Follower {
  /**
   * @param {object} options
   * @param {() => Promise<void>} options.refresh asks for everything anew; rejects where no server answers
   * @param {() => void} options.changed is called when the state has changed
   */
  constructor({ refresh, changed }) {
    this.refresh = refresh;
    this.changed = changed;
    this.interval = 5;
    this.paused = false;
    /** @type {"live" | "lost" | "paused"} */
    this.state = "live";
    this.failures = 0;
    this.timer = 0;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.stop() : this.now()));
    addEventListener("online", () => this.now());
  }

  begin() {
    this.now();
  }

  toggle() {
    this.paused = !this.paused;
    if (this.paused) this.stop();
    this.set(this.paused ? "paused" : "live");
    if (!this.paused) this.now();
  }

  stop() {
    clearTimeout(this.timer);
  }

  /** Ask now, also while paused: somebody has asked for another view. */
  async now() {
    this.stop();
    try {
      await this.refresh();
      this.failures = 0;
      this.set(this.paused ? "paused" : "live");
    } catch {
      this.failures += 1;
      this.set("lost");
    }
    if (this.paused || document.hidden) return;
    this.stop();
    this.timer = setTimeout(() => this.now(), 1000 * this.delay());
  }

  delay() {
    const usual = Math.min(LONGEST, Math.max(SHORTEST, this.interval || LONGEST));
    // A server that restarts is found soon, and one that is gone is not asked for ever as often.
    return this.failures ? Math.min(LONGEST, 2 ** Math.min(this.failures - 1, 4)) : usual;
  }

  set(/** @type {"live" | "lost" | "paused"} */ state) {
    if (this.state === state && state !== "lost") return;
    this.state = state;
    this.changed();
  }
}
