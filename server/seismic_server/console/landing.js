// The first page: collections, and queries to start with.

import { count, cut, fill, h, hide, num } from "./dom.js";
import { shapeOf } from "./filters.js";
import { roles } from "./hits.js";
import { encoderOf, searched, shownColumns } from "./query.js";
import { post } from "./service.js";
import { link, START } from "./state.js";

const SAMPLE = 32;
const [QUERIES, LONGEST_QUERY] = [3, 80];

const sampled = new Map();

export function sampleOf(info) {
	const version = JSON.stringify([info.name, info.generation, info.sequence]);
	if (!sampled.has(version)) {
		const asked = post(info.name, "/search", { limit: SAMPLE, with_payload: shownColumns(info), with_vector: info.has_vocabulary ? "tokens" : true });
		sampled.set(version, asked.then(({ hits }) => ({ queries: queriesOf(hits, info), shape: shapeOf(hits, info) })));
		sampled.get(version).catch(() => sampled.delete(version));
	}
	return sampled.get(version);
}

function queriesOf(documents, info) {
	const made = documents.map(({ payload, vector }) => (encoderOf(START, info) ? sentence(payload, info) : heaviest(vector, info)));
	const long = query => query.length > LONGEST_QUERY;
	return [...new Set(made.filter(Boolean))].sort((a, b) => long(a) - long(b)).slice(0, QUERIES);
}

function sentence(payload, info) {
	const { title, text } = roles(payload, info);
	return (payload[title ?? text] ?? "").split(/(?<=[.?!])\s/)[0];
}

function heaviest(vector, info) {
	const { tokens, indices, values } = vector.fields ? (vector.fields[searched(START, info)[0]] ?? { tokens: {} }) : vector;
	const pairs = tokens ? Object.entries(tokens).filter(([token]) => /^[\p{L}\p{M}]{4,}$/u.test(token)) : indices.map((component, place) => [component, values[place]]);
	const best = pairs.sort(([, a], [, b]) => b - a).slice(0, 3);
	return best.map(([name, weight]) => (tokens ? name : `${name}^${Number(weight.toPrecision(2))}`)).join(" ");
}

export function showLanding(known, unavailable) {
	const infos = [...known.values()];
	fill("cards", infos.map(card));
	hide("nothing", infos.length + unavailable.length > 0);
	fill("unavailable", unavailable.map(({ name, problem }) => h("p.alarm", h("b", name), " cannot be opened: ", problem)));
}

function card(info) {
	const to = { ...START, collection: info.name };
	const queries = h("ul.samples");
	const node = h(
		"li.card",
		h("h2", link(to, h("bdi", info.name))),
		h("p", h("strong", num(info.documents)), info.documents === 1 ? " document" : " documents"),
		h("p.note", about(info)),
		info.alias_of && h("p.note", `Another name of ${info.alias_of}.`),
		info.problem && h("p.alarm", info.problem),
		queries,
		h("p.actions", link(to, "Browse", { label: `Browse ${info.name}` }), link({ ...to, view: "index" }, "Index", { label: `Index of ${info.name}` })),
	);
	const watcher = new IntersectionObserver(([entry]) => {
		if (!entry.isIntersecting) return; // a thousand are not all asked at once
		watcher.disconnect();
		sampleOf(info).then(
			sample => queries.replaceChildren(...sample.queries.map(query => h("li", link({ ...to, query }, cut(query, LONGEST_QUERY), { dir: "auto" })))),
			problem => queries.replaceChildren(h("li.note", `No sample queries: ${problem.message}`)),
		);
	});
	watcher.observe(node);
	return node;
}

export function about(info) {
	const [encoder, words] = [encoderOf(START, info), info.fields[searched(START, info)[0]].has_vocabulary];
	const asked = encoder ? `Search by text, encoded by ${encoder}` : `Search by ${words ? "tokens of its vocabulary" : "component numbers"}`;
	const state = !info.documents ? " It is empty." : { warming: " It is warming up.", failed: " It failed to warm up: see the log." }[info.state] ?? "";
	return `${asked}. ${info.columns.length ? count(info.columns.length, "column") : "No payload"}.${state}`;
}
