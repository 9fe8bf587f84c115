// The page: the form, the answer, and the address that restores both.

import { byId, element } from "./dom.js";
import { filterOf, operators, queryOf } from "./query.js";
import * as render from "./render.js";
import * as service from "./service.js";

const known = new Map(); // collections by name
let searches = 0; // started so far; only the last one's answer is shown

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
byId("collection").addEventListener("change", show);
byId("add-condition").addEventListener("click", () => addCondition().querySelector("select").focus());
byId("key").addEventListener("change", (event) => {
  service.setKey(event.target.value);
  start();
});
start();

async function start() {
  try {
    for (const info of await service.collections()) known.set(info.name, info);
  } catch (problem) {
    return fail(problem);
  }
  fail(null);
  const select = byId("collection");
  select.replaceChildren(...[...known.keys()].map((name) => element("option", {}, name)));
  const address = new URLSearchParams(location.search);
  if (known.has(address.get("collection"))) select.value = address.get("collection");
  show();
  if (address.get("query")) {
    byId("query").value = address.get("query");
    run();
  }
}

/** Show the statistics of the selected collection and the form of its queries. */
function show() {
  const info = current();
  byId("statistics").replaceChildren(...render.statistics(info));
  byId("query-help").textContent = helpFor(info);
  byId("add-condition").hidden = !info.columns.length;
  byId("conditions").replaceChildren();
  byId("filter").hidden = true;
}

const current = () => known.get(byId("collection").value);

function helpFor(info) {
  if (info.encoder) return "Any text.";
  if (info.has_vocabulary) return "Tokens of the vocabulary with optional weights: planet^2.1 orbit";
  return "Component numbers, as there is no vocabulary, with optional weights: 4774^2.1 8062";
}

function addCondition() {
  const remove = element("button", { type: "button", "aria-label": "Remove this condition" }, "×");
  const row = element(
    "li",
    {},
    element("select", { "aria-label": "Column" }, ...current().columns.map((name) => element("option", {}, name))),
    element("select", { "aria-label": "Operator" }, ...operators.map((name) => element("option", {}, name))),
    element("input", { "aria-label": "Value", required: "" }),
    remove,
  );
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
  if (!text) return;
  history.replaceState(null, "", `?${new URLSearchParams({ collection: info.name, query: text })}`);
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
  for (const id of ["hits", "cost"]) byId(id).replaceChildren();
  byId("summary").textContent = "";
  if (problem.status === 401 || problem.status === 403) {
    byId("key-field").hidden = false;
    byId("key").focus();
  }
}
