// Elements are made of text, never of markup: nothing in a document is interpreted.

export const $ = id => document.getElementById(id);
export const say = (id, text) => ($(id).textContent = text);
export const hide = (id, is = true) => ($(id).hidden = is);

const SHORT = { label: "aria-label", key: "data-key" };
const given = children => children.flat(3).filter(child => child != null && child !== false);

/** h("li.card", { attributes }, children...): functions listen to events, `share` is the width of a bar. */
export function h(spec, ...children) {
	const [name, style] = spec.split(".");
	const node = document.createElement(name);
	if (style) node.className = style;
	const attributes = children[0]?.constructor === Object ? children.shift() : {};
	for (const [key, value] of Object.entries(attributes)) {
		if (typeof value === "function") node.addEventListener(key, value);
		else if (key === "share") node.style.setProperty("--share", `${Math.max(value * 100, 0.5)}%`);
		else if (value != null && value !== false) node.setAttribute(SHORT[key] ?? key, value === true ? "" : value);
	}
	node.append(...given(children));
	return node;
}

/** Replace the children. Focus stays on the same key, or moves on. */
export function fill(id, ...children) {
	const parent = $(id);
	const at = parent.contains(document.activeElement) ? document.activeElement.dataset.key : null;
	const keyed = () => [...parent.querySelectorAll("[data-key]")];
	const place = keyed().findIndex(node => node.dataset.key === at);
	parent.replaceChildren(...given(children));
	if (place >= 0) (keyed().find(node => node.dataset.key === at) ?? keyed()[place] ?? keyed().at(-1))?.focus();
}

export const button = (text, click, attributes) => h("button", { type: "button", click, ...attributes }, text);
export const options = values => values.map(([value, text = value]) => h("option", { value }, text));

export const num = (value, digits = 0) => value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
export const count = (value, noun) => `${num(value)} ${noun}${value === 1 ? "" : "s"}`;
export const cut = (text, most) => (text.length > most ? `${text.slice(0, most).trimEnd()} …` : text);

export function plain(value) {
	if (Array.isArray(value)) return value.map(plain).join(", ");
	return value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
}

export const bars = (rows, most) =>
	h("table.bars", h("tbody", first(rows.map(([name, share, figures]) => h("tr", h("th", { scope: "row" }, name), h("td", h("div.bar", { share })), h("td.number", figures))), most)));

export function first(elements, most) {
	if (elements.length <= most + 2) return elements;
	const more = button(`Show all ${num(elements.length)}`, () => more.replaceWith(...elements.slice(most)), { class: "plain", key: "more" });
	return [...elements.slice(0, most), more];
}
