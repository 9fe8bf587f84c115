// From what is typed to what the service takes.

/** "planet^2.1 orbit" as {planet: 2.1, orbit: 1}. */
export function tokensOf(text) {
  const tokens = {};
  for (const word of text.trim().split(/\s+/)) {
    const [, token, weight] = word.match(/^(.+?)(?:\^([0-9.]+))?$/);
    tokens[token] = (tokens[token] ?? 0) + Number(weight ?? 1);
  }
  return tokens;
}

export function queryOf(text, byText) {
  return byText ? { text } : { tokens: tokensOf(text) };
}

const OPERATORS = {
  "is": (key, value) => ({ key, match: { value: literal(value) } }),
  "is any of": (key, value) => ({ key, match: { any: value.split(",").map((part) => literal(part.trim())) } }),
  "at least": (key, value) => ({ key, range: { gte: literal(value) } }),
  "at most": (key, value) => ({ key, range: { lte: literal(value) } }),
};

export const operators = Object.keys(OPERATORS);

/** Conditions of {column, operator, value} as a filter; null if there are none. */
export function filterOf(conditions) {
  if (!conditions.length) return null;
  return { must: conditions.map(({ column, operator, value }) => OPERATORS[operator](column, value)) };
}

/** Numbers and truth values as such, unless quoted; anything else is text. */
function literal(text) {
  if (/^".*"$/.test(text)) return text.slice(1, -1);
  if (text === "true" || text === "false") return text === "true";
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}
