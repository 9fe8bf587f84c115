"""Bulk requests: lines of operations and documents, each with an outcome of its own."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from seismic.conversion.plain import excerpt
from seismic_server.compat.opensearch.bodies import number
from seismic_server.compat.opensearch.errors import RefusedError
from seismic_server.compat.opensearch.writing import ACTIONS, Action, Operation

_META = frozenset({"_index", "_id", "if_seq_no", "if_primary_term", "routing", "retry_on_conflict", "require_alias"})


class Item(NamedTuple):
    """An operation of a bulk request and the index that it is for, or why it is refused."""

    action: Action
    name: str
    operation: Operation
    refusal: RefusedError | None = None


def items_of(lines: Sequence[Any], index: str, new_id: Any) -> list[Item]:
    """Return the operations of a request. `index`: for those that name none; `new_id` makes an id.

    Raises RefusedError if the lines do not form operations: then none of them can be told from a document.
    """
    items, at = list[Item](), 0
    while at < len(lines):
        action, meta = _action(lines[at], at)
        at += 1
        content: Any = {}
        if action != "delete":
            if at == len(lines):
                raise _malformed(f"found no document after the last operation ({action})")
            content = lines[at]
            at += 1
        items.append(_item(action, meta, content, index, new_id))
    if not items:
        raise RefusedError("request body is required: found no operation", "parse_exception")
    return items


def guard(meta: Mapping[str, Any]) -> int | None:
    """Return the change after which the document must not have changed. Raises RefusedError."""
    if meta.get("if_primary_term") not in (None, 1, "1"):
        raise RefusedError(f"if_primary_term: found {excerpt(meta['if_primary_term'])}, expected 1")
    return None if meta.get("if_seq_no") is None else number("if_seq_no", meta["if_seq_no"])


def _action(line: Any, at: int) -> tuple[Action, Mapping[str, Any]]:
    if not isinstance(line, dict) or len(line) != 1:
        expected = f"expected an object with one of {', '.join(ACTIONS)}"
        raise _malformed(f"Malformed action/metadata line [{at + 1}]: found {excerpt(line)}, {expected}")
    ((action, meta),) = line.items()
    if action not in ACTIONS or not isinstance(meta, dict):
        expected = f"expected one of {', '.join(ACTIONS)} with an object"
        raise _malformed(f"Malformed action/metadata line [{at + 1}]: found {excerpt(line)}, {expected}")
    return action, meta


def _item(action: Action, meta: Mapping[str, Any], content: Any, index: str, new_id: Any) -> Item:
    name, id = meta.get("_index", index), meta.get("_id")
    try:
        if unknown := [key for key in meta if key not in _META]:
            raise RefusedError(f"bulk: parameter [{unknown[0]}] is not supported, expected {', '.join(sorted(_META))}")
        if not isinstance(name, str) or not name:
            raise RefusedError("bulk: index is missing", "action_request_validation_exception")
        if id is None and action in ("index", "create"):
            id = new_id()
        if not isinstance(id, str | int) or isinstance(id, bool):
            raise RefusedError(f"bulk: found _id {excerpt(id)}, expected a text", "action_request_validation_exception")
        return Item(action, name, Operation(action, str(id), content, guard(meta)))
    except RefusedError as refusal:
        return Item(action, str(name or ""), Operation(action, str(id or ""), {}), refusal)


def _malformed(reason: str) -> RefusedError:
    return RefusedError(reason, "illegal_argument_exception")
