// The page: the form, the answer, and the address that restores both.

import { byId, element } from "./dom.js";
import { filterOf, operators, queryOf } from "./query.js";
import * as render from "./render.js";
import * as service from "./service.js";

const known = new Map(); // collections by name
const HITS = byId("limit").value; // the default, which the address leaves out
let searches = 0; // started so far; only the last one's answer is shown

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  remember();
  run();
});
byId("collection").addEventListener("change", show);
byId("add-condition").addEventListener("click", () => addCondition().querySelector("select").focus());
byId("key").addEventListener("change", (event) => {
  service.setKey(event.target.value);
  start();
});
addEventListener("popstate", restore);
start();

async function start() {
  try {
    const { collections, unavailable } = await service.collections();
    known.clear();
    for (const info of collections) known.set(info.name, info);
    byId("unavailable").replaceChildren(...render.unavailable(unavailable));
  } catch (problem) {
    return fail(problem);
  }
  fail(null);
  byId("collection").replaceChildren(...[...known.keys()].map((name) => element("option", {}, name)));
  restore();
}

/** Fill the form from the address and run its query, if it has one. */
function restore() {
  const address = new URLSearchParams(location.search);
  const [first] = known.keys();
  byId("collection").value = known.has(address.get("collection")) ? address.get("collection") : (first ?? "");
  byId("query").value = address.get("query") ?? "";
  byId("limit").value = address.get("hits") ?? HITS;
  byId("recall").value = address.get("recall") ?? "";
  if (byId("recall").selectedIndex < 0) byId("recall").value = "";
  show();
  const info = current();
  for (const condition of info ? address.getAll("filter") : []) {
    const [column, operator, ...value] = condition.split("\t");
    addCondition(column, operator, value.join("\t"));
  }
  if (byId("query").value) run();
}

/** Put the form into the address, as a new entry of the history. */
function remember() {
  const address = new URLSearchParams({ collection: byId("collection").value, query: byId("query").value.trim() });
  if (byId("limit").value !== HITS) address.set("hits", byId("limit").value);
  if (byId("recall").value) address.set("recall", byId("recall").value);
  for (const { column, operator, value } of conditions()) address.append("filter", [column, operator, value].join("\t"));
  if (`?${address}` !== location.search) history.pushState(null, "", `?${address}`);
}

/** Show the statistics of the selected collection and the form of its queries, without the answer of another one. */
function show() {
  const info = current();
  searches += 1;
  byId("results").removeAttribute("aria-busy");
  fail(null);
  clear();
  byId("statistics").replaceChildren(...(info ? render.statistics(info) : []));
  byId("query-help").textContent = info ? helpFor(info) : "The service has no collections yet.";
  byId("add-condition").hidden = !info?.columns.length;
  byId("conditions").replaceChildren();
  byId("filter").hidden = true;
}

const current = () => known.get(byId("collection").value);

function helpFor(info) {
  if (info.encoder) return "Any text.";
  if (info.has_vocabulary) return "Tokens of the vocabulary with optional weights: planet^2.1 orbit";
  return "Component numbers, as there is no vocabulary, with optional weights: 4774^2.1 8062";
}

/** Add a condition to the form, with these values if the collection has the column. */
function addCondition(column, operator, value = "") {
  const remove = element("button", { type: "button", "aria-label": "Remove this condition" }, "×");
  const columns = element(
    "select",
    { "aria-label": "Column" },
    ...current().columns.map((name) => element("option", {}, name)),
  );
  const choice = element(
    "select",
    { "aria-label": "Operator" },
    ...operators.map((name) => element("option", {}, name)),
  );
  if (current().columns.includes(column)) columns.value = column;
  if (operators.includes(operator)) choice.value = operator;
  const field = element("input", { "aria-label": "Value", required: "" });
  field.value = value;
  const row = element("li", {}, columns, choice, field, remove);
  remove.addEventListener("click", () => {
    row.remove();
    byId("filter").hidden = !byId("conditions").children.length;
    byId("add-condition").focus();
  });
  byId("conditions").append(row);
  byId("filter").hidden = false;
  return row;
}

function conditions() {
  return [...byId("conditions").children].map((row) => {
    const [column, operator, value] = row.querySelectorAll("select, input");
    return { column: column.value, operator: operator.value, value: value.value };
  });
}

function request(info, text) {
  const body = { query: queryOf(text, info), limit: byId("limit").valueAsNumber, explain: true };
  const filter = filterOf(conditions());
  if (filter) body.filter = filter;
  if (byId("recall").value) body.params = { recall: Number(byId("recall").value) };
  return body;
}

async function run() {
  const info = current();
  const text = byId("query").value.trim();
  if (!info || !text) return;
  const began = performance.now();
  const turn = ++searches;
  byId("results").setAttribute("aria-busy", "true");
  try {
    const answer = await service.search(info.name, request(info, text));
    if (turn !== searches) return;
    fail(null);
    byId("summary").textContent = render.summary(answer, (performance.now() - began) / 1000);
    byId("cost").replaceChildren(...render.cost(answer));
    byId("cost").hidden = false;
    byId("hits").replaceChildren(...answer.hits.map((hit, row) => render.hit(hit, row + 1)));
  } catch (problem) {
    if (turn === searches) fail(problem);
  } finally {
    if (turn === searches) byId("results").removeAttribute("aria-busy");
  }
}

/** Show a problem, or hide the last one if it is null. Without a valid key, ask for one. */
function fail(problem) {
  byId("problem").hidden = !problem;
  if (!problem) return;
  byId("problem").textContent = problem.message;
  clear();
  if (problem.status === 401 || problem.status === 403) {
    byId("key-field").hidden = false;
    byId("key").focus();
  }
}

/** Remove the last answer. */
function clear() {
  for (const id of ["hits", "cost"]) byId(id).replaceChildren();
  byId("cost").hidden = true;
  byId("summary").textContent = "";
}
