// Calls of the service, and the key that they carry.

const NAME = "seismic-api-key";
const texts = new WeakMap(); // the JSON of each answer, as it arrived
let inMemory = "";

export class Problem extends Error {
	constructor(status, { title = `Status ${status}`, detail = "", errors = [] }, wait) {
		super([detail, ...errors.slice(1).map(error => `${error.pointer}: ${error.detail}`)].join("\n"));
		Object.assign(this, { status, title, wait });
	}
}

export function key() {
	try {
		return inMemory || (sessionStorage.getItem(NAME) ?? "");
	} catch {
		return ""; // this browser forbids storage
	}
}

/** Keep a key in this page's memory, or in the tab until it is closed. */
export function keep(value, where) {
	inMemory = where === "page" ? value : "";
	if (where === "tab" && value) sessionStorage.setItem(NAME, value);
	else sessionStorage.removeItem(NAME);
}

export const path = (collection, rest) => `v1/collections/${encodeURIComponent(collection)}${rest}`;
export const post = (collection, rest, body, signal) => ask(path(collection, rest), signal, { method: "POST", body: JSON.stringify(body) }, { "Content-Type": "application/json" });

/** Return the indented JSON of an answer, with every number as the service wrote it. */
export function source(answer) {
	const kept = (_, value, context) => (typeof value === "number" && JSON.rawJSON ? JSON.rawJSON(context.source) : value);
	return JSON.stringify(JSON.parse(texts.get(answer), kept), null, 2);
}

export async function ask(path, signal, options = {}, headers = {}) {
	if (key()) headers.Authorization = `Bearer ${key()}`;
	let response, text;
	try {
		response = await fetch(path, { ...options, headers, signal });
		text = await response.text();
		signal?.throwIfAborted();
	} catch (problem) {
		if (signal?.aborted) throw problem;
		throw new Problem(0, { title: "The service cannot be reached", detail: "It may be restarting, or the network is down." });
	}
	let answer = {};
	try {
		answer = JSON.parse(text, exact);
		texts.set(answer, text);
	} catch {
		if (response.ok) throw new Problem(0, { title: "The answer is not JSON" });
	}
	if (!response.ok) throw new Problem(response.status, answer, Number(response.headers.get("Retry-After")));
	return answer;
}

/** Keep integers beyond JavaScript's precision as text. */
function exact(_, value, context) {
	const rounded = Number.isInteger(value) && !Number.isSafeInteger(value);
	return rounded && /^-?\d+$/.test(context?.source) ? context.source : value;
}
