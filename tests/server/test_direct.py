"""Search routes dispatched directly answer exactly as FastAPI does."""

import asyncio

import httpx2
import orjson
import pytest

from seismic import Index
from seismic_server import Settings, create_app
from seismic_server.http.direct import Otherwise

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
        ("POST", URL, orjson.dumps(GOOD | {"limit": -1}), JSON, 422),
        ("POST", URL, orjson.dumps(GOOD | {"x": "x" * 300}), JSON, 413),
        ("POST", URL, b"{", JSON, 400),
        ("POST", f"{URL}/batch", orjson.dumps({"searches": [GOOD, {"limit": -1}]}), JSON, 422),
        ("POST", "/v1/collections/no%2Fne/search", orjson.dumps(GOOD), JSON, 404),
        ("POST", "/v1/collections/none/search", orjson.dumps(GOOD), JSON, 404),
        ("POST", f"{URL}/", orjson.dumps(GOOD), JSON, 404),
        ("GET", URL, b"", {}, 405),
    ],
)
async def test_direct_dispatch_answers_like_fastapi(tiny, method, path, content, headers, status):
    app = create_app(Settings(directory=tiny, max_body_bytes=300, timeout_ms=600_000))
    answers = []
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        await until_status(200, lambda: client.get("/readyz"))
        for _ in ("direct", "FastAPI"):
            request_id = {"x-request-id": "same"}
            answers.append(await client.request(method, path, content=content, headers=headers | request_id))
            app.router.routes[:] = [route for route in app.router.routes if isinstance(route, Otherwise)]
    direct, described = answers
    assert direct.status_code == described.status_code == status
    assert without_times(direct.json()) == without_times(described.json())
    assert direct.headers.keys() == described.headers.keys()
    assert direct.headers["content-type"] == described.headers["content-type"]


def without_times(answer: dict) -> dict:
    answers = [without_times(one) for one in answer.get("answers", [])]
    return {name: value for name, value in answer.items() if name not in ("took_ms", "answers")} | {"answers": answers}


async def test_searches_bypass_fastapi(tiny):
    app = create_app(Settings(directory=tiny, timeout_ms=600_000))
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        await until_status(200, lambda: client.get("/readyz"))
        app.router.routes[:] = [route for route in app.router.routes if not isinstance(route, Otherwise)]
        assert (await client.get("/readyz")).status_code == 404
        assert (await client.post(URL, json=GOOD)).status_code == 200
        assert (await client.post(f"{URL}/batch", json={"searches": [GOOD]})).status_code == 200


@pytest.mark.parametrize("path", [URL, f"{URL}/batch"])
async def test_metrics_name_the_route(running, tiny, path):
    """`scope["route"]`, which FastAPI sets and direct dispatch has to set as well."""
    async with running(tiny) as client:
        body = GOOD if path == URL else {"searches": [GOOD]}
        assert (await client.post(path, json=body)).status_code == 200
        await asyncio.sleep(0)  # requests are counted after their answer
        text = (await client.get("/metrics")).text
    route = path.replace("tiny", "{name}")
    assert f'seismic_request_seconds_count{{route="{route}",status="200"}} 1.0' in text


async def test_failures_of_searches_are_answered(running, tiny, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("secret")

    monkeypatch.setattr(Index, "search_many", fail)
    async with running(tiny) as client:
        response = await client.post(URL, json=GOOD)
    assert response.status_code == 500
    assert "secret" not in response.text


async def test_failures_of_other_routes_are_answered(running, tiny, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("secret")

    monkeypatch.setattr(Index, "count", fail)
    async with running(tiny) as client:
        response = await client.post("/v1/collections/tiny/count", json={})
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"] == response.json()["request_id"]
    assert "secret" not in response.text
