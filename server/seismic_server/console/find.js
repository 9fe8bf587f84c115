// The search page: the form, the answer, its filters and pages.

import { showChips } from "./chips.js";
import { $, fill, h } from "./dom.js";
import { shapeOf, showChoice, showGroups, showTags } from "./filters.js";
import { hit, remarks, summary, titleOf } from "./hits.js";
import { sampleOf } from "./landing.js";
import { filterOf, kindOf, queryOf, requestOf } from "./query.js";
import * as service from "./service.js";
import { link, other } from "./state.js";

const [MOST_FACETS, MOST_VALUES] = [16, 30]; // of a request, to choose from

const added = {}; // by collection: columns that the user wants to filter by
let facets = {};

/** Fill the form from a state. */
export function showForm(state, info) {
  if ($("query").value.trim() !== state.query) $("query").value = state.query;
  $("query").placeholder = info.encoder ? "Ask anything" : info.has_vocabulary ? "planet^2.1 orbit" : "4774^2.1 8062";
  $("query-help").textContent = info.encoder
    ? `Any text: ${info.encoder} expands it into weighted terms, which you can change below.`
    : `${info.has_vocabulary ? "Tokens of the vocabulary" : "Component numbers, as the collection has no vocabulary"}, with weights if you like.`;
  const ordered = info.columns.filter((name) => /^(u?int|float|double|date|timestamp)/.test(info.types[name])).slice(0, 50);
  const orders = [["", "id"], ...ordered.flatMap((name) => [[name, `${name} ↑ lowest first`], [`-${name}`, `${name} ↓ highest first`]])];
  $("order").replaceChildren(...orders.map(([value, name]) => h("option", { value }, name)));
  for (const name of ["order", "recall", "limit"]) $(name).value = state[name];
  const browsing = !queryOf(state, info);
  $("order-field").hidden = !browsing;
  $("recall-field").hidden = browsing;
  $("like").hidden = !state.like;
  $("like-title").textContent = state.like;
}

/** Search and show the answer. Returns it, or null if it came too late. */
export async function find(state, info, signal, navigate) {
  const browsing = !queryOf(state, info);
  const answer = browsing ? await browse(state, info, signal) : await service.search(info.name, requestOf(state, info), signal);
  if (signal.aborted) return null;
  $("summary").textContent = summary(answer, state, info, browsing);
  const exact = answer.exact ?? answer.plan === "exact";
  $("exact").textContent = browsing ? "" : exact ? "exact" : "approximate";
  $("exact").title = exact ? "These are proven to be the best." : "Some of the best may be missing, as a lower recall was asked for.";
  fill("remarks", remarks(answer), !answer.hits.length && advice(state, info));
  fill("hits", answer.hits.map((found, place) => hit(found, (state.page - 1) * state.limit + place + 1, state, info)));
  showChips(answer.explanation?.terms, state.tokens && (state.query || state.like), (tokens) => navigate(other(state, tokens?.length === 0 ? { tokens: null, query: "", like: "" } : { tokens })));
  const more = browsing ? answer.cursor : answer.hits.length === state.limit && state.page * state.limit < (answer.matched?.value ?? info.documents);
  const page = (there, text, changes) => (there ? link({ ...state, ...changes }, text, { key: text }) : h("span"));
  const before = browsing ? ["← First page", other(state)] : ["← Previous", { page: state.page - 1 }];
  fill("pages", page(state.page > 1, ...before), h("span", { "aria-current": "page" }, `Page ${state.page}`), page(more, "Next →", { page: state.page + 1, cursor: answer.cursor ?? "" }));
  $("pages").hidden = state.page === 1 && !more;
  if (state.like) nameLike(state, info, signal);
  return answer;
}

/** Return a page of documents, as the answer of a search. */
async function browse(state, info, signal) {
  const body = requestOf(state, info);
  const [page, all] = await Promise.all([service.scroll(info.name, body, signal), body.filter && service.total(info.name, body.filter, signal)]);
  return Object.assign(page, { hits: page.documents, unknown_tokens: [], warnings: [], ...(all && { matched: { value: all.count } }) });
}

function advice(state, info) {
  if (!info.documents) return h("p", "The collection is empty. Documents that are added are found at once.");
  if (state.page > 1) return h("p", link({ ...state, page: 1 }, "Go to the first page"));
  if (state.filters.length) return h("p", link(other(state, { filters: [] }), "Search without the filters"));
  return queryOf(state, info) && h("p", "No document shares a component with the query.");
}

async function nameLike(state, info, signal) {
  const found = await service.document(info.name, state.like, "false", signal).catch(() => ({ id: state.like })); // deleted meanwhile: the id must do
  if (!signal.aborted) $("like-title").textContent = titleOf(found, info);
}

/** Show the filters, first with the values known already, then with those of this search. */
export async function showFilters(state, info, signal, navigate) {
  const { shape } = await sampleOf(info).catch(() => ({ shape: shapeOf([], info) })); // the search itself says what is wrong
  if (signal.aborted) return;
  const mine = added[info.name] ?? [];
  const columns = [...new Set([...shape.proposed, ...mine, ...state.filters.map((one) => one.column)])].filter((name) => info.columns.includes(name));
  const change = (filters) => navigate(other(state, { filters }));
  const show = (note) => showGroups({ info, filters: state.filters, columns, facets, change, note });
  showTags(state.filters, change);
  showChoice(info, columns, (name) => {
    added[info.name] = [...mine, name];
    $("add-column").value = "";
    navigate(state);
  });
  $("filters").hidden = !info.columns.length;
  if (facets.of !== info.name) facets = { of: info.name };
  show();
  const wanted = columns.filter((name) => shape.counted.includes(name) || (["text", "boolean", "integer"].includes(kindOf(info.types[name])) && mine.includes(name) && !shape.long.includes(name)));
  if (!queryOf(state, info)) facets = { of: info.name, ...shape.values };
  if (!queryOf(state, info)) return show();
  if (!wanted.length) return;
  try {
    facets = await counted(state, info, wanted.slice(0, MOST_FACETS), signal);
    if (!signal.aborted) show();
  } catch (problem) {
    if (!signal.aborted) show(`The values could not be counted. ${problem.message}`);
  }
}

/** Count values by column. A column's own conditions do not narrow its values, so that several can be chosen. */
async function counted(state, info, columns, signal) {
  const own = columns.filter((name) => state.filters.some((one) => one.column === name));
  const shared = columns.filter((name) => !own.includes(name));
  const parts = [...own.map((name) => [[name], name]), ...(shared.length ? [[shared]] : [])];
  const query = queryOf(state, info);
  const searches = parts.map(([keys, except]) => ({ query, limit: 1, with_payload: false, filter: filterOf(state.filters, info, except), facets: keys.map((key) => ({ key, limit: MOST_VALUES })) }));
  const { answers } = await service.batch(info.name, searches, signal);
  return Object.assign({ of: info.name }, ...answers.map((answer) => answer.facets));
}

/** Remove what belongs to another search. */
export function clear() {
  for (const id of ["hits", "remarks", "terms", "pages", "tags", "groups", "summary", "exact"]) $(id).replaceChildren();
  $("pages").hidden = $("tags").hidden = true;
}
