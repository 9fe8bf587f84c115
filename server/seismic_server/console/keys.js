// The API key: what it may do, and where it is kept.

import { $ } from "./dom.js";
import { get, key } from "./service.js";

/** Connect the dialog. `changed` is called when there is another key. */
export function connect(changed) {
  $("open-key").onclick = ask;
  $("key-form").onsubmit = ({ submitter }) => {
    const value = submitter.value === "use" ? $("key").value.trim() : "";
    key.keep(value, $("key-form").elements.where.value);
    changed();
  };
}

/** Open the dialog. */
export function ask() {
  if ($("key-dialog").open) return;
  $("key").value = key.value;
  $("key-form").elements.where.value = key.where;
  $("key-dialog").showModal();
}

/** Say what the key permits. */
export async function describe() {
  try {
    const { name, role, collections } = await get("key");
    const may = role === "admin" ? "read, change and delete" : "search and read, but change nothing";
    $("key-state").textContent =
      name === undefined ? "This service needs no key: whoever reaches it may read and change everything." : `Your key “${name}” may ${may}, in ${collections ? `these collections: ${collections.join(", ")}` : "all collections"}.`;
  } catch (problem) {
    $("key-state").textContent = problem.status !== 401 ? problem.message : key.value ? "The service does not know this key: it may be mistyped, or revoked." : "This service answers only with a key.";
  }
}
