"""Bodies that are parsed faster are parsed with the same results."""

from typing import Any

import fastapi
import httpx2
import orjson
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette

from seismic_server.http.direct import direct_routes
from seismic_server.http.json_body import JsonRoute
from seismic_server.schemas.search import BatchRequest, SearchRequest

from .test_problems import GOOD, JSON

FULL = {"query": GOOD, "limit": 3, "params": {"plan": "exact"}, "with_payload": False}
ALONE = TypeAdapter(list[SearchRequest])


async def answer(name: str, body: SearchRequest, service: None = None) -> Response:
    return Response(body.model_dump_json())


async def refuse(request: Request, error: Exception) -> Response:
    """Answer with everything that problem documents are built from."""
    assert isinstance(error, fastapi.exceptions.RequestValidationError)
    shown = [{name: one.get(name) for name in ("type", "loc", "input", "ctx")} for one in error.errors()]
    if shown[0]["type"] in ("json_invalid", "missing"):  # problem documents do not show their input
        shown = [one | {"input": None} for one in shown]
    return Response(orjson.dumps([shown, error.body], default=str), 422)


@pytest.fixture(scope="module")
def apps() -> tuple[FastAPI, Starlette]:
    """The same endpoint, called by FastAPI and directly."""
    router = APIRouter(route_class=JsonRoute)
    router.post("/{name}", response_model=None)(answer)
    handlers: dict[Any, Any] = {fastapi.exceptions.RequestValidationError: refuse}
    described, direct = FastAPI(exception_handlers=handlers), Starlette(exception_handlers=handlers)
    described.include_router(router)
    direct.routes.extend(direct_routes(router))
    direct.state.service = described.state.service = None
    return described, direct


@pytest.mark.anyio
@pytest.mark.parametrize(
    "content",
    [
        orjson.dumps(FULL),
        orjson.dumps({"query": {"positive": ["a", GOOD], "negative": []}, "facets": [{"key": "x"}]}),
        orjson.dumps({"query": GOOD, "lmit": 5, "limit": "5"}),
        orjson.dumps({"query": {"indices": [1.5, -1], "values": [0]}}),
        orjson.dumps({"query": {"words": 1}}),
        orjson.dumps({"query": GOOD, "params": {"plan": "fast"}}),
        b"[]",
        b"null",
        b"7",
        b"{",
        b'{"query": NaN}',
        b"\xff",
        b"[" * 100_000,
        b"",
    ],
    ids=range(14),
)
async def test_direct_routes_answer_like_fastapi(apps: tuple[FastAPI, Starlette], content: bytes) -> None:
    answers = []
    for app in apps:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
            answers.append(await client.post("/x", content=content, headers=JSON))
    described, direct = answers
    assert (direct.status_code, direct.text) == (described.status_code, described.text)


@pytest.mark.parametrize(
    "searches",
    [
        [FULL, FULL | {"query": {"indices": [7], "values": [2]}}, FULL],
        [FULL, FULL | {"limit": 4}, FULL, {"query": {"tokens": {"a": 1}}}, {"query": {"id": 7}}],
        [FULL, FULL | {"filter": {"must": [{"key": "year", "range": {"lt": 1990}}]}}],
        [FULL | {"limit": 1}, FULL | {"limit": True}],
        [FULL | {"limit": 1}, FULL | {"limit": 1.0}],
        [FULL | {"explain": True}, FULL | {"explain": 1}],
        [FULL, FULL | {"lmit": 1}],
        [FULL, FULL | {"query": {"indices": [1], "values": [0]}}],
        [FULL, FULL | {"query": {"indices": [True], "values": [1]}}],
        [FULL, FULL | {"params": {"recall": 0.9, "plan": "exact"}}],
        [FULL, {"limit": 3}],
        [FULL, []],
        [FULL, "query"],
        [FULL],
        {"query": GOOD},
        "query",
        None,
    ],
)
def test_searches_of_a_batch_are_checked_as_each_alone(searches: Any) -> None:
    try:
        expected: Any = ALONE.validate_python(searches)
    except ValidationError as error:
        expected = [{**one, "loc": ("searches", *one["loc"])} for one in error.errors(include_url=False)]
    try:
        found: Any = BatchRequest.model_validate({"searches": searches}).searches
        assert [one.model_fields_set for one in found] == [one.model_fields_set for one in expected]
    except ValidationError as error:
        found = error.errors(include_url=False)
    assert repr(found) == repr(expected)  # exceptions compare by identity


def test_a_batch_has_searches() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        BatchRequest.model_validate({"searches": []})
