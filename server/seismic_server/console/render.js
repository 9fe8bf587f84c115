// What the service answers, as elements.

import { element, number } from "./dom.js";

const LONGEST_TEXT = 400;

/** One hit: title, text with its matches marked, the other columns, and what each component contributed. */
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
    parts.push("  ·  ", element("b", {}, `${name} `), element("bdi", {}, shown(value))); // apart, whatever its direction
  }
  return element("p", { class: "payload" }, ...parts);
}

function shown(value) {
  if (Array.isArray(value)) return value.map(shown).join(", ");
  return value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Bars of each component's share of the score. */
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
    element("summary", {}, `Why: ${parts.length} shared component${parts.length === 1 ? "" : "s"}`),
    element("table", { class: "bars" }, element("tbody", {}, ...rows)),
  );
}

function bar(share) {
  const made = element("div", { class: "bar" });
  made.style.width = `${Math.max(share * 100, 0.5)}%`;
  return made;
}

/** Text with the words that begin with one of the tokens marked. */
function marked(text, tokens) {
  const words = tokens.map((token) => token.replace(/^##/, "")).filter((token) => token.length > 1);
  if (!words.length) return [text];
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(?:${escaped.join("|")})\\p{L}*`, "giu");
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    parts.push(text.slice(end, match.index), element("mark", {}, match[0]));
    end = match.index + match[0].length;
  }
  return [...parts, text.slice(end)];
}

function shortened(text) {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT).trimEnd()} …` : text;
}

/** A line about the answer as a whole. */
export function summary(answer, seconds) {
  const hits = answer.hits.length === 1 ? "1 hit" : `${answer.hits.length} hits`;
  const matched = answer.matched ? ` of ${number(answer.matched.value)} that match the filter` : "";
  const parts = [`${hits}${matched} in ${number(answer.took_ms, 1)} ms (${number(seconds * 1000, 0)} ms with the way here)`];
  if (answer.unknown_tokens.length) parts.push(`unknown: ${answer.unknown_tokens.join(", ")}`);
  return [...parts, ...answer.warnings].join(" · ");
}

/** What the answer took, and what was passed over. */
export function cost({ plan, explanation }) {
  const { stats, why, threshold, best_skipped: skipped, selectivity } = explanation;
  const lines = [
    `Plan ${plan}: ${why}.`,
    `${number(stats.blocks_visited)} of ${number(Math.max(stats.blocks, stats.blocks_visited))} blocks visited, ` + // adding up bounds none
      `${number(stats.documents_scored)} documents scored.`,
  ];
  if (threshold !== null && skipped !== null) {
    lines.push(`The last hit scores ${number(threshold, 3)}; no block passed over can reach more than ${number(skipped, 3)}.`);
  }
  if (selectivity < 1) lines.push(`The filter lets ${number(selectivity * 100, 2)} % of the documents through.`);
  return lines.map((line) => element("div", {}, line));
}

/** Names and values of a collection. */
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
