// The index behind a collection, and what pruning skipped for the last query.

import { count, fill, first, h, num } from "./dom.js";
import { about } from "./landing.js";
import { ask, path } from "./service.js";
import { link } from "./state.js";

const [MOST_CELLS, MOST_ROWS] = [480, 50];

export async function showIndex(state, info, answer, signal) {
	const [stored, history] = await Promise.all([ask(path(info.name, "/storage"), signal), ask(path(info.name, "/generations"), signal).catch(() => ({ generations: [] }))]);
	const tiles = {
		Documents: num(info.documents),
		Dimension: num(info.dimension),
		"Size on disk": bytes(stored.bytes),
		Generation: info.generation,
		"Changed since": count(info.changed, "document"),
		Layout: info.layout,
		Encoder: Object.entries(info.fields).map(([name, { encoder = "none" }]) => `${name} ${encoder}`.trim()).join(", "),
		Files: info.integrity,
	};
	const largest = Math.max(...stored.shards.map(shard => shard.bytes));
	const shards = stored.shards.map((shard, place) => [place + 1, num(shard.documents), num(shard.blocks), [h("div.bar", { share: shard.bytes / largest }), bytes(shard.bytes)], answer?.explanation.shards[place]?.method ?? "–"]);
	const generations = history.generations.map(one => [one.generation + (one.current ? " (served)" : ""), num(one.documents), bytes(one.bytes), one.written]);
	fill(
		"index-view",
		h("h1", { tabindex: -1 }, "Index of ", h("bdi", info.name)),
		h("p.lead", about(info)),
		h("dl.tiles", Object.entries(tiles).map(([name, value]) => h("div", h("dt", name), h("dd", value)))),
		h("h2", "What pruning skips"),
		pruning(answer, state),
		h("h2", "Shards and memory"),
		h("p.note", "Files are mapped into memory. Changes stay in memory until compaction."),
		table(["Shard", "Documents", "Blocks", "Size", "Method of the last search"], shards),
		generations.length > 0 && [h("h2", "Generations"), table(["Generation", "Documents", "Size", "Written"], generations)],
	);
}

function bytes(value) {
	const power = Math.min(Math.floor(Math.log10(Math.max(value, 1)) / 3), 4);
	return `${num(value / 1000 ** power, power ? 1 : 0)} ${["bytes", "kB", "MB", "GB", "TB"][power]}`;
}

function pruning(answer, state) {
	if (!answer) return h("p", link({ ...state, view: "" }, "Search for something"), " to see which blocks of documents it reads.");
	const { certificate } = answer.explanation;
	if (!certificate) return h("p", `The plan ${answer.plan} has no bounds of the blocks that it skips.`);
	const { kth, bound, blocks_visited: read, blocks_skipped: skipped } = certificate;
	const total = read + skipped;
	const text = `Of ${count(total, "block")}, the search read ${num(read)} and skipped ${num(skipped)} (${num(total && (100 * skipped) / total)} %).`;
	const why = `The last hit scores ${num(kth, 3)}. No document that was skipped scores more than ${num(bound, 3)}.`;
	const scale = Math.max(1, Math.ceil(total / MOST_CELLS));
	const cells = Array.from({ length: Math.ceil(total / scale) }, (_, place) => h(place < read / scale ? "i.read" : "i"));
	return [h("p", `${text} ${skipped ? why : ""}`), h("div.picture", { role: "img", label: text }, cells), h("p.note", h("i.read"), " read ", h("i"), ` skipped. A square is ${count(scale, "block")} of 8 documents.`)];
}

function table(heads, rows) {
	const body = first(rows.map(row => h("tr", row.map(cell => h("td", cell)))), MOST_ROWS);
	return h("div.wide", { tabindex: 0, role: "group", label: heads[0] }, h("table.rows", h("thead", h("tr", heads.map(head => h("th", { scope: "col" }, head)))), h("tbody", body)));
}
