"""Reading documents by id in the OpenSearch API."""

from collections.abc import Sequence
from typing import Any

from fastapi import Response

from seismic import Index
from seismic.errors import SeismicError
from seismic.stop import current
from seismic_server.compat.opensearch.documents import sources_of
from seismic_server.compat.opensearch.errors import RefusedError, refusal_of
from seismic_server.compat.opensearch.fields import fields_of
from seismic_server.compat.opensearch.routing import Call, with_status
from seismic_server.compat.opensearch.search_body import source_of
from seismic_server.compat.opensearch.source import Source, parse_source
from seismic_server.conversion.answers import encode
from seismic_server.conversion.body import Body

SOURCE = ("_source", "_source_includes", "_source_excludes")


async def get(call: Call) -> Response:
    """Return a document."""
    index, source = call.ready(call.name), source_of(call.parameters)
    (found,) = await call.service.pool.run(_found, index, call.own_name(call.name), [(call.id, source)])
    return with_status(found, 200 if found["found"] else 404)


async def get_source(call: Call) -> Any:
    """Return a document without what surrounds it."""
    index, source = call.ready(call.name), source_of(call.parameters)
    (found,) = await call.service.pool.run(_found, index, call.own_name(call.name), [(call.id, source)])
    if not found["found"]:
        reason = f"Document not found [{call.name}]/[{call.id}]"
        raise RefusedError(reason, "resource_not_found_exception", 404)
    return found.get("_source", {})


async def get_many(call: Call) -> Body:
    """Return several documents."""
    body = await call.json()
    usual = source_of(call.parameters)
    wanted = [_wanted(one, call.name, usual) for one in _listed(body)]
    most = call.service.settings.max_limit
    if len(wanted) > most:
        raise RefusedError(f"found {len(wanted)} documents, expected at most {most} (setting max_limit)")
    places: dict[str, list[int]] = {}
    for at, (name, _, _) in enumerate(wanted):
        places.setdefault(name, []).append(at)
    indices: dict[str, Index | RefusedError] = {name: _opened(call, name) for name in places}
    return await call.service.pool.run(_get_many, call, wanted, places, indices)


def _listed(body: dict[str, Any]) -> list[Any]:
    given = [name for name in ("docs", "ids") if name in body]
    if len(given) != 1 or len(body) != 1 or not isinstance(body[given[0]], list):
        raise RefusedError("mget: expected either docs or ids, a list", "action_request_validation_exception")
    if given == ["ids"]:
        return [{"_id": id} for id in body["ids"]]
    return list(body["docs"])


def _wanted(one: Any, index: str, usual: Source) -> tuple[str, str, Source]:
    if not isinstance(one, dict) or not one.keys() <= {"_index", "_id", "_source", "routing"}:
        raise RefusedError(
            "mget: found a document with other fields, expected _index, _id and _source", "parsing_exception"
        )
    name, id = one.get("_index", index), one.get("_id")
    if not isinstance(name, str) or not name:
        raise RefusedError("mget: index is missing", "action_request_validation_exception")
    if not isinstance(id, str | int) or isinstance(id, bool):
        raise RefusedError("mget: id is missing", "action_request_validation_exception")
    return name, str(id), parse_source(one["_source"]) if "_source" in one else usual


def _opened(call: Call, name: str) -> Index | RefusedError:
    try:
        return call.ready(name)
    except SeismicError as error:
        refusal = refusal_of(error)
        if refusal.status not in (400, 403, 404):
            raise
        return refusal


def _get_many(
    call: Call,
    wanted: Sequence[tuple[str, str, Source]],
    places: dict[str, list[int]],
    indices: dict[str, Index | RefusedError],
) -> Body:
    documents: list[dict[str, Any]] = [{} for _ in wanted]
    body = Body(call.service.settings.max_answer_bytes)
    current().limit = body.reserve
    for name, listed in places.items():
        index = indices[name]
        if isinstance(index, RefusedError):
            for at in listed:
                documents[at] = {"_index": name, "_id": wanted[at][1], "error": index.body["error"]}
            continue
        asked = [(wanted[at][1], wanted[at][2]) for at in listed]
        for at, document in zip(listed, _found(index, call.own_name(name), asked), strict=True):
            documents[at] = document
    body.add(b'{"docs":')
    body.add(encode(documents))
    body.add(b"}")
    return body


def _found(index: Index, name: str, wanted: Sequence[tuple[str, Source]]) -> list[dict[str, Any]]:
    """Return documents by id, each with what to show of it."""
    fields = fields_of(index)
    known = [fields.known_ids([id]) for id, _ in wanted]
    numbers = iter(index.find([one[0] for one in known if one]).tolist() if any(known) else [])
    documents = []
    for (id, source), one in zip(wanted, known, strict=True):
        number = next(numbers) if one else -1
        document: dict[str, Any] = {"_index": name, "_id": id, "found": number >= 0}
        if number >= 0:
            document |= {"_version": index.sequence, "_seq_no": index.sequence, "_primary_term": 1}
            if source.shown:
                document["_source"] = sources_of(index, [number], source, fields)[0]
        documents.append(document)
    return documents
