"""Searches of the OpenSearch API: search, multi-search, count, scroll, point in time, explain."""

import time
from typing import Any

from seismic import Index, SeismicError
from seismic.stop import current
from seismic_server.compat.opensearch.bodies import lines_of
from seismic_server.compat.opensearch.errors import RefusedError, refusal_of
from seismic_server.compat.opensearch.fields import Fields, fields_of
from seismic_server.compat.opensearch.leaves import EVERYTHING
from seismic_server.compat.opensearch.query import parse
from seismic_server.compat.opensearch.routing import Call
from seismic_server.compat.opensearch.scrolling import Scroll, decode_pit, decode_scroll, encode_pit, encode_scroll
from seismic_server.compat.opensearch.search import SHARDS, check_window, explained, find, query_of, write
from seismic_server.compat.opensearch.search_body import PARAMETERS, Wanted, milliseconds, parse_body
from seismic_server.conversion.answers import encode
from seismic_server.conversion.body import Body

_HEADER = frozenset(
    {"index", "search_type", "preference", "ignore_unavailable", "allow_no_indices", "expand_wildcards"}
)
"""Fields of the lines that precede searches in a multi-search."""


async def search(call: Call) -> Body:
    """Return the best hits of a query, or documents in an order; also the first page of a scroll."""
    body, arrived = await call.json(), time.monotonic()
    name, first = call.name, {}
    if body.get("pit") is not None:
        name, first = _pit(call, body["pit"]), {"pit_id": body["pit"]["id"]}
    index = call.ready(name)
    fields = fields_of(index)
    wanted = parse_body(body, call.parameters, fields)
    _begin(call, wanted, arrived)
    scroll = None
    if "scroll" in call.parameters:
        milliseconds("scroll", call.parameters["scroll"])
        if wanted.start or first:
            raise RefusedError("scroll: found from or a point in time as well, expected neither")
        known = {key: value for key, value in call.parameters.items() if key in PARAMETERS and key != "scroll"}
        scroll = Scroll(name, body, known, None, 0, [index.generation, index.sequence], False)
    shown = call.own_name(name)
    return await call.service.pool.run(_search, call, index, fields, wanted, shown, first, scroll)


async def scroll(call: Call) -> Body:
    """Return the next page of a scroll."""
    body, arrived = await call.json(), time.monotonic()
    id = body.get("scroll_id") or call.parameters.get("scroll_id") or call.id
    before = decode_scroll(id)
    index = call.ready(before.name)
    fields = fields_of(index)
    wanted = parse_body(before.body, before.parameters, fields)
    if wanted.query.sparse is not None and [index.generation, index.sequence] != before.state:
        reason = "the index has changed since the scroll began, so that its next hits are unknown; begin again"
        raise RefusedError(reason, "search_context_missing_exception", 404)
    wanted = wanted._replace(start=before.offset, after=None)
    _begin(call, wanted, arrived)
    shown = call.own_name(before.name)
    return await call.service.pool.run(_search, call, index, fields, wanted, shown, {}, before)


async def end_scroll(call: Call) -> Any:
    """End scrolls, which keep nothing."""
    ids = (await call.json()).get("scroll_id", call.id.split(",") if call.id else [])
    ids = ids if isinstance(ids, list) else [ids]
    return {"succeeded": True, "num_freed": len(ids)}


async def multi_search(call: Call) -> Any:
    """Answer several searches, each for itself."""
    lines, started = await lines_of(call.request, call.service), time.perf_counter()
    if len(lines) % 2:
        raise RefusedError(f"found {len(lines)} lines, expected a header and a search in turn", "parse_exception")
    most = call.service.settings.max_batch
    if len(lines) // 2 > most:
        raise RefusedError(f"found {len(lines) // 2} searches, expected at most {most} (setting max_batch)")
    pairs = [(lines[at], lines[at + 1]) for at in range(0, len(lines), 2)]
    prepared = [_one_of_many(call, header, body) for header, body in pairs]
    ends = [one[2].start + one[2].size for one in prepared if not isinstance(one, RefusedError)]
    if sum(ends) > call.service.settings.max_batch_hits:
        most = call.service.settings.max_batch_hits
        raise RefusedError(f"found {sum(ends)} hits in all searches, expected at most {most} (setting max_batch_hits)")
    return await call.service.pool.run(_multi_search, call, prepared, started)


async def count(call: Call) -> Any:
    """Count the documents that match a query."""
    body = await call.json()
    for name in body:
        if name != "query":
            raise RefusedError(f"count: field '{name}' is not supported, expected query", "parsing_exception")
    index = call.ready(call.name)
    fields = fields_of(index)
    parsed = parse(body.get("query"), fields, scored=False)

    def run() -> dict[str, Any]:
        if parsed.sparse is None:
            found = index.count(parsed.filter)
        else:
            found = index.count_matches(query_of(parsed, fields, call.service), parsed.filter)
        return {"count": found, "_shards": SHARDS}

    return await call.service.pool.run(run)


async def explain(call: Call) -> Any:
    """Explain the score of a document."""
    body = await call.json()
    index = call.ready(call.name)
    fields = fields_of(index)
    parsed = parse(body.get("query"), fields)
    ids = fields.known_ids([call.id])
    content = {"_index": call.own_name(call.name), "_id": call.id}

    def run() -> dict[str, Any]:
        if not ids or not index.exists(ids)[0]:
            return {**content, "matched": False}
        if parsed.sparse is not None:
            query = query_of(parsed, fields, call.service)
            return {
                **content,
                **explained(index, query, parsed.filter, ids[0], parsed.scale, next(iter(parsed.sparse))),
            }
        condition = {"must": [parsed.filter or EVERYTHING, {"ids": ids}]}
        matched = index.count(condition) > 0
        explanation = {"value": parsed.score if matched else 0.0, "description": "constant score", "details": []}
        return {**content, "matched": matched, "explanation": explanation}

    return await call.service.pool.run(run)


async def create_pit(call: Call) -> Any:
    """Begin a point in time: an order of documents in which each that does not change comes once."""
    call.ready(call.name)
    milliseconds("keep_alive", call.parameters.get("keep_alive", ""))
    id = encode_pit(call.name)
    return {"pit_id": id, "_shards": SHARDS, "creation_time": int(time.time() * 1000)}


async def delete_pit(call: Call) -> Any:
    """End points in time, which keep nothing."""
    ids = (await call.json()).get("pit_id", [])
    ids = ids if isinstance(ids, list) else [ids]
    for id in ids:
        decode_pit(id)
    return {"pits": [{"pit_id": id, "successful": True} for id in ids]}


def _pit(call: Call, pit: Any) -> str:
    if not isinstance(pit, dict) or not pit.keys() <= {"id", "keep_alive"}:
        raise RefusedError("pit: expected an object with id and keep_alive", "parsing_exception")
    if call.name:
        raise RefusedError("[indices] cannot be used with point in time: leave out the index in the path")
    return decode_pit(pit.get("id"))


def _begin(call: Call, wanted: Wanted, arrived: float) -> None:
    """Check the limits of a search, and begin its deadline."""
    check_window(wanted, call.service)
    if wanted.timeout_ms:
        current().after(wanted.timeout_ms, since=arrived)


def _search(
    call: Call, index: Index, fields: Fields, wanted: Wanted, name: str, first: dict[str, Any], scroll: Scroll | None
) -> Body:
    started, body = time.perf_counter(), Body(call.service.settings.max_answer_bytes)
    current().limit = body.reserve
    if scroll is None:
        found = find(call.service, index, fields, wanted)
    else:
        found, following = _page(call, index, fields, wanted, scroll)
        first = {"_scroll_id": encode_scroll(following)}
    write(body, index, fields, wanted, found, name, started, first)
    return body


def _page(call: Call, index: Index, fields: Fields, wanted: Wanted, scroll: Scroll) -> Any:
    """Return a page of a scroll, and the scroll that continues after it."""
    if scroll.ended:
        wanted = wanted._replace(size=0)
    found = find(call.service, index, fields, wanted, scroll.cursor)
    if wanted.query.sparse is None:
        return found, scroll._replace(cursor=found.cursor, ended=found.cursor is None)
    offset = scroll.offset + len(found.numbers)
    return found, scroll._replace(offset=offset, ended=len(found.numbers) < wanted.size)


def _one_of_many(call: Call, header: Any, body: Any) -> RefusedError | tuple[Index, Fields, Wanted, str]:
    """Return a search of a multi-search, or why it is refused."""
    try:
        if not isinstance(header, dict) or not isinstance(body, dict):
            raise RefusedError("found a line that is no object, expected a header and a search", "parse_exception")
        if unknown := header.keys() - _HEADER:
            raise RefusedError(f"msearch: field '{min(unknown)}' is not supported in a header, expected index")
        name = header.get("index", call.name)
        name = name[0] if isinstance(name, list) and len(name) == 1 else name
        index = call.ready(name if isinstance(name, str) else "")
        fields = fields_of(index)
        wanted = parse_body(body, {}, fields)
        check_window(wanted, call.service)
        return index, fields, wanted, call.own_name(name)
    except SeismicError as error:
        return _own(error)


def _multi_search(call: Call, prepared: list[Any], started: float) -> Body:
    body = Body(call.service.settings.max_answer_bytes)
    current().limit = body.reserve
    body.add(b'{"responses":[')
    for at, one in enumerate(prepared):
        if at:
            body.add(b",")
        if isinstance(one, RefusedError):
            _write_refusal(body, one)
            continue
        index, fields, wanted, name = one
        began = time.perf_counter()
        try:
            found = find(call.service, index, fields, wanted)
        except SeismicError as error:
            _write_refusal(body, _own(error))
            continue
        write(body, index, fields, wanted, found, name, began, {"status": 200})
    took = int((time.perf_counter() - started) * 1000)
    body.add(b'],"took":%d}' % took)
    return body


def _own(error: SeismicError) -> RefusedError:
    """Return the error of one search of many. Raises an error that all of them share."""
    refusal = refusal_of(error)
    if refusal.status not in (400, 403, 404):
        raise error
    return refusal


def _write_refusal(body: Body, refusal: RefusedError) -> None:
    body.add(encode(refusal.body))
