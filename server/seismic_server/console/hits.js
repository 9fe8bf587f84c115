// Hits, and what an answer says about itself.

import { bars, count, cut, h, num, plain } from "./dom.js";
import { passage, weigher } from "./passage.js";
import { kindOf } from "./query.js";
import { like, link } from "./state.js";

const [MOST_FACTS, LONGEST_FACT, MOST_PARTS] = [6, 60, 12];
const TITLES = ["title", "name", "headline", "subject", "label"];
const TEXTS = ["text", "body", "content", "abstract", "passage", "description"];

/** Return the columns that name a document and hold its text, or undefined. */
export function roles(payload, info) {
  const texts = Object.keys(payload).filter((name) => kindOf(info.types[name]) === "text" && typeof payload[name] === "string" && payload[name].trim());
  const title = TITLES.find((name) => texts.includes(name));
  const long = texts.filter((name) => name !== title && payload[name].length > LONGEST_FACT);
  return { title, text: TEXTS.find((name) => texts.includes(name)) ?? long.sort((a, b) => payload[b].length - payload[a].length)[0] };
}

export const titleOf = ({ id, payload = {} }, info) => payload[roles(payload, info).title] ?? String(id);

/** Render a hit: title, best passage, other columns, and what each component adds to the score. */
export function hit(found, rank, state, info) {
  const { id, payload = {}, explanation: parts = [], score } = found;
  const weigh = weigher(parts);
  const { title, text } = roles(payload, info);
  const name = titleOf(found, info);
  const body = text && payload[text].startsWith(name) && payload[text] !== name ? payload[text].slice(name.length).trimStart() : payload[text];
  return h(
    "li",
    h("div.hit-head", h("h3", h("span.rank", `${rank}. `), link({ ...state, document: String(id) }, passage(name, weigh), { dir: "auto" })), parts.length > 0 && h("span.score", { title: "Score" }, num(score, 3))),
    body && h("p.text", { dir: "auto" }, passage(body, weigh)),
    facts({ id, ...payload }, [title, text]),
    h("div.actions", parts.length > 0 && why(parts), link(like(state, id), "More like this", { label: `More like ${cut(name, 60)}` })),
  );
}

function facts(values, shown) {
  const rest = Object.entries(values).filter(([name, value]) => !shown.includes(name) && value !== null && plain(value));
  const parts = rest.slice(0, MOST_FACTS).map(([name, value]) => h("span", h("span.quiet", `${name} `), h("bdi", cut(plain(value), LONGEST_FACT)))); // isolated: may be right-to-left
  return h("p.facts", parts, rest.length > MOST_FACTS && h("span.quiet", `and ${count(rest.length - MOST_FACTS, "more column")}`));
}

function why(parts) {
  const rows = parts.map(({ token, component, weight, value, product }) => [token ?? `#${component}`, product / parts[0].product, `${num(weight, 2)} × ${num(value, 2)} = ${num(product, 3)}`]);
  return h("details.why", h("summary", `Why: ${count(parts.length, "shared component")}`), h("p.note", "Weight in the query × value in the document"), bars(rows, MOST_PARTS));
}

/** Return a line about an answer. */
export function summary({ hits, matched, took_ms: took }, state, info, browsing) {
  const all = num(matched?.value ?? info.documents);
  const from = (state.page - 1) * state.limit + 1;
  const range = hits.length > 1 ? `s ${num(from)} to ${num(from + hits.length - 1)}` : ` ${num(from)}`;
  const text = !hits.length ? "Nothing found" : browsing ? `Document${range} of ${all}` : `Hit${range}${matched ? ` among ${all} documents that pass the filters` : ""}`;
  return `${text}, in ${num(took, 1)} ms`;
}

/** Return remarks on an answer: unknown tokens and warnings. */
export function remarks({ unknown_tokens: unknown, warnings }) {
  const texts = unknown.length ? [`not in this collection: ${cut(unknown.join(", "), 200)}`, ...warnings] : warnings;
  return texts.map((text) => h("p", `${text[0].toUpperCase()}${text.slice(1)}.`));
}
