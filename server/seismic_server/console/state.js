// What the page shows, and the address that restores it.

import { h } from "./dom.js";

export const START = { view: "", collection: "", query: "", field: "", tokens: null, like: "", document: "", filters: [], page: 1, limit: 10, recall: "", order: "" };

export function read(search) {
	const given = new URLSearchParams(search);
	const state = { ...START };
	for (const name of ["view", "collection", "query", "field", "like", "document", "recall", "order"]) state[name] = given.get(name) ?? "";
	for (const name of ["page", "limit"]) if (/^[1-9]\d{0,5}$/.test(given.get(name))) state[name] = Number(given.get(name));
	state.tokens = pairs(given.get("tokens"));
	state.filters = given.getAll("filter").map(text => text.split("\t")).map(([column, operator, ...value]) => [column, operator, value.join("\t")]);
	return state;
}

function pairs(text) {
	try {
		const tokens = JSON.parse(text);
		return tokens.every(([token, weight]) => typeof token === "string" && weight > 0) ? tokens : null;
	} catch {
		return null;
	}
}

export function address(state) {
	const parts = new URLSearchParams();
	for (const [name, value] of Object.entries(state)) {
		if (name === "filters") for (const one of value) parts.append("filter", one.join("\t"));
		else if (value !== START[name]) parts.set(name, typeof value === "object" ? JSON.stringify(value) : value);
	}
	return `?${parts}`;
}

export const other = (state, changes) => ({ ...state, view: "", document: "", page: 1, ...changes });

export const like = (state, id) => other(state, { like: String(id), query: "", tokens: null });

export const link = (state, text, attributes) => h("a", { href: address(state), ...attributes }, text);
