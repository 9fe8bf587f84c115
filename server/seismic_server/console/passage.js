// The best passage of a text for a query, with its words marked.

import { h } from "./dom.js";

const PASSAGE = 320;
const LEAD = 48;
const LONGEST_WORD = 100;
const LONGEST_TEXT = 200_000;
const LEAST = 0.05;

/** Return a function from a word to the weight of its tokens, or 0. */
export function weigher(parts = []) {
	const [starts, pieces, known] = [new Map(), new Map(), new Map()];
	for (const { token, product } of parts) {
		if (!token || token === "##" || product < LEAST * parts[0].product) continue;
		if (token.startsWith("##")) pieces.set(bare(token.slice(2)), product);
		else starts.set(bare(token), product);
	}
	return word => {
		if (!known.has(word)) known.set(word, starts.size && word.length <= LONGEST_WORD ? weight(bare(word), starts, pieces) : 0);
		return known.get(word);
	};
}

/** Return the largest weight of a start token and pieces that make up a word, or 0. */
function weight(word, starts, pieces) {
	const sums = [0]; // by end
	for (let end = 1; end <= word.length; end++) {
		sums[end] = starts.get(word.slice(0, end)) ?? 0;
		for (let middle = 1; middle < end; middle++) {
			const piece = sums[middle] && pieces.get(word.slice(middle, end));
			if (piece) sums[end] = Math.max(sums[end], sums[middle] + piece);
		}
	}
	return sums[word.length];
}

export function passage(text, weigh) {
	const words = [...text.slice(0, LONGEST_TEXT).matchAll(/[\p{L}\p{N}\p{M}]+/gu)].map(({ 0: word, index: at }) => ({ at, end: at + word.length, word, weight: weigh(word) }));
	const marked = words.filter(word => word.weight);
	const [start, end] = text.length <= PASSAGE * 1.25 ? [0, text.length] : best(text, words, marked);
	const parts = [start ? "… " : ""];
	let last = start;
	for (const word of marked.filter(word => word.at >= start && word.end <= end)) {
		parts.push(text.slice(last, word.at), h("mark", text.slice(word.at, word.end)));
		last = word.end;
	}
	return [...parts, text.slice(last, end).trimEnd(), end < text.length ? " …" : ""];
}

/** Return the ends of the passage with the heaviest distinct words. */
function best(text, words, marked) {
	let [most, chosen] = [0, 0];
	for (const [from, { at }] of marked.entries()) {
		const inside = new Map();
		for (let to = from; to < marked.length && marked[to].end - at <= PASSAGE - LEAD; to++) inside.set(marked[to].word.toLowerCase(), marked[to].weight);
		const sum = [...inside.values()].reduce((a, b) => a + b, 0);
		if (sum > most) [most, chosen] = [sum, from];
	}
	const target = marked.length ? marked[chosen].at - LEAD : 0;
	const start = target > 0 ? words.find(word => word.at >= target).at : 0;
	const end = Math.min(start + PASSAGE, text.length);
	const split = words.find(word => word.at < end && word.end > end);
	return [start, split && split.at > start ? split.at : end];
}

const bare = text => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
