// What the page shows, and the address that restores it.

import { h } from "./dom.js";

export const START = { view: "", collection: "", query: "", tokens: null, like: "", document: "", filters: [], page: 1, cursor: "", limit: 10, recall: "", order: "" };

/** Return the state of an address. What makes no sense is left out. */
export function read(search) {
  const given = new URLSearchParams(search);
  const state = { ...START };
  for (const name of ["view", "collection", "query", "like", "document", "recall", "order", "cursor"]) state[name] = given.get(name) ?? "";
  for (const name of ["page", "limit"]) if (/^[1-9]\d{0,5}$/.test(given.get(name))) state[name] = Number(given.get(name));
  state.tokens = pairs(given.get("tokens"));
  state.filters = given.getAll("filter").map((text) => {
    const [column, operator, ...value] = text.split("\t");
    return { column, operator, value: value.join("\t") };
  });
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

/** Return the address of a state, as the query of a URL. */
export function address(state) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (name === "filters") for (const one of value) parts.append("filter", [one.column, one.operator, one.value].join("\t"));
    else if (name === "tokens") value && parts.set(name, JSON.stringify(value));
    else if (value !== START[name]) parts.set(name, value);
  }
  return `?${parts}`;
}

/** Return a state of another search of the same collection. */
export const other = (state, changes) => ({ ...state, view: "", document: "", page: 1, cursor: "", ...changes });

export const like = (state, id) => other(state, { like: String(id), query: "", tokens: null });

/** Return a link to a state. */
export const link = (state, text, attributes) => h("a", { href: address(state), ...attributes }, text);
