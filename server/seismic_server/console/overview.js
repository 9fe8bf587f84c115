// The index behind a collection: what it holds and takes, and what pruning skipped for the last query.

import { count, fill, first, h, num } from "./dom.js";
import { about } from "./landing.js";
import { get, of } from "./service.js";
import { link } from "./state.js";

const [MOST_CELLS, MOST_ROWS] = [480, 50];
const INTEGRITY = { sound: "sound", damaged: "damaged", unchecked: "being checked" };
const METHODS = {
  impacts: "it added up every posting, as the shards are small or many hits were wanted",
  scan: "it scored every document that passes the filters, as they are few",
};

/** Show the index of a collection. `answer`: to the last query, if there is one. */
export async function showIndex(state, info, answer, signal) {
  const known = (problem) => (problem.status === 404 || problem.status === 403 ? { generations: [] } : Promise.reject(problem));
  const [stored, history] = await Promise.all([get(of(info.name, "/storage"), signal), get(of(info.name, "/generations"), signal).catch(known)]);
  if (signal.aborted) return;
  const tiles = {
    Documents: num(info.documents),
    Dimension: num(info.dimension),
    "Size on disk": bytes(stored.bytes),
    "Bytes per document": num(info.documents ? stored.bytes / info.documents : 0),
    Generation: info.generation,
    "Changed since": count(info.changed, "document"),
    Layout: info.layout,
    Encoder: info.encoder ?? "none",
    Files: INTEGRITY[info.integrity],
  };
  const generations = history.generations.map((one) => [one.generation + (one.generation === info.generation ? " (served)" : ""), num(one.documents), one.bytes ? bytes(one.bytes) : "–"]);
  fill(
    "index-view",
    h("h1", { tabindex: -1 }, "Index of ", h("bdi", info.name)),
    h("p.lead", about(info)),
    h("dl.tiles", Object.entries(tiles).map(([name, value]) => h("div", h("dt", name), h("dd", value)))),
    part("What pruning skips", pruning(answer, stored, state)),
    part("Shards and memory", h("p.note", "Files are mapped into memory: the system keeps there what searches use. Changes since the generation are kept in memory until compaction."), shards(stored, answer)),
    generations.length > 0 && part("Generations", table(["Generation", "Documents", "Size"], generations)),
    part("Columns", table(["Column", "Type"], Object.entries(info.types).map(([name, type]) => [h("bdi", name), type]))),
  );
}

const part = (title, ...children) => h("section.part", h("h2", title), ...children);

function bytes(value) {
  const power = Math.min(Math.floor(Math.log10(Math.max(value, 1)) / 3), 4);
  return `${num(value / 1000 ** power, power ? 1 : 0)} ${["bytes", "kB", "MB", "GB", "TB"][power]}`;
}

/** Draw the blocks of the index: those read for the query, those that could also have held a hit, and the others. */
function pruning(answer, stored, state) {
  if (!answer) return h("p", link({ ...state, view: "" }, "Search for something"), ", and this picture shows which blocks of 8 similar documents the search read.");
  const { stats, threshold, reachable = 0, best_skipped: bound, shards } = answer.explanation;
  const total = stored.shards.reduce((sum, shard) => sum + shard.blocks, 0);
  const read = stats.blocks ? Math.min(stats.blocks_visited, total) : total;
  const text = `Of ${count(total, "block")}, the search read ${num(read)} and skipped ${num(total - read)} (${num(total ? (100 * (total - read)) / total : 0)} %).`;
  const why =
    bound !== undefined
      ? `The last hit scores ${num(threshold, 3)}. No block that was skipped can hold a better one: their upper bounds reach ${num(bound, 3)} at most.`
      : stats.blocks ? "" : `Nothing was skipped: ${METHODS[shards[0]?.method] ?? "it looked at everything"}.`;
  const scale = Math.max(1, Math.ceil(total / MOST_CELLS));
  const up = (blocks) => Math.ceil(blocks / scale);
  const cells = Array.from({ length: up(total) }, (_, place) => h(place < up(read) ? "i.read" : place < up(reachable) ? "i.near" : "i"));
  const label = `${text} A square is ${count(scale, "block")}.`;
  const legend = [h("i.read"), " read ", reachable > read && [h("i.near"), " could hold a hit "], h("i"), ` skipped. A square is ${count(scale, "block")} of 8 documents.`];
  const query = state.query || (state.like ? `like ${state.like}` : state.tokens.map(([token]) => token).join(" "));
  return [h("p", `${text} ${why}`), h("div.picture", { role: "img", label }, cells), h("p", { class: "note legend" }, legend), h("p.note", `Query: ${query}. Documents scored: ${num(stats.documents_scored)}.`)];
}

function shards(stored, answer) {
  const largest = Math.max(...stored.shards.map((shard) => shard.bytes));
  const rows = stored.shards.map((shard, place) => [place + 1, num(shard.documents), num(shard.blocks), [h("div.bar", { share: shard.bytes / largest }), bytes(shard.bytes)], answer?.explanation.shards[place]?.method ?? "–"]);
  return table(["Shard", "Documents", "Blocks", "Size", "Method of the last search"], rows);
}

function table(heads, rows) {
  const body = first(rows.map((row) => h("tr", row.map((cell) => h("td", cell)))), MOST_ROWS);
  return h("div.wide", { tabindex: 0, role: "group", label: heads[0] }, h("table.rows", h("thead", h("tr", heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", body)));
}
