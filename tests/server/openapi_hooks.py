"""Loaded by schemathesis: makes valid requests keep the rules that JSON Schema cannot express."""

from itertools import cycle, islice
from typing import Any

import schemathesis

DIMENSION = 30_522
COLUMNS = {"text", "title", "n_sentences", "structured", "n_chars"}


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """A collection for every plan, integers without a point, a weight for each component, columns that there are, and
    either a recall or knobs."""
    if case.meta is None or not case.meta.generation.mode.is_positive or not isinstance(case.body, dict):
        return
    body = case.body = _without_points(case.body)
    if "query" in body:
        case.path_parameters["name"] = "lists"
        _repair_search(body)
    else:
        case.path_parameters["name"] = "scratch"
        _repair_change(body)


def _repair_search(body: dict[str, Any]) -> None:
    query = body["query"]
    if "tokens" not in query:
        query["values"] = _weights(query["values"], len(query["indices"]))
    if body.get("params", {}).get("recall") is not None:
        body["params"] = {"recall": body["params"]["recall"]}  # it excludes the others
    if isinstance(body.get("with_payload"), list):
        body["with_payload"] = [name for name in body["with_payload"] if name in COLUMNS]


def _repair_change(body: dict[str, Any]) -> None:
    """Ids are strings, each once; a document has one vector, of the vocabulary."""
    if "ids" in body:
        body["ids"] = [str(one) for one in body["ids"]]
    for number, document in enumerate(body.get("documents", [])):
        document["id"] = f"{document['id']}-{number}"
        document.pop("payload", None)
        document.pop("tokens", None)
        document["indices"] = sorted({one % DIMENSION for one in document.get("indices") or []})
        document["values"] = _weights(document.get("values") or [], len(document["indices"]))


def _weights(given: list[float], count: int) -> list[float]:
    return list(islice(cycle([*given, 1.0]), count))


def _without_points(value: Any) -> Any:
    """JSON Schema takes 7.0 for an integer, the service does not."""
    if isinstance(value, dict):
        return {key: _without_points(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_points(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
