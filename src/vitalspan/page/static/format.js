// @ts-check
/** Numbers with their units, durations, and times. Unknown values are a dash. */

export const NONE = "–";

const plain = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const signed = new Intl.NumberFormat("en", { maximumFractionDigits: 1, signDisplay: "exceptZero" });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const minute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** @typedef {number | null | undefined} Number_ */

function known(/** @type {Number_} */ value) {
  return value !== null && value !== undefined && Number.isFinite(value);
}

/** `1,234` or `1.23M` */
export function count(/** @type {any} */ value) {
  if (!known(value)) return NONE;
  return Math.abs(value) < 10000 ? (Number.isInteger(value) ? whole : plain).format(value) : compact.format(value);
}

/** `12.3/s`, or `3.2/min` where that is less */
export function rate(/** @type {any} */ value) {
  if (!known(value)) return NONE;
  if (value === 0) return "0/s";
  return value < 0.1 ? `${plain.format(value * 60)}/min` : `${count(value)}/s`;
}

/** `4.2 %` */
export function ratio(/** @type {any} */ value) {
  if (!known(value)) return NONE;
  const percent = value * 100;
  return `${percent > 0 && percent < 0.01 ? "<0.01" : plain.format(percent)} %`;
}

/** `+25 %`, for a value that is now so many times as large */
export function growth(/** @type {any} */ times) {
  if (!known(times) || times === 1) return "";
  return times > 100 ? `× ${count(times)}` : `${signed.format((times - 1) * 100)} %`;
}

/** `512 ms`, `1.24 s`, `2 min 5 s`, `3 h 12 min`, `4 d 3 h` */
export function seconds(/** @type {any} */ value) {
  if (!known(value)) return NONE;
  const size = Math.abs(value);
  if (size === 0) return "0 s";
  if (size < 1e-3) return `${plain.format(value * 1e6)} µs`;
  if (size < 1) return `${plain.format(value * 1e3)} ms`;
  if (size < 120) return `${plain.format(value)} s`;
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = parts.findIndex(([unit]) => size >= /** @type {number} */ (unit));
  let rest = Math.round(size);
  return parts
    .slice(first, first + 2)
    .map(([unit, name]) => {
      const amount = Math.floor(rest / /** @type {number} */ (unit));
      rest -= amount * /** @type {number} */ (unit);
      return amount ? `${amount} ${name}` : "";
    })
    .filter(Boolean)
    .join(" ");
}

/** An age, in whole seconds where it has any, since it goes on: `350 ms`, `12 s`, `3 min 4 s` */
export function age(/** @type {any} */ value) {
  return seconds(value >= 1 ? Math.floor(value) : value);
}

/** How long a range is. A long one has no seconds, which would change with every tick. */
export function period(/** @type {any} */ value) {
  return seconds(value < 600 ? value : Math.round(value / 60) * 60);
}

/** `1.5 GiB` */
export function bytes(/** @type {any} */ value) {
  if (!known(value)) return NONE;
  const sign = value < 0 ? "-" : "";
  let size = Math.abs(value);
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (size < 1024) return `${sign}${plain.format(size)} ${unit}`;
    size /= 1024;
  }
  return `${sign}${plain.format(size)} TiB`;
}

/** `$1.25` */
export function dollars(/** @type {any} */ value) {
  return known(value) ? `$${value !== 0 && Math.abs(value) < 0.01 ? plain.format(value) : value.toFixed(2)}` : NONE;
}

/** A value in a base unit, as the API names it: `seconds`, `ratio`, `bytes/s`, ... */
export function inUnit(/** @type {any} */ value, /** @type {string} */ unit) {
  if (!known(value)) return NONE;
  const [dimension, per] = unit.split("/");
  const written = { seconds, ratio, bytes, dollars }[dimension] ?? count;
  return written(value) + (per ? `/${per}` : "");
}

/** A score from 0 to 100, without a fraction. */
export function score(/** @type {any} */ value) {
  return known(value) ? whole.format(Math.floor(value)) : NONE;
}

/** The time of day, for seconds since the Unix epoch. */
export function time(/** @type {any} */ at, /** @type {number} */ now = Date.now() / 1000) {
  if (!known(at)) return NONE;
  return (Math.abs(now - at) < 20 * 3600 ? clock : day).format(at * 1000);
}

/** The time of day on an axis, as precise as its steps. */
export function axisTime(/** @type {number} */ at, /** @type {number} */ step) {
  return (step < 60 ? clock : step < 86400 ? minute : day).format(at * 1000);
}

/** The same time in UTC, in full. */
export function utc(/** @type {any} */ at) {
  return known(at) ? `${new Date(at * 1000).toISOString().replace("T", " ").slice(0, 19)} UTC` : "";
}

/** `just now`, `12 s ago`, `3 min ago` */
export function ago(/** @type {any} */ at, /** @type {number} */ now) {
  if (!known(at)) return NONE;
  const age = Math.max(0, now - at);
  return age < 1 ? "just now" : `${seconds(age < 120 ? Math.round(age) : age)} ago`;
}

/** Labels or attributes: `tier=gold region=eu` */
export function labelText(/** @type {Record<string, any>} */ pairs) {
  return Object.entries(pairs).map(([name, value]) => `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`).join(" ");
}

/** A name from a user, escaped if it would be invisible. */
export function nameText(/** @type {string | null | undefined} */ name) {
  if (name === null || name === undefined) return NONE;
  return /[\p{L}\p{N}\p{P}\p{S}]/u.test(name) ? name : JSON.stringify(name);
}
