/** Asking the server. Every address is relative to the page, so that it works under any prefix. */

const BASE = new URL("api/v1/", document.baseURI);

/** What the server refused, or that it did not answer (`code` is `offline` then). `message` is for a person. */
export class Problem extends Error {
  constructor({ detail, title, status = 0, code = "offline", errors = [], retryAfter = 0 }) {
    super(detail || title || "The server answered in a way that this page does not understand.");
    Object.assign(this, { status, code, errors, retryAfter });
  }
}

/** The full address of a path of the API, with a query of what is not empty. */
export function address(path, query = {}) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  return url.href;
}

/** What the server answers: an object, text, or null for nothing. Throws Problem; without a session the page gives way to the sign-in. */
export async function ask(path, { method = "GET", query, json, text = false, signal } = {}) {
  const body = json === undefined ? {} : { body: JSON.stringify(json), headers: { "Content-Type": "application/json" } };
  let response;
  try {
    response = await fetch(address(path, query), { method, signal, ...body });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem({ detail: "The server does not answer." });
  }
  if (!response.ok) throw problemOf(response.status, await response.text(), response.headers.get("Retry-After"));
  if (response.status === 204) return null;
  return text ? response.text() : response.json();
}

/** The problem that an answer tells of, by whatever means it came. */
export function problemOf(status, body, retryAfter) {
  if (status === 401) location.assign("login");
  let told = {};
  try {
    told = JSON.parse(body);
  } catch {
    // A proxy in front of the server answers in pages of its own.
    told = { title: `The server answered ${status}.`, code: "unknown" };
  }
  return new Problem({ ...told, status, retryAfter: Number(retryAfter) || 0 });
}
