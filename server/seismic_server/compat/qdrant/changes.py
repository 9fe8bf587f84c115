"""Changes of points: upserts, deletes, payloads and vectors. Each is durable and visible when it is answered."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
import pyarrow as pa

from seismic import InputError
from seismic.changes.evolution import declared
from seismic.changes.patches import MOST_BYTES
from seismic.changes.records import Change, Rules, check_delete
from seismic.edits.editor import Edit
from seismic.edits.matching import matching
from seismic.edits.state import State
from seismic.errors import DocumentNotFoundError
from seismic.view.view import View
from seismic_server.compat.payload import flatten, payloads_of
from seismic_server.compat.qdrant.bodies import PointId
from seismic_server.compat.qdrant.change_bodies import (
    DeletePayload,
    DeleteVectors,
    Operation,
    Operations,
    Point,
    Selection,
    SetPayload,
    UpdateVectors,
    Upsert,
)
from seismic_server.compat.qdrant.filters import translated
from seismic_server.compat.qdrant.ids import is_uuid, shown, stored_in
from seismic_server.compat.qdrant.keys import excluded, merged, tree_of
from seismic_server.compat.qdrant.routing import Call
from seismic_server.compat.qdrant.vectors import Sparse, Text, check_using, names_of, read_vectors
from seismic_server.conversion.answers import encode
from seismic_server.conversion.documents import to_upserts
from seismic_server.conversion.patches import to_patches
from seismic_server.conversion.texts import EncodedDocuments, encode_documents
from seismic_server.schemas.bodies import DocumentIn, NamedVector
from seismic_server.schemas.changes import PatchIn

Payload = dict[str, Any]


async def upsert(call: Call[Upsert]) -> Payload:
    """Insert points, or replace those with the same ids. If one is invalid, none is written."""
    points = call.body.points or [] if call.body.batch is None else _points(call.body)
    vectors, check = await _vectors(call, [(point.id, point.vector) for point in points])
    last = list({str(point.id): at for at, point in enumerate(points)}.values())  # of points with equal ids

    def make(rules: Rules, state: State) -> Sequence[Change]:
        check(rules)
        ids = stored_in([points[at].id for at in last], rules.schema.field("id").type, state.exist)
        flat = flatten([points[at].payload for at in last], rules.schema, strict=rules.strict)
        added = declared(flat.fields, rules)
        rows = {id: (vectors[at], row) for id, at, row in zip(ids, last, flat.rows, strict=True)}
        documents = [DocumentIn.model_construct(id=id, payload=row, **vector) for id, (vector, row) in rows.items()]
        changes, _ = to_upserts(documents, rules.after(added))
        return [*added, *changes]

    depends = any(is_uuid(point.id) for point in points)
    return await _commit(call, Edit(make, depends) if points else None)


async def delete(call: Call[Selection]) -> Payload:
    """Delete points by id or by a filter. Unknown ids are ignored."""
    ids, filter = call.body.points, call.body.filter

    def make(rules: Rules, state: State) -> Sequence[Change]:
        if ids is None:
            return matching(state, translated(filter, state.view) or {}, rules).deleted()
        return [check_delete(stored_in(ids, rules.schema.field("id").type, state.exist), rules)]

    return await _commit(call, Edit(make, depends=True) if ids != [] else None)


async def set_payload(call: Call[SetPayload]) -> Payload:
    """Set values in payloads; other keys stay."""
    values, key = call.body.payload, call.body.key
    return await _change_payloads(call, call.body, lambda payload: merged(payload, values, key))


async def overwrite_payload(call: Call[SetPayload]) -> Payload:
    """Replace payloads."""
    if call.body.key is not None:
        raise InputError("key: a payload is overwritten as a whole; set_payload sets the values under a key")
    return await _change_payloads(call, call.body, lambda _: call.body.payload)


async def delete_payload(call: Call[DeletePayload]) -> Payload:
    """Remove keys from payloads."""
    tree = tree_of(call.body.keys)
    return await _change_payloads(call, call.body, lambda payload: excluded(payload, tree))


async def clear_payload(call: Call[Selection]) -> Payload:
    """Remove everything from payloads."""
    return await _change_payloads(call, call.body, lambda _: {})


async def update_vectors(call: Call[UpdateVectors]) -> Payload:
    """Replace the vectors of points; their payloads stay."""
    points = call.body.points
    vectors, check = await _vectors(call, [(point.id, point.vector) for point in points])

    def make(rules: Rules, state: State) -> Sequence[Change]:
        check(rules)
        ids = _existing([point.id for point in points], rules, state)
        rows = dict(zip(ids, vectors, strict=True))
        return _patched([PatchIn.model_construct(id=id, **vector) for id, vector in rows.items()], rules, state)

    return await _commit(call, Edit(make, depends=True))


async def delete_vectors(call: Call[DeleteVectors]) -> Payload:
    """Remove the vectors of points; their payloads stay."""
    view = call.index.view
    names = [check_using(name, view, "vector") for name in call.body.vector]
    empty: dict[str, Any] = {"indices": [], "values": []}
    if len(names_of(view)) > 1:
        empty = {"fields": {name: NamedVector(**empty) for name in names}}

    def make(rules: Rules, state: State) -> Sequence[Change]:
        ids = _selected(call.body, rules, state)
        return _patched([PatchIn.model_construct(id=id, **empty) for id in ids], rules, state)

    return await _commit(call, Edit(make, depends=True))


async def batch(call: Call[Operations]) -> list[Payload]:
    """Apply changes one after another. Those before an invalid one stay."""
    return [await _apply(call, operation) for operation in call.body.operations]


async def _apply(call: Call[Any], operation: Operation) -> Payload:
    ((name, body),) = ((name, getattr(operation, name)) for name in operation.model_fields_set)
    result: Payload = await _BY_NAME[name](Call(call.request, call.service, body, call.name))
    return result


_BY_NAME: dict[str, Callable[[Call[Any]], Any]] = {
    "upsert": upsert,
    "delete": delete,
    "set_payload": set_payload,
    "overwrite_payload": overwrite_payload,
    "delete_payload": delete_payload,
    "clear_payload": clear_payload,
    "update_vectors": update_vectors,
    "delete_vectors": delete_vectors,
}


def _points(body: Upsert) -> list[Point]:
    """Return the points of a batch. Raises InputError."""
    batch = body.batch
    assert batch is not None
    if not isinstance(batch.vectors, dict):
        raise InputError("batch.vectors: dense vectors are not supported, expected sparse vectors by name")
    for name, column in batch.vectors.items():
        if not isinstance(column, list) or len(column) != len(batch.ids):
            raise InputError(f"batch.vectors.{name}: expected a list of {len(batch.ids)} vectors, as there are ids")
    payloads = batch.payloads or [None] * len(batch.ids)
    return [
        Point.model_construct(
            id=id, vector={name: column[at] for name, column in batch.vectors.items()}, payload=payloads[at] or {}
        )
        for at, id in enumerate(batch.ids)
    ]


async def _vectors(
    call: Call[Any], given: Sequence[tuple[PointId, Any]]
) -> tuple[list[dict[str, Any]], Callable[[Rules], None]]:
    """Return the vector of each point as fields of a document, and what checks that the rules still fit its texts.

    Raises InputError.
    """
    index = call.index
    read = [read_vectors(vector, f"point {id}: vector", index.view) for id, vector in given]
    if len(names_of(index.view)) > 1:
        fields = [{name: NamedVector(**vector._asdict()) for name, vector in vectors.items()} for vectors in read]
        found: list[dict[str, Any]] = [{"fields": one} for one in fields]
    else:
        found = [next(iter(vectors.values()), Sparse([], []))._asdict() for vectors in read]
    texts = [row for row, vectors in enumerate(read) if any(isinstance(one, Text) for one in vectors.values())]
    documents = [DocumentIn(id=row, **found[row]) for row in texts]
    encoded = await call.service.pool.run(encode_documents, index, documents) if texts else EncodedDocuments(documents)
    for row, one in zip(texts, encoded.documents, strict=True):
        found[row] = {name: getattr(one, name) for name in ("indices", "values", "tokens", "fields")}
    return found, encoded.check


async def _change_payloads(call: Call[Any], selection: Selection, change: Callable[[Payload], Payload]) -> Payload:
    """Replace the payload of each selected point by what `change` makes of it."""

    def make(rules: Rules, state: State) -> Sequence[Change]:
        ids = _selected(selection, rules, state)
        if (size := state.payload_bytes(len(ids))) > MOST_BYTES:
            raise InputError(
                f"found {len(ids):,} points with {size:,} bytes of payload, expected at most {MOST_BYTES:,}"
            )
        payloads = [change(payload) for payload in _payloads(state.view, ids, rules)]
        flat = flatten(payloads, rules.schema, strict=rules.strict)
        added = declared(flat.fields, rules)
        patches = [PatchIn.model_construct(id=id, payload=row) for id, row in zip(ids, flat.rows, strict=True)]
        return [*added, *_patched(patches, rules.after(added), state, replace=True)]

    return await _commit(call, Edit(make, depends=True))


def _payloads(view: View, ids: Sequence[str | int], rules: Rules) -> list[Payload]:
    """Return the payloads of points as JSON has them."""
    numbers = view.find(pa.array(ids, rules.schema.field("id").type)).tolist()
    payloads: list[Payload] = orjson.loads(encode(payloads_of(view, numbers)))
    return payloads


def _selected(selection: Selection, rules: Rules, state: State) -> list[str | int]:
    """Return the ids of the points that a change is about. Raises DocumentNotFoundError for an unknown id."""
    if selection.points is not None:
        return list(dict.fromkeys(_existing(selection.points, rules, state)))
    ids: list[str | int] = state.matching(translated(selection.filter, state.view) or {}).to_pylist()
    return ids


def _existing(ids: Sequence[PointId], rules: Rules, state: State) -> list[str | int]:
    kind = rules.schema.field("id").type
    found = stored_in(ids, kind, state.exist)
    for id, exists in zip(found, state.exist(pa.array(found, kind)).tolist(), strict=True):
        if not exists:
            raise DocumentNotFoundError(f"Not found: No point with id {shown(id)} found")
    return found


def _patched(patches: list[PatchIn], rules: Rules, state: State, *, replace: bool = False) -> list[Change]:
    if not patches:
        return []
    changes, _ = to_patches(patches, rules, state, replace=replace)
    return changes


async def _commit(call: Call[Any], edit: Edit | None) -> Payload:
    """Commit an edit, if there is anything to change, and return its number."""
    collection = call.collection
    if edit is None:
        return {"operation_id": collection.index.sequence, "status": "completed"}
    done = await call.service.committers[collection.name].commit(edit)
    return {"operation_id": done.sequence, "status": "acknowledged" if collection.stale else "completed"}
