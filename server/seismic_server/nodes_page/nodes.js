// The nodes of every collection, looked at again every few seconds.

import { h } from "../dom.js";
import { ask } from "../service.js";

const ROOT = "../../";
const SECONDS = 5;
const HEADS = ["Node", "State", "Part", "Generation", "Change", "Documents", "Memory", "Running", "Queue", "Requests", "Errors", "Hedges"];

const count = value => (value === undefined ? "–" : value.toLocaleString("en"));
const megabytes = bytes => (bytes === undefined ? "–" : `${count(Math.round(bytes / 1e6))} MB`);
const state = node => (node.up ? (node.suspended ? "suspended" : "up") : `down: ${node.problem}`);

function row(node) {
	const parts = node.parts.length ? node.parts : [{}];
	const each = values => values.map(value => value ?? "–").join(", ");
	const cells = [
		node.address,
		state(node),
		each(parts.map(part => part.part)),
		each(parts.map(part => part.generation)),
		each(parts.map(part => part.sequence)),
		each(parts.map(part => (part.documents === undefined ? undefined : count(part.documents)))),
		megabytes(node.memory),
		...[node.running, node.queue, node.requests, node.errors, node.hedges].map(count),
	];
	return h("tr", {}, ...cells.map(text => h("td", {}, String(text))));
}

function table(name, nodes) {
	const head = h("tr", {}, ...HEADS.map(text => h("th", { scope: "col" }, text)));
	return h("section", { "aria-label": name }, h("h2", {}, name), h("table", {}, h("thead", {}, head), h("tbody", {}, ...nodes.map(row))));
}

async function look() {
	const problem = document.getElementById("problem");
	try {
		const { collections } = await ask(`${ROOT}v1/collections`);
		const names = [...new Set(collections.map(one => one.name))];
		const found = await Promise.all(names.map(name => ask(`${ROOT}v1/collections/${encodeURIComponent(name)}/nodes`)));
		const tables = names.flatMap((name, at) => (found[at].nodes.length ? [table(name, found[at].nodes)] : []));
		document.getElementById("collections").replaceChildren(...tables);
		document.getElementById("nothing").hidden = tables.length > 0;
		problem.hidden = true;
	} catch (error) {
		problem.textContent = error.title ? `${error.title}. ${error.message}` : String(error);
		problem.hidden = false;
	}
	document.getElementById("main").ariaBusy = "false";
	setTimeout(look, SECONDS * 1000);
}

look();
