"""Repairs of schemathesis' requests to routes for the life of collections, which must not change those of the tests."""

from itertools import count
from typing import Any

import schemathesis

MADE = "made-by-schemathesis"
"""Beginning of the names of what generated requests make."""

_numbers = count()

KEPT = frozenset({"scifact", "lists", "scratch"})
"""Collections of the tests."""

COLUMN_TYPES = ("string", "int64", "double", "bool")


def belongs(case: schemathesis.Case) -> bool:
    """Return whether a request manages collections, rather than documents."""
    path, method = case.operation.path, case.method
    verb = path.rpartition("}:")[2]
    return (
        (path == "/v1/collections/{name}" and method in ("PUT", "PATCH", "DELETE"))
        or path.startswith(("/v1/aliases", "/v1/jobs"))
        or verb in ("rename", "compact", "rollback", "snapshot", "restore")
        or "/snapshots" in path
    )


def protect(case: schemathesis.Case) -> None:
    """Keep every request, also a wrong one, away from the collections of the tests."""
    if case.method == "GET" or not isinstance(case.path_parameters, dict):
        return
    if case.path_parameters.get("name") in KEPT:
        case.path_parameters["name"] = f"{MADE}-0"


def repair(case: schemathesis.Case) -> None:
    """Make a valid request one that the service accepts, or that finds nothing."""
    parameters, body = case.path_parameters, case.body
    if "name" in parameters or ("alias" in parameters and case.method != "GET"):
        name = next(iter(parameters))
        number = next(_numbers) % 10 if case.method == "PUT" else 0  # the rest is answered with 409
        parameters[name] = f"{MADE}-{name}-{number}"
    if isinstance(body, dict) and "keep" in body:
        body["keep"] = int(body["keep"])
    if case.operation.path.endswith(":restore"):  # a body would have to be a snapshot
        case.query = {"snapshot": "20261129T153000-3f2a9c.snapshot", "replace": "true"}
        case.body = b""
    elif not isinstance(body, dict):
        return
    elif "{alias}" in case.operation.path:
        body["collection"] = "scratch"
    elif case.operation.path.endswith(":rename"):
        body["to"] = f"{MADE}-renamed"
    elif case.method == "PUT":
        case.body = _creation(body)
    elif case.method == "PATCH":
        body["columns"] = {f"added{at}": "string" for at in range(len(body["columns"]))}


def _creation(body: dict[str, Any]) -> dict[str, Any]:
    kept = {name: body[name] for name in ("layout", "strict") if name in body}
    if body.get("columns") is not None:
        kept["columns"] = {f"c{at}": COLUMN_TYPES[at % 4] for at in range(len(body["columns"]))}
    if body.get("ids"):
        kept["ids"] = "int64"
    if body.get("vocabulary") is not None:
        return {**kept, "vocabulary": [f"t{at}" for at in range(len(body["vocabulary"]))] or ["t"]}
    return {**kept, "dimension": int(body.get("dimension") or 0) % 1000 + 1}
