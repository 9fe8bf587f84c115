// The first page: the collections, and queries to start with.

import { $, count, cut, fill, h, num } from "./dom.js";
import { shapeOf } from "./filters.js";
import { roles } from "./hits.js";
import { shownColumns } from "./query.js";
import { scroll } from "./service.js";
import { link, START } from "./state.js";

const SAMPLE = 32; // documents that sample queries and proposed filters are made from
const [QUERIES, LONGEST_QUERY] = [3, 80];

const sampled = new Map();

/** Return the promise of a collection's sample queries and of the shape of its columns. */
export function sampleOf(info) {
  const version = JSON.stringify([info.name, info.generation, info.sequence]);
  if (!sampled.has(version)) {
    const asked = info.documents ? scroll(info.name, { limit: SAMPLE, with_payload: shownColumns(info), with_vector: info.has_vocabulary ? "tokens" : true }) : Promise.resolve({ documents: [] });
    sampled.set(version, asked.then(({ documents }) => ({ queries: queriesOf(documents, info), shape: shapeOf(documents, info) })));
    sampled.get(version).catch(() => sampled.delete(version));
  }
  return sampled.get(version);
}

function queriesOf(documents, info) {
  const made = documents.map(({ payload, vector }) => (info.encoder ? sentence(payload ?? {}, info) : info.has_vocabulary ? words(vector.tokens) : components(vector)));
  const long = (query) => Number(query.length > LONGEST_QUERY);
  return [...new Set(made.filter(Boolean))].sort((a, b) => long(a) - long(b)).slice(0, QUERIES);
}

function sentence(payload, info) {
  const { title, text } = roles(payload, info);
  const [first] = (payload[title ?? text] ?? "").split(/(?<=[.?!])\s/);
  return first;
}

const heaviest = (pairs) => pairs.sort(([, a], [, b]) => b - a).slice(0, 3);
const words = (tokens) => heaviest(Object.entries(tokens).filter(([token]) => /^[\p{L}\p{M}]{4,}$/u.test(token))).map(([token]) => token).join(" ");
const components = ({ indices, values }) => heaviest(indices.map((component, place) => [component, values[place]])).map(([component, weight]) => `${component}^${Number(weight.toPrecision(2))}`).join(" ");

/** Show all collections. */
export function showLanding(known, unavailable, aliases) {
  const infos = [...known.values()];
  $("landing-summary").textContent = infos.length ? `${count(infos.length, "collection")} with ${count(infos.reduce((sum, info) => sum + info.documents, 0), "document")}.` : "";
  fill("cards", infos.map((info) => card(info, aliases.filter((one) => one.collection === info.name).map((one) => one.alias))));
  $("nothing").hidden = infos.length + unavailable.length > 0;
  fill("unavailable", unavailable.map(({ name, problem }) => h("p.alarm", h("b", name), " cannot be opened: ", problem)));
}

function card(info, aliases) {
  const to = { ...START, collection: info.name };
  const queries = h("ul.samples");
  const node = h(
    "li.card",
    h("h2", link(to, h("bdi", info.name))),
    h("p.big", h("strong", num(info.documents)), info.documents === 1 ? " document" : " documents"),
    h("p.note", about(info)),
    aliases.length > 0 && h("p.note", `Also called ${aliases.join(", ")}.`),
    info.problem && h("p.alarm", info.problem),
    queries,
    h("p.actions", link(to, "Browse", { label: `Browse ${info.name}` }), link({ ...to, view: "index" }, "Index", { label: `Index of ${info.name}` })),
  );
  const watcher = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return; // so that a thousand collections are not all asked at once
    watcher.disconnect();
    sampleOf(info).then(
      (sample) => queries.replaceChildren(...sample.queries.map((query) => h("li", link({ ...to, query }, cut(query, LONGEST_QUERY), { dir: "auto" })))),
      (problem) => queries.replaceChildren(h("li.note", `No sample queries: ${problem.message}`)),
    );
  });
  watcher.observe(node);
  return node;
}

/** Return what a collection is, in a sentence or two. */
export function about(info) {
  if (!info.documents) return "Empty: documents that are added appear here at once.";
  const asked = info.encoder ? `Search by text, which ${info.encoder} encodes` : info.has_vocabulary ? "Search by tokens of its vocabulary" : "Search by component numbers";
  const state = { warming: " Warming up: it answers shortly.", failed: " It failed to warm up: the service's log says why." }[info.state] ?? "";
  return `${asked}. ${info.columns.length ? count(info.columns.length, "column") : "No payload"}.${state}`;
}
