// The query as it was searched: a chip per term, whose weight can be changed and which can be removed.

import { button, fill, first, h, num } from "./dom.js";

const FIRST = 14;

/** Show the terms of a query. `change` takes pairs of token and weight, or null to undo all changes. */
export function showChips(terms = [], edited, change) {
  const pairs = terms.map((term) => [term.token ?? String(term.component), term.weight]);
  const chips = pairs.map(([token, weight], place) => {
    const set = (value) => change(pairs.flatMap((pair, at) => (at !== place ? [pair] : value > 0 ? [[token, value]] : [])));
    const field = h("input", { type: "number", min: 0, step: 0.1, value: Number(weight.toPrecision(3)), label: `Weight of ${token}`, key: `weight ${token}`, change: () => field.value && set(field.valueAsNumber) });
    return h("li", { share: weight / pairs[0][1], title: num(weight, 4) }, h("bdi", terms[place].token === undefined ? `#${token}` : token), field, button("×", () => set(0), { label: `Remove ${token}`, key: `remove ${token}` }));
  });
  const title = h("h2.small", edited ? "Query, as edited" : "Query, as searched");
  fill("terms", pairs.length > 0 && [title, h("ul.chips", first(chips, FIRST)), edited && button("Undo the edits", () => change(null), { class: "plain", key: "undo" })]);
}
