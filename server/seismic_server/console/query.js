// Convert what the page shows into requests.

const MOST_COLUMNS = 24; // of a list of hits
const KINDS = { boolean: /^bool/, integer: /^u?int\d/, number: /^(float|double|halffloat)/, date: /^date/, time: /^timestamp/, text: /^(large_)?string/ };
export const INPUTS = { integer: "number", number: "number", date: "date", time: "datetime-local" };
const ENDS = { "at least": "gte", "at most": "lte" };

export function kindOf(info, column) {
	const type = Object.hasOwn(info.types, column) ? info.types[column] : "string";
	const name = type.replace(/^\w*list<\w+: (.*)>.*$/, "$1").replace(/^dictionary<values=/, "");
	return Object.keys(KINDS).find(kind => KINDS[kind].test(name)) ?? "other";
}

export const isOrdered = (info, column) => INPUTS[kindOf(info, column)] && !info.types[column].includes("<");
export const isCounted = (info, column) => ["text", "boolean", "integer"].includes(kindOf(info, column));

/** Parse "planet^2.1 orbit" into [["planet", 2.1], ["orbit", 1]]. */
function tokensOf(text) {
	const tokens = new Map();
	for (const word of text.split(/\s+/).filter(Boolean)) {
		const [, token, weight] = word.match(/^(.+?)(?:\^(\d*\.?\d+))?$/);
		tokens.set(token, (tokens.get(token) ?? 0) + Number(weight ?? 1));
	}
	return [...tokens];
}

/** Return the fields that what is typed searches: the chosen one, or all with an encoder. */
export function searched({ field }, { fields }) {
	const names = Object.keys(fields);
	const able = names.filter(name => fields[name].encoder);
	return names.includes(field) ? [field] : able.length ? able : [names[0]];
}

/** Return the encoders of what is typed, or "" if it is a vector. */
export const encoderOf = (state, info) => searched(state, info).map(name => info.fields[name].encoder ?? "").join(" and ");

export function queryOf(state, info) {
	if (state.like) return { id: idOf(state.like, info) };
	const { tokens, query: text } = state;
	if (!tokens && !text) return null;
	const names = tokens ? [...new Set(tokens.map(([, , field = ""]) => field))] : searched(state, info);
	const part = name => (!tokens && info.fields[name].encoder ? { text } : vectorOf((tokens ?? tokensOf(text)).filter(([, , field = name]) => field === name), info.fields[name] ?? {}));
	if (names[0] === "") return part("");
	const byName = one => Object.fromEntries(names.map(name => [name, one(name)]));
	return { fields: byName(part), ...(tokens && { weights: byName(() => 1) }) }; // terms are weighed already
}

function vectorOf(tokens, field) {
	if (field.has_vocabulary) return { tokens: Object.fromEntries(tokens) };
	return { indices: tokens.map(([component]) => integer(component)), values: tokens.map(([, weight]) => weight) };
}

export const idOf = (text, info) => (info.types.id.includes("int") ? integer(text) : text);

/** Return an integer without rounding; other text stays, for the service to refuse. */
function integer(text) {
	if (!/^-?\d+$/.test(text)) return text;
	return Number.isSafeInteger(Number(text)) || !JSON.rawJSON ? Number(text) : JSON.rawJSON(text.replace(/^(-?)0+(?=\d)/, "$1"));
}

/** Return the conditions as a filter; `except`: without this column's. */
export function filterOf(filters, info, except) {
	const must = [];
	for (const key of new Set(filters.map(([column]) => column))) {
		if (key === except) continue;
		const kind = kindOf(info, key);
		const [any, range] = [[], {}];
		for (const [column, operator, value] of filters) {
			if (column !== key) continue;
			if (operator in ENDS) range[ENDS[operator]] = typed(value, kind);
			else any.push(typed(value, kind));
		}
		const equal = any.map(value => ({ key, range: { gte: value, lte: value } }));
		if (any.length) must.push(["number", "date", "time"].includes(kind) ? { should: equal } : { key, match: { any } });
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

export function requestOf(state, info) {
	const [query, filter] = [queryOf(state, info), filterOf(state.filters, info)];
	const { page, limit, recall, order } = state;
	const key = order.replace(/^-/, "");
	return {
		...(query ? { query, explain: true } : key && { order_by: { key, direction: key === order ? "asc" : "desc" } }),
		limit,
		...(page > 1 && { offset: (page - 1) * limit }),
		...(filter && { filter }),
		...(query && recall && { params: { recall: Number(recall) } }),
		...(info.columns.length > MOST_COLUMNS && { with_payload: shownColumns(info) }),
	};
}

export function shownColumns(info) {
	const first = ["title", "name", "text", "body"].filter(name => info.columns.includes(name));
	return [...new Set([...first, ...info.columns])].slice(0, MOST_COLUMNS);
}
