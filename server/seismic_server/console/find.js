// The search page: the form, the answer, its filters and pages.

import { $, button, fill, first, h, num, options, say } from "./dom.js";
import { shapeOf, showChoice, showGroups, showTags } from "./filters.js";
import { hit, named, remarks, summary } from "./hits.js";
import { sampleOf } from "./landing.js";
import { encoderOf, filterOf, isCounted, isOrdered, queryOf, requestOf, searched } from "./query.js";
import { post } from "./service.js";
import { link, other } from "./state.js";

const FIRST_TERMS = innerWidth < 760 ? 6 : 14;
const [MOST_FACETS, MOST_VALUES, MOST_ORDERS] = [16, 30, 50];

const added = new Map(); // columns, by collection
let facets = {};
let facetsOf;

export function showForm(state, info, navigate) {
	const [browsing, query] = [!queryOf(state, info), $("query")];
	if (query.value.trim() !== state.query) query.value = state.query;
	const chosen = searched(state, info);
	const [encoder, words] = [encoderOf(state, info), info.fields[chosen[0]].has_vocabulary];
	query.placeholder = encoder ? "Ask anything" : words ? "planet^2.1 orbit" : "4774^2.1 8062";
	say("query-help", encoder ? `Any text, expanded by ${encoder} into weighted terms to change below.` : `${words ? "Tokens of the vocabulary" : "Component numbers"}, with weights if you like.`);
	const names = Object.keys(info.fields);
	const field = h("select", { key: "field", change: () => navigate(other(state, { tokens: null, field: field.value })) }, options([["", "all with an encoder"], ...names.map(name => [name])]));
	field.value = chosen[1] ? "" : chosen[0];
	fill("fields", names[1] && h("label", "Field ", field));
	const ordered = info.columns.filter(name => isOrdered(info, name)).slice(0, MOST_ORDERS);
	$("order").replaceChildren(...options([["", "id"], ...ordered.flatMap(name => [[name, `${name} ↑`], [`-${name}`, `${name} ↓`]])]));
	for (const name of ["order", "recall", "limit"]) $(name).value = state[name];
	$("order-field").hidden = !browsing;
	$("recall-field").hidden = browsing;
	$("like").hidden = !state.like;
	say("like-id", state.like);
	$("like-id").href = link({ ...state, document: state.like }).href;
}

export async function find(state, info, signal, navigate) {
	const browsing = !queryOf(state, info);
	const answer = await post(info.name, "/search", requestOf(state, info), signal);
	const { hits, explanation, matched } = answer;
	say("summary", summary(answer, state, info, browsing));
	say("exact", browsing ? "" : (answer.exact ?? answer.plan === "exact") ? "exact" : "approximate");
	fill("remarks", remarks(answer), !hits.length && advice(state, info));
	fill("hits", hits.map((found, place) => hit(found, (state.page - 1) * state.limit + place + 1, state, info)));
	showChips(explanation?.terms, info, state.tokens && (state.query || state.like), tokens => navigate(other(state, tokens?.length === 0 ? { tokens: null, query: "", like: "" } : { tokens })));
	const more = hits.length === state.limit && state.page * state.limit < (matched?.value ?? info.documents);
	const page = (there, text, by) => (there ? link({ ...state, page: state.page + by }, text, { key: text }) : h("span"));
	fill("pages", page(state.page > 1, "← Previous", -1), h("span", { "aria-current": "page" }, `Page ${state.page}`), page(more, "Next →", 1));
	$("pages").hidden = state.page === 1 && !more;
	return answer;
}

function advice(state, info) {
	if (!info.documents) return h("p", "The collection is empty.");
	if (state.page > 1) return h("p", link(other(state), "Go to the first page"));
	return state.filters.length > 0 && h("p", link(other(state, { filters: [] }), "Search without the filters"));
}

export async function showFilters(state, info, signal, navigate) {
	const { shape } = await sampleOf(info).catch(() => ({ shape: shapeOf([], info) }));
	if (signal.aborted) return;
	const { filters } = state;
	const mine = added.get(info.name) ?? [];
	const columns = [...new Set([...shape.proposed, ...mine, ...filters.map(([column]) => column)])].filter(name => info.columns.includes(name));
	const change = filters => navigate(other(state, { filters }));
	const show = note => showGroups({ info, filters, columns, facets, change, note });
	if (facetsOf !== info.name) facets = shape.values;
	facetsOf = info.name;
	showTags(filters, change);
	showChoice(info, columns, name => {
		added.set(info.name, [...mine, name]);
		navigate(state);
	});
	$("filters").hidden = !info.columns.length;
	show();
	const wanted = columns.filter(name => isCounted(info, name) && (name in shape.values || (mine.includes(name) && !shape.long.includes(name))));
	if (!wanted.length) return;
	try {
		facets = await counted(state, info, wanted.slice(0, MOST_FACETS), signal);
		show();
	} catch (problem) {
		if (!signal.aborted) show(`The values could not be counted. ${problem.message}`);
	}
}

/** Count values by column, which its own conditions do not narrow. */
async function counted(state, info, columns, signal) {
	const own = columns.filter(name => state.filters.some(([column]) => column === name));
	const shared = columns.filter(name => !own.includes(name));
	const parts = [...own.map(name => [[name], name]), ...(shared.length ? [[shared]] : [])];
	const query = queryOf(state, info);
	const searches = parts.map(([keys, except]) => ({ ...(query && { query }), limit: 0, with_payload: false, filter: filterOf(state.filters, info, except), facets: keys.map(key => ({ key, limit: MOST_VALUES })) }));
	const { answers } = await post(info.name, "/search/batch", { searches }, signal);
	return Object.assign({ __proto__: null }, ...answers.map(answer => answer.facets));
}

export function clear() {
	for (const id of ["hits", "remarks", "terms", "pages", "tags", "groups", "summary", "exact"]) $(id).replaceChildren();
	$("pages").hidden = $("tags").hidden = true;
}

/** Show the terms of a query. `change` takes token, weight and field of each, or null to undo all changes. */
function showChips(terms = [], info, edited, change) {
	const pairs = terms.map(({ token, component, weight, field = "" }) => [token ?? String(component), weight, field]);
	const fixed = Object.values(info.fields).some(field => field.idf); // terms are multiplied by idf already
	const chips = pairs.map(([token, weight, of], place) => {
		const name = `${of} ${token}`.trim();
		const set = value => change(pairs.flatMap((pair, at) => (at !== place ? [pair] : value > 0 ? [[token, value, of]] : [])));
		const field = h("input", { type: "number", min: 0, step: 0.1, value: Number(weight.toPrecision(3)), label: `Weight of ${name}`, key: `weight ${name}`, change: () => field.value && set(field.valueAsNumber) });
		return h("li", { share: weight / pairs[0][1], title: num(weight, 4) }, h("bdi", named(terms[place].token, token, of)), !fixed && [field, button("×", () => set(0), { label: `Remove ${name}`, key: `remove ${name}` })]);
	});
	const title = h("h2.small", edited ? "Query, as edited" : "Query, as searched");
	fill("terms", pairs.length > 0 && [title, h("ul.chips", first(chips, FIRST_TERMS)), edited && button("Undo the edits", () => change(null), { class: "plain", key: "undo" })]);
}
