"""Queries of points: one, several, and groups."""

import time
from collections.abc import Sequence

from seismic import Answer, Index, ParameterError, SearchRequest
from seismic_server.access.limits import check_query
from seismic_server.access.values import check_values
from seismic_server.compat.qdrant.plans import Found, Plan, group_search, plan_of
from seismic_server.compat.qdrant.read_bodies import GroupQuery, Queries, Query
from seismic_server.compat.qdrant.routing import Call
from seismic_server.compat.qdrant.showing import write_points
from seismic_server.conversion.answers import encode
from seismic_server.conversion.body import Body
from seismic_server.routes.search import LARGE_BATCH
from seismic_server.service import Service
from seismic_server.settings import Settings


async def query(call: Call[Query]) -> Body:
    """Return the points with the largest inner products with a query, best first."""
    _check_limit(call.body, call.service.settings)

    def read(index: Index, body: Body) -> Body:
        (found,) = _find(call.service, index, [plan_of(call.body, index)])
        _write(body, index, call.body, found)
        return body

    return await call.read(read)


async def query_batch(call: Call[Queries]) -> Body:
    """Return the points of several queries, in their order."""
    queries, settings = call.body.searches, call.service.settings
    if len(queries) > settings.max_batch:
        raise ParameterError(
            f"searches: found {len(queries)}, expected at most {settings.max_batch} (setting max_batch)"
        )
    for one in queries:
        _check_limit(one, settings)
    if (hits := sum(one.limit + one.offset for one in queries)) > settings.max_batch_hits:
        most = f"at most {settings.max_batch_hits} (setting max_batch_hits)"
        raise ParameterError(f"searches: found {hits} points requested, expected {most}")

    def read(index: Index, body: Body) -> Body:
        body.add(b"[")
        for at, found in enumerate(_find(call.service, index, [plan_of(one, index) for one in queries])):
            body.add(b"," if at else b"")
            _write(body, index, queries[at], found)
        body.add(b"]")
        return body

    return await call.read(read)


async def query_groups(call: Call[GroupQuery]) -> Body:
    """Return the best points of the best groups; a group is the points with one value under a key."""
    most = call.service.settings.max_limit
    if (found := call.body.limit * call.body.group_size) > most:
        raise ParameterError(f"limit: found {found} points requested, expected at most {most} (setting max_limit)")

    def read(index: Index, body: Body) -> Body:
        body.add(b'{"groups":[')
        search = group_search(call.body, index)
        answers = [] if search is None else _ask(call.service, index, [search])
        for at, group in enumerate(group for answer in answers for group in answer.groups or ()):
            body.add(b'%b{"id":%b,"hits":' % (b"," if at else b"", encode(group.value)))
            more = [{"version": 0, "score": hit.score} for hit in group.hits]
            write_points(body, index, [hit.number for hit in group.hits], call.body, more)
            body.add(b"}")
        body.add(b"]}")
        return body

    return await call.read(read)


def _write(body: Body, index: Index, asked: Query, found: Found) -> None:
    body.add(b'{"points":')
    write_points(body, index, found.numbers, asked, found.more)
    body.add(b"}")


def _find(service: Service, index: Index, plans: Sequence[Plan]) -> list[Found]:
    """Return what each plan finds. All their searches are answered together."""
    answers = iter(_ask(service, index, [search for plan in plans for search in plan.searches]))
    return [plan.finish([next(answers) for _ in plan.searches]) for plan in plans]


def _ask(service: Service, index: Index, searches: Sequence[SearchRequest]) -> list[Answer]:
    if not searches:
        return []
    for one in searches:
        if isinstance(one.query, dict):
            check_query(one.query, service.settings)
    check_values(searches, service.settings)
    began = time.perf_counter()
    threads = 1 + service.pool.spare() if len(searches) >= LARGE_BATCH else 1
    answers = index.search_many(searches, threads)
    service.count_answers(index, searches, answers, time.perf_counter() - began)
    return answers


def _check_limit(asked: Query, settings: Settings) -> None:
    prefetches = asked.prefetch if isinstance(asked.prefetch, list) else [asked.prefetch] if asked.prefetch else []
    for name, found in [("limit", asked.limit + asked.offset), *(("prefetch.limit", one.limit) for one in prefetches)]:
        if found > settings.max_limit:
            expected = f"expected at most {settings.max_limit}, with the offset (setting max_limit)"
            raise ParameterError(f"{name}: found {found}, {expected}")
