// Dialogs: the last request to copy, and the API key.

import { $, button, fill, h, hide, say } from "./dom.js";
import { ask, keep, key, path, source } from "./service.js";

export function showRequest({ name, body, id, answer }, keyed) {
	const url = new URL(path(name, body ? "/search" : `/documents/${encodeURIComponent(id.rawJSON ?? id)}`), document.baseURI).href;
	const curl = [`curl ${quoted(url)}`, keyed && "-H 'Authorization: Bearer YOUR_API_KEY'", body && `--json ${quoted(JSON.stringify(body))}`].filter(Boolean).join(" \\\n  ");
	fill("request-parts", copied("curl", curl), copied("Python", python(name, body, id, keyed)), copied("JSON answer", source(answer)));
	hide("request-note", !keyed);
	$("request").showModal();
}

function copied(title, text) {
	const code = h("pre", { tabindex: 0, label: title }, text);
	const copy = button("Copy", async () => {
		try {
			await navigator.clipboard.writeText(text);
		} catch {
			getSelection().selectAllChildren(code); // only https and localhost may use the clipboard
			document.execCommand("copy");
		}
		copy.textContent = "Copied";
	}, { label: `Copy ${title}` });
	return h("section", h("div.row", h("h3", title), copy), code);
}

const quoted = text => `'${text.replaceAll("'", "'\\''")}'`;

function python(name, body, id, keyed) {
	const root = new URL(".", document.baseURI).href.slice(0, -1);
	const start = `from seismic.client import Client\n\nwith Client(${literal(root)}${keyed ? ', api_key="YOUR_API_KEY"' : ""}) as client:\n    `;
	if (!body) return `${start}print(client.document(${literal(name)}, ${literal(id)}, with_vector=True))`;
	const { query, ...options } = body;
	const given = [literal(name), ...(query ? [literal(query)] : []), ...Object.entries(options).map(([key, value]) => `${key}=${literal(value)}`)].join(",\n        ");
	return `${start}answer = client.search(\n        ${given},\n    )\n    for hit in answer.hits:\n        print(hit.score, hit.id)`;
}

/** Return JSON as Python writes it. */
const literal = value => JSON.stringify(value, null, 1).replace(/\n\s*/g, " ").replace(/"(?:\\.|[^"\\])*"|true|false/g, part => ({ true: "True", false: "False" })[part] ?? part);

export function askKey() {
	if ($("key-dialog").open) return;
	$("key").value = key();
	$("key-dialog").showModal();
}

export function connectKey(changed) {
	$("open-key").onclick = askKey;
	$("key-form").onsubmit = ({ target, submitter }) => {
		keep(submitter.value === "use" ? $("key").value.trim() : "", target.elements.where.value);
		changed();
	};
}

export async function describeKey() {
	let text;
	try {
		const { name, role, collections, expires } = await ask("v1/key");
		const may = role === "admin" ? "read, change and delete" : "search and read, but change nothing";
		text = name === undefined ? "This service needs no key: everybody may read and change everything." : `Your key “${name}” may ${may}, in ${collections ? `these collections: ${collections.join(", ")}` : "all collections"}${expires ? `, until ${expires}` : ""}.`;
	} catch (problem) {
		text = problem.status !== 401 || /expired/.test(problem.message) ? problem.message : key() ? "The service does not know this key: is it mistyped, or revoked?" : "This service answers only with a key.";
	}
	say("key-state", text);
}
