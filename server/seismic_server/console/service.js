// Calls of the service's REST interface, and the key that they carry.

const NAME = "seismic-api-key";
const texts = new WeakMap(); // the JSON of each answer, as it arrived
let inMemory = "";

/** A request that failed: the problem document of the service, or why there is none. */
export class Problem extends Error {
  constructor(status, { title = `Status ${status}`, detail = "", errors = [] }, wait) {
    super([detail, ...errors.slice(1).map((error) => `${error.pointer}: ${error.detail}`)].join("\n"));
    Object.assign(this, { status, title, wait });
  }
}

export const key = {
  get value() {
    return inMemory || stored();
  },
  get where() {
    return inMemory || !stored() ? "page" : "tab";
  },
  /** Keep a key in this page's memory, or in the tab until it is closed. */
  keep(value, where) {
    inMemory = where === "page" ? value : "";
    if (where === "tab" && value) sessionStorage.setItem(NAME, value);
    else sessionStorage.removeItem(NAME);
  },
};

function stored() {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return ""; // this browser forbids storage
  }
}

export const get = (path, signal) => ask("GET", `v1/${path}`, null, signal);
export const of = (collection, rest) => `collections/${encodeURIComponent(collection)}${rest}`;
export const search = (collection, body, signal) => ask("POST", `v1/${of(collection, "/search")}`, body, signal);
export const scroll = (collection, body, signal) => ask("POST", `v1/${of(collection, "/documents/scroll")}`, body, signal);
export const total = (collection, filter, signal) => ask("POST", `v1/${of(collection, "/count")}`, { filter }, signal);
export const batch = (collection, searches, signal) => ask("POST", `v1/${of(collection, "/search/batch")}`, { searches }, signal);
export const document = (collection, id, form, signal) => get(of(collection, `/documents/${encodeURIComponent(id)}?with_vector=${form}`), signal);

/** Return the indented JSON of an answer, with every number as the service wrote it. */
export function source(answer) {
  const kept = (_, value, context) => (typeof value === "number" && JSON.rawJSON ? JSON.rawJSON(context.source) : value);
  return JSON.stringify(JSON.parse(texts.get(answer), kept), null, 2);
}

async function ask(method, path, body, signal) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  if (key.value) headers.Authorization = `Bearer ${key.value}`;
  let response, text;
  try {
    response = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
    text = await response.text();
  } catch (problem) {
    if (signal?.aborted) throw problem;
    throw new Problem(0, { title: "The service cannot be reached", detail: "It may be restarting, or the network may be down." });
  }
  let answer = {};
  try {
    answer = JSON.parse(text, exact);
    texts.set(answer, text);
  } catch {
    if (response.ok) throw new Problem(response.status, { title: "The answer is not JSON", detail: "Another program may be answering at this address." });
  }
  if (!response.ok) throw new Problem(response.status, answer, Number(response.headers.get("Retry-After")));
  return answer;
}

/** Keep integers beyond JavaScript's precision as text. */
function exact(_, value, context) {
  const rounded = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
  return rounded && /^-?\d+$/.test(context?.source) ? context.source : value;
}
