// The page: which view an address shows, and how one leads to the next.

import { showDocument } from "./detail.js";
import { $, h } from "./dom.js";
import * as finding from "./find.js";
import * as keys from "./keys.js";
import { showLanding } from "./landing.js";
import { showIndex } from "./overview.js";
import { idOf, queryOf, requestOf } from "./query.js";
import { showRequest } from "./request.js";
import { get, key, Problem, search } from "./service.js";
import { address, other, read, START } from "./state.js";

const TYPING_MS = 180; // of silence, then a query is sent
const SLOW_MS = 400; // then a search is shown to be running
const RETRY_MS = 2000;

const known = new Map(); // collections by name
let state = START;
let unavailable = [];
let aliases = [];
let running = new AbortController(); // of what the page waits for
let last; // request and answer
let keyed = Boolean(key.value); // whether the service asks for keys
let timer;

const views = {
  landing: () => showLanding(known, unavailable, aliases),
  async "search-view"(info, signal) {
    finding.showForm(state, info);
    const asked = { name: info.name, body: requestOf(state, info) };
    const [answer] = await Promise.all([finding.find(state, info, signal, navigate), finding.showFilters(state, info, signal, navigate)]);
    if (answer) last = { ...asked, answer };
  },
  async "document-view"(info, signal) {
    const asked = { name: info.name, id: idOf(state.document, info) };
    const answer = await showDocument(state, info, signal);
    if (answer) last = { ...asked, answer };
  },
  async "index-view"(info, signal) {
    await showIndex(state, info, queryOf(state, info) && (await search(info.name, requestOf(state, info), signal)), signal);
  },
};

/** Ask for the collections, then show what the address says. */
async function start() {
  keys.describe();
  try {
    const [listed, named] = await Promise.all([get("collections"), get("aliases").catch(() => ({ aliases: [] }))]);
    known.clear();
    for (const info of listed.collections) known.set(info.name, info);
    [unavailable, aliases] = [listed.unavailable, named.aliases];
  } catch (problem) {
    $("main").ariaBusy = "false";
    return fail(problem);
  }
  $("collection").replaceChildren(...[...known.keys()].map((name) => h("option", name)));
  await show();
}

/** Lead to another state: a new entry of the history, but one for all that is typed without a pause for Enter. */
function navigate(next, typing = false) {
  const to = next.collection ? address(next) : location.pathname;
  if (typing && history.state?.typing) history.replaceState({ typing }, "", to);
  else if (to !== address(state)) history.pushState({ typing }, "", to);
  return show();
}

/** Show what the address says. */
async function show() {
  const before = state;
  state = read(location.search);
  running.abort();
  running = new AbortController();
  const { signal } = running;
  clearTimeout(timer);
  $("problem").hidden = true;
  const view = !state.collection ? "landing" : state.document ? "document-view" : state.view === "index" ? "index-view" : "search-view";
  const moved = before !== START && ["view", "collection", "document"].some((name) => before[name] !== state[name]);
  for (const id of Object.keys(views)) $(id).hidden = id !== view;
  if (before.collection !== state.collection) finding.clear();
  const info = known.get(state.collection);
  $("place").hidden = !info;
  $("collection").value = state.collection;
  for (const [id, to] of [["search-view", ""], ["index-view", "index"]]) {
    $(`to-${id}`).href = address({ ...state, view: to, document: "" });
    $(`to-${id}`).ariaCurrent = id === view ? "page" : null;
  }
  document.title = [state.document || state.query || (state.view && "Index"), state.collection, "Seismic"].filter(Boolean).join(" · ");
  const slow = setTimeout(() => ($("progress").hidden = false), SLOW_MS);
  $("main").ariaBusy = "true";
  try {
    if (state.collection && !info) throw missing();
    await views[view](info, signal);
    if (moved && !signal.aborted) arrive(view);
  } catch (problem) {
    if (!signal.aborted) fail(problem);
  } finally {
    clearTimeout(slow);
    if (!signal.aborted) {
      $("progress").hidden = true;
      $("main").ariaBusy = "false";
    }
  }
}

/** Start at the top of another view, with focus on its title, so that screen readers read it. */
function arrive(view) {
  scrollTo(0, 0);
  (view === "search-view" ? $("query") : $(view).querySelector("h1")).focus({ preventScroll: true });
}

function missing() {
  const closed = unavailable.find((one) => one.name === state.collection);
  return new Problem(404, { title: `There is no collection “${state.collection}”`, detail: closed?.problem ?? "It may have been dropped or renamed since this address was made." });
}

/** Show a problem in words. If it may pass, try again; without a valid key, ask for one. */
function fail(problem) {
  finding.clear();
  const passing = problem.status === 0 || problem.status === 503;
  $("problem-title").textContent = `${problem.title ?? problem.name}.`;
  $("problem-detail").textContent = problem.message + (passing ? "\nTrying again by itself." : "");
  $("problem").hidden = false;
  if (passing) timer = setTimeout(start, problem.wait * 1000 || RETRY_MS);
  if (problem.status === 401) {
    keyed = true;
    keys.ask();
  }
}

function typed(typing) {
  const query = $("query").value.trim();
  navigate(query === state.query ? state : other(state, { query, tokens: null, like: "" }), typing);
}

addEventListener("popstate", () => location.search !== address(state) && show());
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='?']");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  navigate(read(link.search));
});
$("search").onsubmit = (event) => {
  event.preventDefault();
  history.replaceState({ typing: false }, "");
  typed(false);
};
$("query").oninput = () => {
  clearTimeout(timer);
  timer = setTimeout(typed, TYPING_MS, true);
};
$("unlike").onclick = () => navigate(other(state, { like: "" }));
$("collection").onchange = ({ target }) => navigate({ ...START, collection: target.value, view: state.view });
for (const name of ["recall", "limit", "order"]) $(name).onchange = ({ target }) => navigate(other(state, { [name]: name === "limit" ? Number(target.value) : target.value }));
$("retry").onclick = start;
$("show-request").onclick = () => last && showRequest(last, keyed);
for (const dialog of document.querySelectorAll("dialog")) dialog.onclick = ({ target }) => (target === dialog || target.matches(".close")) && dialog.close();

document.onkeydown = (event) => {
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const at = document.activeElement;
  const links = [...document.querySelectorAll("#hits h3 a")];
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const place = links.indexOf(at);
  if (event.key === "/" && !at.matches("input, select")) $("query").focus();
  else if (event.key === "Escape" && place >= 0) $("query").focus();
  else if (step && (place >= 0 || (at === $("query") && step > 0))) (links[place + step] ?? $("query")).focus();
  else return;
  event.preventDefault();
};

$("filters").open = innerWidth >= 760; // a phone shows hits first
keys.connect(start);
start();
