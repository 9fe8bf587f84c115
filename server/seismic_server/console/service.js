// Calls of the service's REST interface.

const KEY = "seismic-api-key";

/** A problem document of the service. */
export class Problem extends Error {
  constructor(status, document) {
    const errors = (document.errors ?? []).map((error) => `${error.pointer}: ${error.detail}`);
    super([document.detail ?? `The service answered ${status}.`, ...errors.slice(1)].join("\n"));
    this.status = status;
  }
}

export function setKey(key) {
  key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY);
}

export async function collections() {
  return ask("GET", "v1/collections");
}

export function search(collection, body) {
  return ask("POST", `v1/collections/${encodeURIComponent(collection)}/search`, body);
}

async function ask(method, path, body) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Problem(0, { detail: "The service cannot be reached." });
  }
  const answer = await response.text().then((text) => JSON.parse(text, exact)).catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, answer);
  return answer;
}

/** Keep integers beyond JavaScript's precision as text. */
function exact(_, value, context) {
  const rounded = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
  return rounded && /^-?\d+$/.test(context?.source) ? context.source : value;
}
