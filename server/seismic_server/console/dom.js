// Build elements from text only, never from markup, so that nothing in a document is interpreted.

export const byId = (id) => document.getElementById(id);

/** Return an element with attributes and children, which are elements, text or null. */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) node.setAttribute(attribute, value);
  node.append(...children.filter((child) => child !== null));
  return node;
}

export const number = (value, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
