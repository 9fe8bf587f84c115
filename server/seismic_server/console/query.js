// Convert what the page shows into requests.

const MOST_COLUMNS = 24; // that a list of hits asks for
const KINDS = { boolean: /^bool/, integer: /^u?int\d/, number: /^(float|double|halffloat)/, date: /^date/, time: /^timestamp/, text: /^(large_)?string/ };
const ENDS = { "at least": "gte", "at most": "lte" };

/** Parse "planet^2.1 orbit" into [["planet", 2.1], ["orbit", 1]]. */
export function tokensOf(text) {
  const tokens = new Map();
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const [, token, weight] = word.match(/^(.+?)(?:\^(\d*\.?\d+))?$/);
    tokens.set(token, (tokens.get(token) ?? 0) + Number(weight ?? 1));
  }
  return [...tokens];
}

/** Return the query in the form that the collection supports, or null to browse. */
export function queryOf(state, info) {
  if (state.like) return { id: idOf(state.like, info) };
  if (!state.tokens && !state.query) return null;
  if (!state.tokens && info.encoder) return { text: state.query };
  const tokens = state.tokens ?? tokensOf(state.query);
  if (info.has_vocabulary) return { tokens: Object.fromEntries(tokens) };
  return { indices: tokens.map(([component]) => integer(component)), values: tokens.map(([, weight]) => weight) };
}

/** Return an id in the collection's type; integers beyond JavaScript's precision are text here. */
export const idOf = (text, info) => (info.types.id.includes("int") ? integer(text) : text);

/** Return an integer without rounding; other text stays as it is, and the service says what is wrong with it. */
function integer(text) {
  if (!/^-?\d+$/.test(text)) return text;
  return Number.isSafeInteger(Number(text)) || !JSON.rawJSON ? Number(text) : JSON.rawJSON(text.replace(/^(-?)0+(?=\d)/, "$1"));
}

/** Return the kind of a column's values, or "other" if filters cannot compare them. */
export function kindOf(type) {
  const name = type.replace(/^\w*list<\w+: (.*)>.*$/, "$1").replace(/^dictionary<values=/, "");
  return Object.keys(KINDS).find((kind) => KINDS[kind].test(name)) ?? "other";
}

/** Return the conditions as a filter; `except`: without this column's. */
export function filterOf(filters, info, except) {
  const must = [];
  for (const key of new Set(filters.map((one) => one.column))) {
    if (key === except) continue;
    const kind = kindOf(info.types[key] ?? "string");
    const [any, range] = [[], {}];
    for (const { operator, value } of filters.filter((one) => one.column === key)) {
      if (operator in ENDS) range[ENDS[operator]] = typed(value, kind);
      else any.push(typed(value, kind));
    }
    const equal = any.map((value) => ({ key, range: { gte: value, lte: value } })); // what cannot be matched can be in a range
    if (any.length) must.push(!["number", "date", "time"].includes(kind) ? { key, match: { any } } : { should: equal });
    if (Object.keys(range).length) must.push({ key, range });
  }
  return must.length ? { must } : null;
}

function typed(value, kind) {
  if (kind === "boolean") return value === "true";
  if (kind === "integer") return integer(value);
  if (kind === "time" && /T[\d:.]+$/.test(value)) return `${value}Z`;
  return kind === "number" && Number.isFinite(Number(value)) ? Number(value) : value;
}

/** Return the body of a search, or of a scroll if there is no query. */
export function requestOf(state, info) {
  const [query, filter] = [queryOf(state, info), filterOf(state.filters, info)];
  const key = state.order.replace(/^-/, "");
  const common = { limit: state.limit, ...(filter && { filter }), ...(info.columns.length > MOST_COLUMNS && { with_payload: shownColumns(info) }) };
  if (!query) return { ...common, ...(key && { order_by: { key, direction: key === state.order ? "asc" : "desc" } }), ...(state.cursor && { cursor: state.cursor }) };
  return { query, ...common, ...(state.page > 1 && { offset: (state.page - 1) * state.limit }), ...(state.recall && { params: { recall: Number(state.recall) } }), explain: true };
}

/** Return the columns that hits show, those that name and describe documents before others. */
export function shownColumns(info) {
  const first = ["title", "name", "text", "body", "content", "abstract"].filter((name) => info.columns.includes(name));
  return [...new Set([...first, ...info.columns])].slice(0, MOST_COLUMNS);
}
