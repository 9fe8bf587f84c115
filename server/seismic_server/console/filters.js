// Filters: values to click, and inputs by type, a group per column.

import { $, button, cut, fill, h, hide, num, options, say } from "./dom.js";
import { INPUTS, isCounted, kindOf } from "./query.js";

const [MOST_COLUMNS, MOST_VALUES] = [5, 8]; // proposed
const LONGEST_VALUE = 60; // worth counting
const SIGNS = { is: ":", "at least": " ≥", "at most": " ≤" };

/** From some documents, return the columns to count, of long texts, and to propose. */
export function shapeOf(documents, info) {
	const [long, ranged, values] = [[], [], { __proto__: null }];
	for (const name of info.columns.slice(0, 200)) {
		const kind = kindOf(info, name);
		const found = documents.flatMap(({ payload }) => payload?.[name] ?? []);
		const distinct = [...new Set(found)].sort();
		const few = kind === "text" ? found.length > 1 && distinct.length <= found.length * 0.7 : kind === "integer" && found.length > MOST_VALUES && distinct.length <= MOST_VALUES;
		if (kind === "text" && found.some(value => value.length > LONGEST_VALUE)) long.push(name);
		else if (kind === "boolean" || few) values[name] = distinct.map(value => ({ value }));
		else if (INPUTS[kind] && distinct.length > 1) ranged.push(name);
	}
	const textsFirst = Object.keys(values).sort((a, b) => (info.types[a] > info.types[b] ? -1 : 1));
	return { values, long, proposed: [...textsFirst, ...ranged].slice(0, MOST_COLUMNS) };
}

const words = ([column, operator, value]) => `${column}${SIGNS[operator] ?? ` ${operator}`} ${cut(value, 40) || "(empty)"}`;

export function showTags(filters, change) {
	const tag = (one, place) => h("li", h("bdi", words(one)), button("×", () => change(filters.filter(other => other !== one)), { label: `Remove the filter ${words(one)}`, key: `tag ${place}` }));
	fill("tags", filters.map(tag), filters.length > 1 && h("li.bare", button("Remove all", () => change([]), { class: "plain", key: "tag all" })));
	hide("tags", !filters.length);
}

export function showGroups({ info, filters, columns, facets, change, note }) {
	const groups = columns.map(column => {
		const kind = kindOf(info, column);
		const own = operator => filters.filter(one => one[0] === column && one[1] === operator);
		const set = (old, operator, value) => change([...filters.filter(one => !old.includes(one)), ...(value ? [[column, operator, value]] : [])]);
		const toggle = (value, on) => set(own("is").filter(one => one[2] === value), "is", on && value);
		const found = facets[column] ?? [];
		return h("fieldset", h("legend", column), isCounted(info, column) && values(column, own, found, toggle), INPUTS[kind] && range(column, kind, own, set), kind === "text" && another(column, found, toggle));
	});
	fill("groups", note && h("p.note", note), groups);
	say("filters-title", `Filters${filters.length ? ` (${filters.length})` : ""}`);
}

function values(column, own, found, toggle) {
	const chosen = own("is").map(one => one[2]);
	const shown = found.map(one => [String(one.value), one.count]).filter(([value], place) => place < MOST_VALUES || chosen.includes(value));
	const missing = chosen.filter(value => !shown.some(([other]) => other === value)).map(value => [value, 0]);
	return h("ul.values", [...shown, ...missing].map(([value, documents]) => {
		const box = h("input", { type: "checkbox", key: `${column} is ${value}`, checked: chosen.includes(value), change: () => toggle(value, box.checked) });
		return h("li", h("label", box, h("bdi", cut(value, LONGEST_VALUE) || "(empty)"), documents !== undefined && h("span.quiet", num(documents))));
	}));
}

function range(column, kind, own, set) {
	const end = (operator, hint) => {
		const label = `${column} ${hint}${kind === "time" ? " (UTC)" : ""}`;
		const field = h("input", { type: INPUTS[kind], step: kind === "number" ? "any" : 1, placeholder: hint, value: own(operator)[0]?.[2], label, key: label, change: () => set(own(operator), operator, field.value) });
		return field;
	};
	return h("div.range", end("at least", "from"), end("at most", "to"));
}

function another(column, found, toggle) {
	const id = `values of ${column}`.replace(/\s/g, "_");
	const field = h("input", { placeholder: "Another value", autocomplete: "off", list: id, label: `${column} is`, key: `${column} other`, change: () => field.value && toggle(field.value, true) });
	return [field, h("datalist", { id }, options(found.map(one => [one.value])))];
}

export function showChoice(info, columns, add) {
	const left = info.columns.filter(name => !columns.includes(name) && kindOf(info, name) !== "other");
	hide("add-filter", !left.length);
	$("columns").replaceChildren(...options(left.map(name => [name])));
	$("add-column").onchange = ({ target }) => {
		const name = target.value;
		target.setCustomValidity(!name || left.includes(name) ? "" : "There is no such column.");
		if (!target.reportValidity() || !name) return;
		target.value = "";
		add(name);
	};
}
