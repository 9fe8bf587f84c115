// Which view an address shows, and how one leads to the next.

import { showDocument } from "./detail.js";
import { askKey, connectKey, describeKey, showRequest } from "./dialogs.js";
import { $, hide, options, say } from "./dom.js";
import * as finding from "./find.js";
import { showLanding } from "./landing.js";
import { showIndex } from "./overview.js";
import { idOf, queryOf, requestOf } from "./query.js";
import { ask, key, post, Problem } from "./service.js";
import { address, other, read, START } from "./state.js";

const TYPING_MS = 180; // of silence
const RETRY_MS = 2000;

const known = new Map();
let [state, unavailable] = [START, []];
let running = new AbortController();
let last;
let keyed = Boolean(key());
let timer;

const views = {
	landing: () => showLanding(known, unavailable),
	async "search-view"(info, signal) {
		const body = requestOf(state, info);
		finding.showForm(state, info, navigate);
		const [answer] = await Promise.all([finding.find(state, info, signal, navigate), finding.showFilters(state, info, signal, navigate)]);
		last = { name: info.name, body, answer };
	},
	async "document-view"(info, signal) {
		const id = idOf(state.document, info);
		const answer = await showDocument(state, info, signal);
		last = { name: info.name, id, answer };
	},
	async "index-view"(info, signal) {
		const answer = queryOf(state, info) && (await post(info.name, "/search", requestOf(state, info), signal));
		await showIndex(state, info, answer, signal);
	},
};

async function start() {
	describeKey();
	try {
		const listed = await ask("v1/collections");
		known.clear();
		for (const info of listed.collections) known.set(info.name, normal(info));
		unavailable = listed.unavailable;
		$("collection").replaceChildren(...options([...known.keys()].map(name => [name])));
	} catch (problem) {
		busy(false);
		return fail(problem);
	}
	await show();
}

/** Return a collection with its fields. A single one needs no name: it is "". */
function normal(info) {
	const { fields = {} } = info;
	return { ...info, fields: Object.keys(fields).length > 1 ? fields : { "": { ...info, ...Object.values(fields)[0] } } };
}

/** Lead to another state: an entry of the history, and one for all that is typed until Enter. */
function navigate(next, typing = false) {
	const to = next.collection ? address(next) : location.pathname;
	if (typing && history.state?.typing) history.replaceState({ typing }, "", to);
	else if (to !== address(state)) history.pushState({ typing }, "", to);
	return show();
}

async function show() {
	const before = state;
	state = read(location.search);
	running.abort();
	running = new AbortController();
	const { signal } = running;
	clearTimeout(timer);
	hide("problem", true);
	const view = !state.collection ? "landing" : state.document ? "document-view" : state.view === "index" ? "index-view" : "search-view";
	for (const id in views) $(id).hidden = id !== view;
	if (before.collection !== state.collection) finding.clear();
	const info = known.get(state.collection);
	showHeader(view, info);
	busy(true);
	try {
		if (state.collection && !info) throw missing();
		await views[view](info, signal);
		if (before === START || !["view", "collection", "document"].some(name => before[name] !== state[name])) return;
		scrollTo(0, 0); // focus its title, for screen readers
		(view === "search-view" ? $("query") : $(view).querySelector("h1")).focus({ preventScroll: true });
	} catch (problem) {
		if (!signal.aborted) fail(problem);
	} finally {
		if (!signal.aborted) busy(false);
	}
}

function showHeader(view, info) {
	hide("place", !info);
	$("collection").value = state.collection;
	for (const [id, to] of [["search-view", ""], ["index-view", "index"]]) {
		$(`to-${id}`).href = address({ ...state, view: to, document: "" });
		$(`to-${id}`).ariaCurrent = id === view ? "page" : null;
	}
	document.title = [state.document || state.query || (state.view && "Index"), state.collection, "Seismic"].filter(Boolean).join(" · ");
}

const busy = is => ($("main").ariaBusy = String(is));

function missing() {
	const closed = unavailable.find(one => one.name === state.collection);
	return new Problem(404, { title: `There is no collection “${state.collection}”`, detail: closed?.problem ?? "It may have been dropped or renamed." });
}

/** Show a problem. If it may pass, try again; without a valid key, ask for one. */
function fail({ title, name, message, status, wait }) {
	finding.clear();
	const passing = status === 0 || status === 503;
	say("problem-title", `${title ?? name}.`);
	say("problem-detail", message + (passing ? "\nTrying again." : ""));
	hide("problem", false);
	if (passing) timer = setTimeout(start, wait * 1000 || RETRY_MS);
	if (status !== 401) return;
	keyed = true;
	askKey();
}

function typed(typing) {
	const query = $("query").value.trim();
	navigate(query === state.query ? state : other(state, { query, tokens: null, like: "" }), typing);
}

addEventListener("popstate", () => location.search !== address(state) && show());
document.addEventListener("click", event => {
	const link = event.target.closest("a[href^='?']");
	if (event.target.matches("dialog, .close")) event.target.closest("dialog").close();
	if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
	event.preventDefault();
	navigate(read(link.search));
});
$("search").onsubmit = event => {
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
$("limit").onchange = ({ target }) => navigate(other(state, { limit: Number(target.value) }));
for (const name of ["recall", "order"]) $(name).onchange = ({ target }) => navigate(other(state, { [name]: target.value }));
$("retry").onclick = start;
$("show-request").onclick = () => last && showRequest(last, keyed);

document.onkeydown = event => {
	if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
	const [at, query] = [document.activeElement, $("query")];
	const links = [...document.querySelectorAll("#hits h3 a")];
	const place = links.indexOf(at);
	const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
	if ((event.key === "/" && !at.matches("input, select")) || (event.key === "Escape" && place >= 0)) query.focus();
	else if (step && (place >= 0 || (at === query && step > 0))) (links[place + step] ?? query).focus();
	else return;
	event.preventDefault();
};

$("filters").open = innerWidth >= 760; // a phone shows hits first
connectKey(start);
start();
