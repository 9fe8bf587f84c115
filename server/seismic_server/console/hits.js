// Hits, and what answers say.

import { bars, count, cut, h, num, plain } from "./dom.js";
import { passage, weigher } from "./passage.js";
import { kindOf } from "./query.js";
import { like, link } from "./state.js";

const [MOST_FACTS, LONGEST_FACT, MOST_PARTS] = [6, 60, 12];
const TITLES = ["title", "name", "subject"];
const TEXTS = ["text", "body", "content", "abstract"];

export function roles(payload, info) {
	const texts = Object.keys(payload).filter(name => kindOf(info, name) === "text" && typeof payload[name] === "string" && payload[name].trim());
	const title = TITLES.find(name => texts.includes(name));
	const long = texts.filter(name => name !== title && payload[name].length > LONGEST_FACT);
	return { title, text: TEXTS.find(name => texts.includes(name)) ?? long.sort((a, b) => payload[b].length - payload[a].length)[0] };
}

export const titleOf = ({ id, payload = {} }, info) => payload[roles(payload, info).title] ?? String(id);

export function hit(found, rank, state, info) {
	const { id, payload = {}, explanation: parts = [], score } = found;
	const { title, text } = roles(payload, info);
	const [name, weigh] = [titleOf(found, info), weigher(parts)];
	const body = text && (payload[text].startsWith(name) && payload[text].slice(name.length).trimStart() || payload[text]);
	const facts = Object.entries({ id, ...payload }).filter(([key, value]) => key !== title && key !== text && value !== null && plain(value));
	const fact = ([key, value]) => h("span", h("span.quiet", `${key} `), h("bdi", cut(plain(value), LONGEST_FACT)));
	return h(
		"li",
		h("div.row", h("h3", h("span.quiet", `${rank}. `), link({ ...state, document: String(id) }, passage(name, weigh), { dir: "auto" })), parts.length > 0 && h("span.score", { title: "Score" }, num(score, 3))),
		body && h("p.text", { dir: "auto" }, passage(body, weigh)),
		h("p.facts", facts.slice(0, MOST_FACTS).map(fact), facts.length > MOST_FACTS && h("span.quiet", `and ${count(facts.length - MOST_FACTS, "more column")}`)),
		h("div.actions", parts.length > 0 && why(parts, found.fields), link(like(state, id), "More like this", { label: `More like ${cut(name, 60)}` })),
	);
}

export const named = (token, component, field) => [field && h("span.quiet", `${field} `), token ?? `#${component}`];

function why(parts, fields = {}) {
	const rows = parts.map(({ token, component, field, weight, value, product }) => [named(token, component, field), product / parts[0].product, `${num(weight, 2)} × ${num(value, 2)} = ${num(product, 3)}`]);
	return h("details.why", h("summary", `Why: ${count(parts.length, "shared component")}`), h("p.note", Object.entries(fields).map(([name, part]) => `${name} ${num(part, 3)}`).join(" + ")), bars(rows, MOST_PARTS));
}

export function summary({ hits, matched, took_ms: took }, state, info, browsing) {
	const all = num(matched?.value ?? info.documents);
	const from = (state.page - 1) * state.limit + 1;
	const range = hits.length > 1 ? `s ${num(from)} to ${num(from + hits.length - 1)}` : ` ${num(from)}`;
	const text = !hits.length ? "Nothing found" : browsing ? `Document${range} of ${all}` : `Hit${range}${matched ? ` among ${all} filtered documents` : ""}`;
	return `${text}, in ${num(took, 1)} ms`;
}

export const remarks = ({ unknown_tokens: unknown, warnings }) => [unknown.length > 0 && h("p", `Not in this collection: ${cut(unknown.join(", "), 200)}`), warnings.map(text => h("p", text))];
