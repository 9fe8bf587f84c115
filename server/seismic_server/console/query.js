// Convert the form's input into requests.

/** Parse "planet^2.1 orbit" into {planet: 2.1, orbit: 1}. */
export function tokensOf(text) {
  const tokens = Object.create(null); // without inherited names, so that every word can be a token
  for (const word of text.trim().split(/\s+/)) {
    const [, token, weight] = word.match(/^(.+?)(?:\^([0-9.]+))?$/);
    tokens[token] = (tokens[token] ?? 0) + Number(weight ?? 1);
  }
  return tokens;
}

/** Return the query in the form that the collection supports: text, tokens, or component numbers. */
export function queryOf(text, info) {
  if (info.encoder) return { text };
  const tokens = tokensOf(text);
  if (info.has_vocabulary) return { tokens };
  return { indices: Object.keys(tokens).map(Number), values: Object.values(tokens) };
}

const OPERATORS = {
  "is": (key, value) => ({ key, match: { value: literal(value) } }),
  "is any of": (key, value) => ({ key, match: { any: value.split(",").map((part) => literal(part.trim())) } }),
  "at least": (key, value) => ({ key, range: { gte: literal(value) } }),
  "at most": (key, value) => ({ key, range: { lte: literal(value) } }),
};

export const operators = Object.keys(OPERATORS);

/** Return conditions of {column, operator, value} as a filter, or null without conditions. */
export function filterOf(conditions) {
  if (!conditions.length) return null;
  return { must: conditions.map(({ column, operator, value }) => OPERATORS[operator](column, value)) };
}

/** Return unquoted numbers and booleans as such, and anything else as text. */
function literal(text) {
  if (/^".*"$/.test(text)) return text.slice(1, -1);
  if (text === "true" || text === "false") return text === "true";
  if (/^-?\d+$/.test(text) && !Number.isSafeInteger(Number(text)) && JSON.rawJSON) return JSON.rawJSON(text);
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}
