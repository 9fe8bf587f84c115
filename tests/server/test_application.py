"""The short way to the routes that are asked most, and the long one."""

import httpx
import orjson
import pytest

from seismic import Index
from seismic_server import Settings, create_app

from .conftest import until_status

pytestmark = pytest.mark.anyio

URL = "/v1/collections/tiny/search"
GOOD = {"query": {"indices": [1], "values": [1.0]}}
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status"),
    [
        ("POST", URL, orjson.dumps(GOOD), JSON, 200),
        ("POST", f"{URL}/batch", orjson.dumps({"searches": [GOOD, GOOD]}), JSON, 200),
        ("POST", URL, orjson.dumps(GOOD), {"content-type": "text/plain"}, 415),
        ("POST", URL, orjson.dumps(GOOD | {"limit": 0}), JSON, 422),
        ("POST", URL, orjson.dumps(GOOD | {"x": "x" * 300}), JSON, 413),
        ("POST", URL, b"{", JSON, 400),
        ("POST", f"{URL}/batch", orjson.dumps({"searches": [GOOD, {}]}), JSON, 422),
        ("POST", "/v1/collections/no%2Fne/search", orjson.dumps(GOOD), JSON, 404),
        ("POST", "/v1/collections/none/search", orjson.dumps(GOOD), JSON, 404),
        ("POST", f"{URL}/", orjson.dumps(GOOD), JSON, 404),
        ("GET", URL, b"", {}, 405),
    ],
)
async def test_both_ways_give_the_same_answer(tiny, method, path, content, headers, status):
    app = create_app(Settings(directory=tiny, max_body_bytes=300, timeout_ms=600_000))
    answers = []
    async with app.api.router.lifespan_context(app.api):
        for way in (app, app.api):
            transport = httpx.ASGITransport(way)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                await until_status(200, lambda client=client: client.get("/readyz"))
                request_id = {"x-request-id": "same"}
                answers.append(await client.request(method, path, content=content, headers=headers | request_id))
    short, long = answers
    assert short.status_code == long.status_code == status
    assert without_times(short.json()) == without_times(long.json())
    assert short.headers.keys() == long.headers.keys()
    assert short.headers["content-type"] == long.headers["content-type"]


def without_times(answer: dict) -> dict:
    answers = [without_times(one) for one in answer.get("answers", [])]
    return {name: value for name, value in answer.items() if name not in ("took_ms", "answers")} | {"answers": answers}


async def test_searches_do_not_go_through_the_routes_of_the_framework(tiny):
    app = create_app(Settings(directory=tiny, timeout_ms=600_000))
    transport = httpx.ASGITransport(app)
    async with (
        app.api.router.lifespan_context(app.api),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        await until_status(200, lambda: client.get("/readyz"))
        app.api.router.routes.clear()
        assert (await client.get("/readyz")).status_code == 404
        assert (await client.post(URL, json=GOOD)).status_code == 200


async def test_failures_on_the_short_way(running, tiny, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("secret")

    monkeypatch.setattr(Index, "search_many", fail)
    async with running(tiny) as client:
        response = await client.post(URL, json=GOOD)
    assert response.status_code == 500
    assert "secret" not in response.text
