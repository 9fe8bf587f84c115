"""Loaded by schemathesis: makes valid requests keep the rules that JSON Schema cannot express."""

from itertools import cycle, islice
from typing import Any

import schemathesis

COLUMNS = {"text", "title", "n_sentences", "structured", "n_chars"}


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """A collection for every plan, integers without a point, a weight for each component, columns that there are."""
    if case.meta is None or not case.meta.generation.mode.is_positive or not isinstance(case.body, dict):
        return
    case.path_parameters["name"] = "lists"
    body = case.body = _without_points(case.body)
    query = body["query"]
    if "tokens" not in query:
        weights = cycle([*query["values"], 1.0])
        query["values"] = list(islice(weights, len(query["indices"])))
    if isinstance(body.get("with_payload"), list):
        body["with_payload"] = [name for name in body["with_payload"] if name in COLUMNS]


def _without_points(value: Any) -> Any:
    """JSON Schema takes 7.0 for an integer, the service does not."""
    if isinstance(value, dict):
        return {key: _without_points(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_points(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
