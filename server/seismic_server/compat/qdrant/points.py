"""Reads of points: by id, page by page, counts and facets."""

from typing import Any

from seismic import Index, InputError, SearchRequest
from seismic.errors import DocumentNotFoundError
from seismic.search.request import FacetBy, OrderBy
from seismic_server.compat.payload import LISTS, TIMES, column_of
from seismic_server.compat.qdrant.filters import Column, columns_at, translated
from seismic_server.compat.qdrant.ids import shown, stored
from seismic_server.compat.qdrant.keys import column_key
from seismic_server.compat.qdrant.read_bodies import CountPoints, Facet, Retrieve, Scroll
from seismic_server.compat.qdrant.read_bodies import OrderBy as OrderPoints
from seismic_server.compat.qdrant.routing import Call
from seismic_server.compat.qdrant.showing import write_points
from seismic_server.conversion.answers import encode
from seismic_server.conversion.body import Body
from seismic_server.routes.reading import check_limit

MOST_VALUES = 10_000
"""Most values of a facet."""


async def retrieve(call: Call[Retrieve]) -> Body:
    """Return points by id, in the order of the ids; unknown ids are left out."""
    asked = call.body
    check_limit("ids", len(asked.ids), call.service)

    def read(index: Index, body: Body) -> Body:
        numbers = [number for number in index.find(stored(asked.ids, index.view)).tolist() if number >= 0]
        write_points(body, index, numbers, asked)
        return body

    return await call.read(read)


async def get(call: Call[None]) -> Body:
    """Return the point of an id."""
    id = call.request.path_params["id"]

    def read(index: Index, body: Body) -> Body:
        (number,) = index.find(stored([id], index.view)).tolist()
        if number < 0:
            raise DocumentNotFoundError(f"Not found: Point with id {id} does not exists!")
        written = Body(call.service.settings.max_answer_bytes)
        write_points(written, index, [number], Retrieve(ids=[id], with_vector=True))
        body.add(b"".join(written.parts)[1:-1])
        return body

    return await call.read(read)


async def scroll(call: Call[Scroll]) -> Body:
    """Return a page of points, and the id of the next page's first one. Integers come first, by value."""
    asked = call.body
    check_limit("limit", asked.limit, call.service)
    if asked.order_by is not None and asked.offset is not None:
        raise InputError("offset: pages in the order of a key have none, expected start_from in order_by")

    def read(index: Index, body: Body) -> Body:
        body.add(b'{"points":')
        following = None
        if asked.order_by is not None:
            numbers, values = ordered(index, asked.order_by, asked.limit, asked.filter)
            write_points(body, index, numbers, asked, values)
        else:
            start = None if asked.offset is None else stored([asked.offset], index.view)[0]
            numbers, following = index.browse_ids(translated(asked.filter, index.view), asked.limit, start)
            write_points(body, index, numbers, asked)
        body.add(b',"next_page_offset":%b}' % encode(None if following is None else shown(following)))
        return body

    return await call.read(read)


async def count(call: Call[CountPoints]) -> dict[str, int]:
    """Return the number of points that match a filter. It is always exact."""
    return await call.read(lambda index, _: {"count": index.count(translated(call.body.filter, index.view))})


async def facet(call: Call[Facet]) -> dict[str, Any]:
    """Return the most frequent values under a key, and their numbers of points."""
    asked = call.body
    if asked.limit > MOST_VALUES:
        raise InputError(f"limit: found {asked.limit}, expected at most {MOST_VALUES}")
    key = column_key(asked.key)

    def read(index: Index, _: Body) -> dict[str, Any]:
        columns = columns_at(key, index.view)
        if any(one.word not in ("a string", "an integer", "a boolean") for one in columns):
            raise InputError(f"key: '{asked.key}' has other values than strings, integers or booleans")
        limit = asked.limit if len(columns) == 1 else MOST_VALUES
        facets = [FacetBy(key=one.name, limit=limit) for one in columns]
        if not facets:
            return {"hits": []}
        answer = index.ask(SearchRequest(limit=0, filter=translated(asked.filter, index.view), facets=facets))
        return {"hits": _merged(list((answer.facets or {}).values()), asked)}

    return await call.read(read)


def _merged(facets: list[list[Any]], asked: Facet) -> list[dict[str, Any]]:
    """Return the values of all columns of a key, the most frequent first."""
    counts: dict[Any, int] = {}
    for values in facets:
        if len(facets) > 1 and len(values) == MOST_VALUES:
            raise InputError(f"key: '{asked.key}' has {MOST_VALUES} values or more, in lists and alone, expected fewer")
        for one in values:
            counts[one.value] = counts.get(one.value, 0) + one.count
    best = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[: asked.limit]
    return [{"value": value, "count": number} for value, number in best]


def ordered(
    index: Index, by: str | OrderPoints, limit: int, filter: Any, skipped: int = 0
) -> tuple[list[int], list[dict[str, Any]]]:
    """Return document numbers in the order of a key, and the value of each. Points without one are left out."""
    by = OrderPoints(key=by) if isinstance(by, str) else by
    column = order_column(index, by.key)
    if column is None:
        return [], []
    conditions: list[Any] = [{"exists": {"key": column}}]
    if by.start_from is not None:
        bound = "gte" if by.direction == "asc" else "lte"
        conditions.append(translated({"must": [{"key": by.key, "range": {bound: by.start_from}}]}, index.view))
    if filter is not None:
        conditions.append(translated(filter, index.view))
    order = OrderBy(key=column, direction=by.direction)
    numbers, _ = index.browse({"must": conditions}, limit + skipped, None, order)
    numbers = numbers[skipped:]
    values = (row[column] for row in index.payloads(numbers, [column]))
    return numbers, [{"order_value": _order_value(value)} for value in values]


def order_column(index: Index, key: str, where: str = "order_by", *, texts: bool = False) -> str | None:
    """Return the column of single values under a key; None if no point has one. Raises InputError for others."""
    columns = columns_at(column_key(key), index.view)
    if not columns:
        return None
    first: Column = columns[0]
    times = TIMES + column_of(column_key(key))
    if len(columns) > 1 or first.name.startswith(LISTS) or first.is_list:
        raise InputError(f"{where}: found lists under the key '{key}', expected single values")
    if first.word == "a string" and not texts:
        if times not in index.columns or LISTS + times in index.columns:
            raise InputError(f"{where}: found texts under the key '{key}', expected numbers, or dates and times")
        return times
    return first.name


def _order_value(value: Any) -> Any:
    return value if isinstance(value, int | float) else round(value.timestamp() * 1_000_000)
