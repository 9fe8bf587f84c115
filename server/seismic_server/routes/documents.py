"""Change documents: upsert, patch and delete."""

import time
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from fastapi import APIRouter

from seismic import Index, InputError
from seismic.changes.records import Change, Rules, check_delete
from seismic.edits.chunks import deletions, is_chunked, stale_chunks
from seismic.edits.conditions import Conditions
from seismic.edits.editor import Edit
from seismic.edits.matching import matching
from seismic.edits.state import State
from seismic.weight_range import range_problem
from seismic_server.conversion.documents import to_upserts
from seismic_server.conversion.patches import conditions_in, to_filtered_patch, to_patches
from seismic_server.conversion.texts import encode_documents, encode_patches
from seismic_server.http.json_body import JsonRoute
from seismic_server.http.strict_route import StrictRoute
from seismic_server.openapi import problems
from seismic_server.routes.collections import BARE, Name
from seismic_server.routes.reading import PREFIX, Id, ids_of
from seismic_server.schemas.bodies import ChangeAnswer, UpsertRequest
from seismic_server.schemas.changes import DeleteRequest, PatchRequest
from seismic_server.service import Service, ServiceDep

by_id = APIRouter(prefix=PREFIX, tags=["documents"], route_class=StrictRoute)
changes = APIRouter(prefix=PREFIX, tags=["documents"], route_class=JsonRoute)

PROBLEMS = problems(400, 404, 409, 413, 415, 422, 503, 507)


@changes.put("", responses=PROBLEMS, **BARE)
async def upsert_documents(name: Name, body: UpsertRequest, service: ServiceDep) -> ChangeAnswer:
    """Insert documents, or replace those with the same ids. If one document is invalid, none is written.

    The answer is sent when the change is durable and visible to searches.
    """
    started = time.perf_counter()
    index = service.collections.ready(name).frozen()
    encoded = await service.pool.run(encode_documents, index, body.documents)
    documents = encoded.documents
    conditions = Conditions([one.id for one in documents if one.if_absent], conditions_in(documents))
    parents, fresh = pa.array(encoded.parents, pa.string()), [str(one.id) for one in documents]
    warnings = list(encoded.warnings)

    def make(rules: Rules, state: State) -> Sequence[Change]:
        if conditions:
            conditions.check(rules, state)
        encoded.check(rules)
        stale = stale_chunks(parents, pa.array(fresh), rules, state) if len(parents) else []
        upserts, vectors = to_upserts(documents, rules)
        problem = range_problem(vectors, index.manifest.storage)
        warnings[:] = [*encoded.warnings, *([problem] if problem else [])]
        return [*stale, *upserts]

    depends = bool(conditions) or len(parents) > 0
    return await _commit(service, name, Edit(make, depends), len(body.documents), started, warnings)


@changes.patch("", responses=PROBLEMS, **BARE)
async def patch_documents(name: Name, body: PatchRequest, service: ServiceDep) -> ChangeAnswer:
    """Change columns or vectors of documents, by id or by a filter; what is not named stays. Unknown ids are ignored.

    The answer is sent when the change is durable and visible to searches.
    """
    started = time.perf_counter()
    index, replace = service.collections.ready(name).frozen(), body.mode == "replace"
    if body.documents is None:
        edit = Edit(lambda rules, state: to_filtered_patch(body, rules, state), depends=True)
        return await _commit(service, name, edit, None, started)
    encoded = await service.pool.run(encode_patches, index, body.documents, replace=replace)
    conditions = Conditions((), conditions_in(body.documents))
    depends = bool(conditions) or any(one.indices is not None or one.tokens is not None for one in encoded.documents)
    warnings = list(encoded.warnings)

    def make(rules: Rules, state: State) -> Sequence[Change]:
        if conditions:
            conditions.check(rules, state)
        encoded.check(rules)
        patches, vectors = to_patches(encoded.documents, rules, state, replace=replace)
        problem = range_problem(vectors, index.manifest.storage)
        warnings[:] = [*encoded.warnings, *([problem] if problem else [])]
        return patches

    return await _commit(service, name, Edit(make, depends), len(body.documents), started, warnings)


@changes.post("/delete", responses=PROBLEMS, **BARE)
async def delete_documents(name: Name, body: DeleteRequest, service: ServiceDep) -> ChangeAnswer:
    """Delete documents by id or by a filter. Unknown ids are ignored.

    The answer is sent when the change is durable and visible to searches.
    """
    started = time.perf_counter()
    service.collections.ready(name)
    filter, ids = body.filter, body.ids or []
    if filter is not None:
        edit = Edit(lambda rules, state: matching(state, filter, rules).deleted(), depends=True)
        return await _commit(service, name, edit, None, started)
    conditions = Conditions((), {} if body.if_sequence is None else dict.fromkeys(ids, body.if_sequence))
    deleting = _deleting(ids, conditions, service.collections.ready(name))
    return await _commit(service, name, deleting, len(ids), started)


@by_id.delete("/{id:any}", responses=problems(404, 422, 503, 507), **BARE)
async def delete_document(name: Name, id: Id, service: ServiceDep) -> ChangeAnswer:
    """Delete a document. An unknown id is ignored.

    The answer is sent when the change is durable and visible to searches.
    """
    started = time.perf_counter()
    ids = ids_of(service.collections.ready(name), id)
    if not len(ids):
        raise InputError(f"id: found '{id}', expected {ids.type}, as ids of this collection are")
    deleting = _deleting(ids, Conditions(), service.collections.ready(name))
    return await _commit(service, name, deleting, 1, started)


def _deleting(ids: Any, conditions: Conditions, index: Index) -> Edit:
    def make(rules: Rules, state: State) -> Sequence[Change]:
        if conditions:
            conditions.check(rules, state)
        return deletions(ids, rules, state) if is_chunked(rules) else [check_delete(ids, rules)]

    return Edit(make, bool(conditions) or is_chunked(index.view.rules))


async def _commit(
    service: Service, name: str, edit: Edit, documents: int | None, started: float, warnings: Sequence[str] = ()
) -> ChangeAnswer:
    """Commit an edit. `documents`: those of the request; None: those that it changed."""
    done = await service.committers[name].commit(edit)
    took = round((time.perf_counter() - started) * 1000, 3)
    stale = service.collections[name].stale
    if stale:  # durable, but searches do not see it yet
        warnings = [*warnings, f"the change is durable, but not searched: {stale}"]
    created, updated, deleted = done.counts or (None, None, None)
    return ChangeAnswer(
        sequence=done.sequence,
        generation=done.generation,
        documents=sum(done.counts or ()) if documents is None else documents,
        created=created,
        updated=updated,
        deleted=deleted,
        warnings=list(warnings),
        took_ms=took,
    )
