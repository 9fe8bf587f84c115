"""Changing documents in the OpenSearch API: bulk, index, create, update and delete."""

import secrets
import time
from collections.abc import Sequence
from typing import Any

from fastapi import Response

from seismic import SeismicError
from seismic.edits.editor import Committed, Edit
from seismic.edits.matching import matching
from seismic_server.compat.opensearch.bodies import lines_of
from seismic_server.compat.opensearch.bulk import Item, guard, items_of
from seismic_server.compat.opensearch.conditions import to_filter
from seismic_server.compat.opensearch.errors import RefusedError, refusal_of
from seismic_server.compat.opensearch.fields import fields_of
from seismic_server.compat.opensearch.leaves import parsing
from seismic_server.compat.opensearch.routing import Call, with_status
from seismic_server.compat.opensearch.writing import Action, Operation, Result, Write, item

GUARDS = ("if_seq_no", "if_primary_term")


def new_id() -> str:
    """Return an id for a document that has none: 20 characters, as OpenSearch's."""
    return secrets.token_urlsafe(15)


async def bulk(call: Call) -> Any:
    """Apply operations on documents, each for itself, in their order."""
    started = time.perf_counter()
    lines = await lines_of(call.request, call.service)
    items = items_of(lines, call.name, new_id)
    places: dict[str, list[int]] = {}
    answers: list[dict[str, Any]] = [{} for _ in items]
    for at, one in enumerate(items):
        if refusal := one.refusal or _forbidden(call, one.name):
            answers[at] = item(one.action, one.name, one.operation, refusal, None)
        else:
            places.setdefault(call.own_name(one.name), []).append(at)
    for name, listed in places.items():
        for at, answer in zip(listed, await _bulk(call, name, [items[at] for at in listed]), strict=True):
            answers[at] = answer
    errors = any("error" in next(iter(answer.values())) for answer in answers)
    return {"took": int((time.perf_counter() - started) * 1000), "errors": errors, "items": answers}


async def put(call: Call) -> Response:
    """Store a document, replacing the one with its id."""
    action: Action = "create" if call.parameters.get("op_type", "index") == "create" else "index"
    if call.parameters.get("op_type", "index") not in ("index", "create"):
        raise RefusedError(f"op_type: found [{call.parameters['op_type']}], expected index or create")
    return await _one(call, Operation(action, call.id, await call.json(), guard(call.parameters)))


async def post(call: Call) -> Response:
    """Store a document under a new id."""
    return await _one(call, Operation("index", new_id(), await call.json()))


async def create(call: Call) -> Response:
    """Store a document unless there is one with its id."""
    return await _one(call, Operation("create", call.id, await call.json()))


async def update(call: Call) -> Response:
    """Merge fields into a document."""
    return await _one(call, Operation("update", call.id, await call.json(), guard(call.parameters)))


async def delete(call: Call) -> Response:
    """Delete a document."""
    return await _one(call, Operation("delete", call.id, {}, guard(call.parameters)))


async def delete_by_query(call: Call) -> Any:
    """Delete the documents that match a query."""
    started, body = time.perf_counter(), await call.json()
    for name in body:
        if name != "query":
            raise parsing(f"delete_by_query: field '{name}' is not supported, expected query")
    if body.get("query") is None:
        raise RefusedError("query is missing", "action_request_validation_exception")
    filter = to_filter(body["query"], fields_of(call.ready(call.name)))
    edit = Edit(lambda rules, state: matching(state, filter, rules).deleted(), depends=True)
    done = await call.service.committers[call.name].commit(edit)
    deleted = done.counts.deleted if done.counts else 0
    return {
        "took": int((time.perf_counter() - started) * 1000),
        "timed_out": False,
        "total": deleted,
        "deleted": deleted,
        "batches": 1 if deleted else 0,
        "version_conflicts": 0,
        "noops": 0,
        "retries": {"bulk": 0, "search": 0},
        "throttled_millis": 0,
        "requests_per_second": -1.0,
        "throttled_until_millis": 0,
        "failures": [],
    }


async def _one(call: Call, operation: Operation) -> Response:
    """Apply one operation, and answer with its outcome or its error."""
    call.check(call.name)
    (result,), done = await _apply(call, call.name, [operation])
    if isinstance(result, RefusedError):
        raise result
    content = item(operation.action, call.own_name(call.name), operation, result, done)[operation.action]
    return with_status(content, content.pop("status"))


def _forbidden(call: Call, name: str) -> RefusedError | None:
    """Return the error of an operation on an index that the key does not permit, or that is not one."""
    try:
        call.check(name)
    except SeismicError as error:
        return refusal_of(error)
    return None


async def _bulk(call: Call, name: str, items: Sequence[Item]) -> list[dict[str, Any]]:
    """Apply the operations on one index. An error of the index is that of each of them."""
    operations = [one.operation for one in items]
    done: Committed | None = None
    results: Sequence[Result]
    try:
        results, done = await _apply(call, name, operations)
    except SeismicError as error:
        refusal = refusal_of(error)
        if refusal.status not in (400, 403, 404):
            raise
        results = [refusal] * len(items)
    return [item(one.action, name, one.operation, result, done) for one, result in zip(items, results, strict=True)]


async def _apply(call: Call, name: str, operations: Sequence[Operation]) -> tuple[list[Result], Committed]:
    """Commit operations on one index, and return the result of each."""
    index = call.served(name)
    write = Write(index, fields_of(index), operations)
    await call.service.pool.run(write.prepare)
    done = await call.service.committers[name].commit(Edit(write.make, depends=True))
    return [write.results[at] for at in range(len(operations))], done
