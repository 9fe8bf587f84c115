// A document: its payload, and its vector as bars.

import { bars, count, fill, first, h, num } from "./dom.js";
import { titleOf } from "./hits.js";
import { document as fetched } from "./service.js";
import { like, link, other } from "./state.js";

const [MOST_COLUMNS, MOST_COMPONENTS] = [100, 30];

/** Show a document. Returns the answer, or null if it came too late. */
export async function showDocument(state, info, signal) {
  const answer = await fetched(info.name, state.document, info.has_vocabulary ? "tokens" : "true", signal);
  if (signal.aborted) return null;
  fill(
    "document-view",
    h("p.back", link({ ...state, document: "" }, state.query || state.like || state.tokens ? "← Back to the hits" : "← Back to the documents")),
    h("h1", { tabindex: -1, dir: "auto" }, titleOf(answer, info)),
    h("p.facts", h("span", h("span.quiet", "id "), h("bdi", String(answer.id)))),
    link(like({ ...state, filters: [] }, answer.id), "More like this", { class: "button" }),
    h("div.pair", h("section", h("h2", "Payload"), payload(answer.payload, info)), h("section", h("h2", "Vector"), vector(answer.vector, state))),
  );
  return answer;
}

function payload(values, info) {
  if (!info.columns.length) return h("p.note", "This collection has no columns besides the id.");
  const rows = info.columns.map((name) => h("div.field", h("dt", h("bdi", name), h("span.quiet", ` ${info.types[name]}`)), h("dd", { dir: "auto" }, value(values[name]))));
  return h("dl", first(rows, MOST_COLUMNS));
}

function value(found) {
  if (found == null) return h("span.note", "no value");
  if (found === "" || found.length === 0) return h("span.note", "empty");
  if (Array.isArray(found) && found.every((one) => typeof one !== "object")) return found.join(", ");
  return typeof found === "object" ? h("code", JSON.stringify(found, null, 2)) : String(found);
}

function vector({ tokens, indices, values }, state) {
  const pairs = tokens ? Object.entries(tokens) : indices.map((component, place) => [String(component), values[place]]);
  pairs.sort(([, a], [, b]) => b - a);
  const rows = pairs.map(([token, weight]) => {
    const alone = other(state, { filters: [], like: "", query: "", tokens: [[token, 1]] });
    return [link(alone, tokens ? token : `#${token}`, { title: `Search for ${token} alone` }), weight / pairs[0][1], num(weight, 3)];
  });
  return [h("p.note", rows.length ? `${count(rows.length, "component")}, the heaviest first` : "Empty: no query finds this document."), bars(rows, MOST_COMPONENTS)];
}
