// A document: its payload, and its vector as bars.

import { $, bars, button, count, fill, first, h, num } from "./dom.js";
import { titleOf } from "./hits.js";
import { ask, path } from "./service.js";
import { like, link, other } from "./state.js";

const [MOST_COLUMNS, MOST_COMPONENTS] = [100, 30];

export async function showDocument(state, info, signal) {
	const answer = await ask(path(info.name, `/documents/${encodeURIComponent(state.document)}?with_vector=${info.has_vocabulary ? "tokens" : "true"}`), signal);
	const { id, payload } = answer;
	const rows = info.columns.map(name => h("div.field", h("dt", h("bdi", name), h("span.quiet", ` ${info.types[name]}`)), h("dd", { dir: "auto" }, value(payload[name]))));
	fill(
		"document-view",
		h("p.note", link({ ...state, document: "" }, "← Back to the list")),
		h("h1", { tabindex: -1, dir: "auto" }, titleOf(answer, info)),
		h("p.facts", h("span.quiet", "id "), h("bdi", String(id))),
		h("p.actions", link(like({ ...state, filters: [] }, id), "More like this", { class: "button" }), button("Request", () => $("show-request").click())),
		h("div.pair", h("section", h("h2", "Payload"), rows.length ? h("dl", first(rows, MOST_COLUMNS)) : h("p.note", "This collection has no columns besides the id.")), h("section", h("h2", "Vector"), Object.entries(answer.vector.fields ?? { "": answer.vector }).map(([name, one]) => [name && h("h3", name), vector(one, state, name)]))),
	);
	return answer;
}

function value(found) {
	if (found == null) return h("span.note", "no value");
	if (found === "" || found.length === 0) return h("span.note", "empty");
	if (Array.isArray(found) && found.every(one => typeof one !== "object")) return found.join(", ");
	return typeof found === "object" ? h("code", JSON.stringify(found, null, 2)) : String(found);
}

function vector({ tokens, indices, values }, state, field) {
	const pairs = tokens ? Object.entries(tokens) : indices.map((component, place) => [String(component), values[place]]);
	pairs.sort(([, a], [, b]) => b - a);
	const rows = pairs.map(([token, weight]) => {
		const alone = other(state, { filters: [], like: "", query: "", tokens: [[token, 1, field]] });
		return [link(alone, tokens ? token : `#${token}`, { title: `Search for ${token} alone` }), weight / pairs[0][1], num(weight, 3)];
	});
	return [h("p.note", rows.length ? `${count(rows.length, "component")}, the heaviest first` : "Empty: no query finds this document."), bars(rows, MOST_COMPONENTS)];
}
