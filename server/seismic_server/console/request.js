// The last request, to copy as curl and as Python, and its answer as JSON.

import { $, button, fill, h } from "./dom.js";
import { of, source } from "./service.js";

/** Show the dialog. `body`: of a search; without one, `document` is the id that was asked for. */
export function showRequest({ name, body, id, answer }, keyed) {
  const url = new URL(`v1/${of(name, body ? (body.query ? "/search" : "/documents/scroll") : `/documents/${encodeURIComponent(id)}`)}`, document.baseURI).href;
  const curl = [`curl ${quoted(url)}`, keyed && "-H 'Authorization: Bearer YOUR_API_KEY'", body && `--json ${quoted(JSON.stringify(body))}`].filter(Boolean).join(" \\\n  ");
  fill("request-parts", copied("curl", curl), copied("Python", python(name, body, id, keyed)), copied("JSON answer", source(answer)));
  $("request-note").hidden = !keyed;
  $("request").showModal();
}

function copied(title, text) {
  const code = h("pre", { tabindex: 0, label: title }, text);
  const copy = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      getSelection().selectAllChildren(code); // only pages of https and localhost may use the clipboard
      document.execCommand("copy");
    }
    copy.textContent = "Copied";
  }, { label: `Copy ${title}` });
  return h("section", h("div.copy", h("h3", title), copy), code);
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function python(name, body, id, keyed) {
  const root = new URL(".", document.baseURI).href.replace(/\/$/, "");
  const start = `from seismic.client import Client\n\nwith Client(${literal(root)}${keyed ? ', api_key="YOUR_API_KEY"' : ""}) as client:\n`;
  if (!body) return `${start}    print(client.document(${literal(name)}, ${literal(id)}, with_vector=True))`;
  const { query, cursor, ...options } = body;
  const given = [literal(name), ...[query ?? cursor].filter(Boolean).map(literal), ...Object.entries(options).map(([key, value]) => `${key}=${literal(value)}`)];
  return `${start}    ${query ? "answer = client.search" : "page = client.scroll_page"}(\n        ${given.join(",\n        ")},\n    )\n    for ${query ? "hit in answer.hits:\n        print(hit.score, hit.id)" : "document in page.documents:\n        print(document.id)"}`;
}

/** Return a value as Python. */
function literal(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object" && !JSON.isRawJSON?.(value)) return `{${Object.entries(value).map(([key, one]) => `${literal(key)}: ${literal(one)}`).join(", ")}}`;
  return JSON.stringify(value);
}
