// @ts-check
/** A client of the page's JSON API. */

/** An error response. */
export class ApiError extends Error {
  constructor(/** @type {Response} */ { status }, /** @type {any} */ document_) {
    super(document_?.error ?? `the server answered ${status}`);
    this.status = status;
  }
}

/** Parameters as a query string, without empty ones. */
export function queryOf(/** @type {Record<string, any>} */ parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}

/** The address of an endpoint. */
export function addressOf(/** @type {string} */ name, /** @type {Record<string, any>} */ parameters = {}) {
  const url = new URL(`api/v1/${name}`, document.baseURI);
  url.search = queryOf(parameters);
  url.hash = "";
  return url;
}

/**
 * Return the document of an endpoint.
 * @returns {Promise<any>}
 */
export async function get(/** @type {string} */ name, /** @type {Record<string, any>} */ parameters = {}, /** @type {AbortSignal | undefined} */ signal = undefined) {
  const response = await fetch(addressOf(name, parameters), { signal, headers: { Accept: "application/json" } });
  const document_ = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response, document_);
  return document_;
}

/** The token for changes; null if nothing can be changed, undefined while that is unknown. */
let token = /** @type {string | null | undefined} */ (undefined);

/** Whether this page may change something. */
export async function mayChange() {
  if (token === undefined) token = (await get("token")).token;
  return token !== null;
}

/** Change something, and return the result. */
export async function change(/** @type {string} */ name, /** @type {Record<string, any>} */ parameters, isRetry = false) {
  const response = await fetch(addressOf(name, parameters), { method: "POST", headers: { "X-Vitalspan-Token": token ?? "" } });
  const done = await response.json().catch(() => null);
  if (response.status === 403) {
    // A server that has restarted has another token.
    token = undefined;
    if (!isRetry && await mayChange()) return change(name, parameters, true);
  }
  if (!response.ok) throw new ApiError(response, done);
  return done;
}
