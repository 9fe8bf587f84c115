// The best passage of a text for a query, with its words marked.

import { h } from "./dom.js";

const PASSAGE = 320; // characters
const LEAD = 48; // of them before the first marked word
const LONGEST_WORD = 100;
const LONGEST_TEXT = 200_000; // in which a passage is looked for
const LEAST = 0.05; // of the largest contribution that a marked word makes

/** Return a function that gives a word's weight: that of the tokens it consists of, or 0. */
export function weigher(parts = []) {
  const [starts, pieces, known] = [new Map(), new Map(), new Map()];
  for (const { token, product } of parts) {
    if (!token || token === "##" || product < LEAST * parts[0].product) continue;
    if (token.startsWith("##")) pieces.set(bare(token.slice(2)), product);
    else starts.set(bare(token), product);
  }
  return (word) => {
    if (!known.has(word)) known.set(word, starts.size && word.length <= LONGEST_WORD ? weight(bare(word), starts, pieces) : 0);
    return known.get(word);
  };
}

/** Return the largest weight of a start token and pieces that make up a word, or 0 if none do. */
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

/** Return the text around the words that matter most, with these words in marks. */
export function passage(text, weigh) {
  const words = [...text.slice(0, LONGEST_TEXT).matchAll(/[\p{L}\p{N}\p{M}]+/gu)].map(({ 0: word, index: at }) => ({ at, end: at + word.length, word, weight: weigh(word) }));
  const marked = words.filter((word) => word.weight);
  const [start, end] = text.length <= PASSAGE * 1.25 ? [0, text.length] : best(text, words, marked);
  const parts = [start ? "… " : ""];
  let last = start;
  for (const word of marked.filter((word) => word.at >= start && word.end <= end)) {
    parts.push(text.slice(last, word.at), h("mark", text.slice(word.at, word.end)));
    last = word.end;
  }
  return [...parts, text.slice(last, end).trimEnd(), end < text.length ? " …" : ""];
}

/** Return the ends of the passage with the largest sum of weights, where a repeated word counts a tenth. */
function best(text, words, marked) {
  const inside = new Map();
  let [from, sum, most, chosen] = [0, 0, -1, 0];
  const add = ({ word, weight }, by) => {
    const times = (inside.get(bare(word)) ?? 0) + by;
    inside.set(bare(word), times);
    sum += by * (times > (by > 0 ? 1 : 0) ? weight / 10 : weight);
  };
  for (const word of marked) {
    add(word, 1);
    while (word.end - marked[from].at > PASSAGE - LEAD) add(marked[from++], -1);
    if (sum > most) [most, chosen] = [sum, from];
  }
  const target = marked.length ? marked[chosen].at - LEAD : 0;
  const start = target > 0 ? words.find((word) => word.at >= target).at : 0;
  const end = Math.min(start + PASSAGE, text.length);
  const split = words.find((word) => word.at < end && word.end > end);
  return [start, split && split.at > start ? split.at : end];
}

/** Return text without case and accents, as vocabularies have it. */
const bare = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
