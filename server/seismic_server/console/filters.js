// Filters: values to click with their counts, and inputs by type, a group per column.

import { $, button, count, cut, fill, h, num } from "./dom.js";
import { kindOf } from "./query.js";

const MOST_COLUMNS = 5; // proposed
const MOST_VALUES = 8;
const LONGEST_VALUE = 60; // worth counting
const INPUTS = { integer: "number", number: "number", date: "date", time: "datetime-local" };
const SIGNS = { is: ":", "at least": " ≥", "at most": " ≤" };

/** Return the columns to propose filters for, those whose values to count, and those of long texts, from some documents. */
export function shapeOf(documents, info) {
  const [counted, long, ranged, values] = [[], [], [], {}];
  for (const name of info.columns.slice(0, 200)) {
    const kind = kindOf(info.types[name]);
    const found = documents.flatMap(({ payload }) => payload?.[name] ?? []);
    const distinct = [...new Set(found)].sort();
    if (kind === "text" && found.some((value) => value.length > LONGEST_VALUE)) long.push(name);
    else if (kind === "boolean" || (kind === "text" && found.length > 1 && distinct.length <= found.length * 0.7) || (kind === "integer" && found.length > 9 && distinct.length <= MOST_VALUES)) {
      counted.push(name);
      values[name] = distinct.map((value) => ({ value }));
    } else if (kind in INPUTS && distinct.length > 1) ranged.push(name);
  }
  return { counted, long, values, proposed: [...counted.sort((a, b) => (info.types[a] > info.types[b] ? -1 : 1)), ...ranged].slice(0, MOST_COLUMNS) };
}

const words = ({ column, operator, value }) => `${column}${SIGNS[operator] ?? ` ${operator}`} ${cut(value, 40) || "(empty)"}`;

/** Show the conditions as tags that a click removes. */
export function showTags(filters, change) {
  const tags = filters.map((one, place) => h("li", h("bdi", words(one)), button("×", () => change(filters.filter((other) => other !== one)), { label: `Remove the filter ${words(one)}`, key: `tag ${place}` })));
  fill("tags", tags, tags.length > 1 && h("li.bare", button("Remove all", () => change([]), { class: "plain", key: "tag all" })));
  $("tags").hidden = !tags.length;
}

/** Show the inputs of columns. `facets`: counted values by column. */
export function showGroups({ info, filters, columns, facets, change, note }) {
  const groups = columns.map((column) => {
    const kind = kindOf(info.types[column]);
    const own = filters.filter((one) => one.column === column);
    const set = (removed, operator, value) => change([...filters.filter((one) => one.column !== column || !removed(one)), ...(value ? [{ column, operator, value }] : [])]);
    const toggle = (value, on) => set((one) => one.operator === "is" && one.value === value, "is", on && value);
    return h("fieldset", h("legend", column), facets[column] && values(column, own, facets[column], toggle), kind in INPUTS && range(column, kind, own, set), kind === "text" && another(column, facets[column] ?? [], toggle));
  });
  fill("groups", note && h("p.note", note), groups);
  $("filters-title").textContent = `Filters${filters.length ? ` (${filters.length})` : ""}`;
}

function values(column, own, found, toggle) {
  const chosen = own.filter((one) => one.operator === "is").map((one) => one.value);
  const shown = found.map((one) => [String(one.value), one.count]).filter(([value], place) => place < MOST_VALUES || chosen.includes(value));
  const rows = [...shown, ...chosen.filter((value) => !shown.some(([other]) => other === value)).map((value) => [value, 0])];
  return h("ul.values", rows.map(([value, documents]) => {
    const box = h("input", { type: "checkbox", key: `${column} is ${value}`, checked: chosen.includes(value), change: () => toggle(value, box.checked) });
    return h("li", h("label", box, h("bdi", cut(value, LONGEST_VALUE) || "(empty)"), documents !== undefined && h("span.quiet", num(documents))));
  }));
}

function range(column, kind, own, set) {
  const end = (operator, hint) => {
    const value = own.find((one) => one.operator === operator)?.value;
    const label = `${column} ${hint}${kind === "time" ? " (UTC)" : ""}`;
    const field = h("input", { type: INPUTS[kind], step: kind === "number" ? "any" : 1, placeholder: hint, value, label, key: label, change: () => set((one) => one.operator === operator, operator, field.value) });
    return field;
  };
  return h("div.range", end("at least", "from"), end("at most", "to"));
}

function another(column, found, toggle) {
  const list = h("datalist", { id: `values of ${column}`.replace(/\s/g, "_") }, found.map(({ value }) => h("option", { value })));
  const field = h("input", { placeholder: "Another value", autocomplete: "off", list: list.id, label: `${column} is`, key: `${column} other`, change: () => field.value && toggle(field.value, true) });
  return h("div", field, list);
}

/** Offer the columns that have no group yet. */
export function showChoice(info, columns, add) {
  const left = info.columns.filter((name) => !columns.includes(name) && kindOf(info.types[name]) !== "other");
  $("add-filter").hidden = !left.length;
  $("columns").replaceChildren(...left.map((value) => h("option", { value })));
  $("add-help").textContent = `${count(left.length, "more column")} to choose from`;
  $("add-column").onchange = ({ target }) => {
    target.setCustomValidity(!target.value || left.includes(target.value) ? "" : "There is no such column.");
    if (target.reportValidity() && target.value) add(target.value);
  };
}
