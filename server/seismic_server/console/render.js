// Render answers of the service as elements.

import { element, number } from "./dom.js";

const LONGEST_TEXT = 400;

/** Render a hit: title, text with highlights, other columns, and the contribution of each component. */
export function hit(found, rank) {
  const payload = found.payload ?? {};
  const tokens = (found.explanation ?? []).map((part) => part.token).filter(Boolean);
  const title = payload.title ?? String(found.id);
  return element(
    "li",
    {},
    element(
      "div",
      { class: "hit-head" },
      element("h3", {}, `${rank}. `, element("bdi", {}, ...marked(String(title), tokens))),
      element("span", { class: "score" }, number(found.score, 4)),
    ),
    payload.text ? element("p", { class: "text", dir: "auto" }, ...marked(shortened(payload.text), tokens)) : null,
    columns(found.id, payload),
    found.explanation ? explanation(found.explanation) : null,
  );
}

function columns(id, payload) {
  const parts = [element("b", {}, "id "), element("bdi", {}, String(id))];
  for (const [name, value] of Object.entries(payload)) {
    if (name === "title" || name === "text" || value === null) continue;
    parts.push("  ·  ", element("b", {}, `${name} `), element("bdi", {}, plain(value))); // isolated: may be right-to-left
  }
  return element("p", { class: "payload" }, ...parts);
}

function plain(value) {
  if (Array.isArray(value)) return value.map(plain).join(", ");
  return value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Render a bar per component with its share of the score. */
function explanation(parts) {
  const largest = Math.max(...parts.map((part) => part.product));
  const rows = parts.map((part) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, part.token ?? `#${part.component}`),
      element("td", {}, bar(part.product / largest)),
      element(
        "td",
        { class: "number" },
        `${number(part.weight, 2)} × ${number(part.value, 2)} = ${number(part.product, 3)}`,
      ),
    ),
  );
  return element(
    "details",
    {},
    element("summary", {}, `Score: ${parts.length} shared component${parts.length === 1 ? "" : "s"}`),
    element("table", { class: "bars" }, element("tbody", {}, ...rows)),
  );
}

function bar(share) {
  const node = element("div", { class: "bar" });
  node.style.width = `${Math.max(share * 100, 0.5)}%`;
  return node;
}

/** Return text with every word that consists of the tokens highlighted. */
function marked(text, tokens) {
  const whole = tokens.filter((token) => !token.startsWith("##")).map(bare);
  const pieces = tokens.filter((token) => /^##./.test(token)).map((token) => bare(token.slice(2)));
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(/[\p{L}\p{N}\p{M}]+/gu)) {
    if (!consists(bare(match[0]), whole, pieces)) continue;
    parts.push(text.slice(end, match.index), element("mark", {}, match[0]));
    end = match.index + match[0].length;
  }
  return [...parts, text.slice(end)];
}

/** Return text without case and accents, as vocabularies have it. */
const bare = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** Return whether a word is a whole token followed by any number of pieces. */
function consists(word, starts, pieces) {
  return starts.some((start) => word.startsWith(start) && (word === start || consists(word.slice(start.length), pieces, pieces)));
}

function shortened(text) {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT).trimEnd()} …` : text;
}

/** Return a line about the whole answer. */
export function summary(answer, seconds) {
  const hits = answer.hits.length === 1 ? "1 hit" : `${answer.hits.length} hits`;
  const matched = answer.matched ? ` of ${number(answer.matched.value)} that match the filter` : "";
  const parts = [`${hits}${matched} in ${number(answer.took_ms, 1)} ms (${number(seconds * 1000, 0)} ms including the network)`];
  if (answer.unknown_tokens.length) parts.push(`unknown: ${answer.unknown_tokens.join(", ")}`);
  return [...parts, ...answer.warnings].join(" · ");
}

/** Render the work of the search and what it skipped. */
export function cost({ plan, explanation }) {
  const { stats, why, threshold, best_skipped: skipped, selectivity } = explanation;
  const lines = [
    `Plan ${plan}: ${why}.`,
    `${number(stats.blocks_visited)} of ${number(Math.max(stats.blocks, stats.blocks_visited))} blocks visited, ` + // a plan without bounds counts no blocks
      `${number(stats.documents_scored)} documents scored.`,
  ];
  if (threshold !== undefined && skipped !== undefined) {
    lines.push(`The last hit scores ${number(threshold, 3)}; the upper bound of the skipped blocks is ${number(skipped, 3)}.`);
  }
  if (selectivity < 1) lines.push(`The filter matches ${number(selectivity * 100, 2)} % of the documents.`);
  return lines.map((line) => element("div", {}, line));
}

/** Render the collections that cannot be opened. */
export function unavailable(collections) {
  return collections.map(({ name, problem }) => element("p", { class: "unavailable" }, element("b", {}, name), ` ${problem}`));
}

/** Render the statistics of a collection. */
export function statistics(info) {
  const rows = {
    documents: number(info.documents),
    "changed since": number(info.changed),
    components: number(info.dimension),
    layout: info.layout,
    shards: number(info.shards),
    generation: info.generation,
    "last change": number(info.sequence),
    columns: info.columns.join(", ") || "none",
    state: info.problem ?? info.state,
  };
  return Object.entries(rows).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
}
