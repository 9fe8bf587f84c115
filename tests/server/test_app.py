"""Tests that reach into the application: limits, failures, warm-up, column types."""

import asyncio
import base64
import datetime
import json
import threading
from collections.abc import AsyncIterator
from decimal import Decimal

import pyarrow as pa
import pytest
import structlog

import seismic
from seismic import CorruptIndexError, Index, SparseVectors
from seismic_server import Settings, create_app
from seismic_server.access.keys import create_key

from .conftest import PATIENCE, until_status
from .test_problems import problem

pytestmark = pytest.mark.anyio

URL = "/v1/collections/tiny/search"
BODY = {"query": {"indices": [1], "values": [1.0]}}


async def test_collections(running, tiny):
    seismic.build(SparseVectors.from_dicts([{0: 1.0}]), tiny / "also", vocabulary=seismic.Vocabulary(["x"]))
    (tiny / "not a collection").mkdir()
    async with running(tiny) as client:
        listed = (await client.get("/v1/collections")).json()["collections"]
        assert [one["name"] for one in listed] == ["also", "tiny"]
        assert listed[1].pop("integrity") in ("unchecked", "sound")
        assert listed[1] == {
            "name": "tiny",
            "generation": "000001",
            "state": "ready",
            "sequence": 0,
            "documents": 3,
            "changed": 0,
            "dimension": 4,
            "layout": "shared",
            "columns": ["title", "year"],
            "types": {"id": "string", "title": "string", "year": "int64"},
            "has_vocabulary": False,
            "shards": 1,
        }
        assert listed[0]["has_vocabulary"]
        alone = (await client.get("/v1/collections/tiny")).json()
        assert alone.pop("integrity") in ("unchecked", "sound")
        assert alone == listed[1]
        ready = (await client.get("/readyz")).json()
        assert {one.pop("integrity") for one in ready["collections"]} <= {"unchecked", "sound"}
        assert ready == {
            "status": "ready",
            "ready": 2,
            "unavailable": 0,
            "collections": [{"name": one, "generation": "000001"} for one in ("also", "tiny")],
        }


async def test_the_folder_of_one_collection_can_be_served(running, tiny):
    async with running(tiny / "tiny") as client:
        answer = (await client.post(URL, json=BODY)).json()
        assert [hit["id"] for hit in answer["hits"]] == ["a", "b"]


async def test_tokens_without_a_vocabulary(running, tiny):
    async with running(tiny) as client:
        found = problem(await client.post(URL, json={"query": {"tokens": {"x": 1}}}), 422)
        assert "no vocabulary" in found.detail


async def test_searches_wait_for_the_kernels_and_health_does_not(running, tiny, monkeypatch):
    warm = threading.Event()
    monkeypatch.setattr(Index, "warm_up", lambda index: warm.wait())
    async with running(tiny, wait=False) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        for response in (await client.get("/readyz"), await client.post(URL, json=BODY)):
            found = problem(response, 503)
            assert found.type == "urn:problem-type:seismic:not-ready"
            assert "tiny" in found.detail
            assert response.headers["retry-after"] == "1"
        assert (await client.get("/v1/collections/tiny")).json()["state"] == "warming"
        warm.set()
        await until_status(200, lambda: client.get("/readyz"))
        assert (await client.post(URL, json=BODY)).status_code == 200


async def test_a_collection_that_cannot_warm_up_is_never_ready(running, tiny, monkeypatch):
    def fail(index: Index) -> None:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(Index, "warm_up", fail)
    with structlog.testing.capture_logs() as lines:
        async with running(tiny, wait=False) as client:
            async with asyncio.timeout(PATIENCE):
                while not any(line["event"] == "collection failed to warm up" for line in lines):
                    await asyncio.sleep(0.01)
            for response in (await client.get("/readyz"), await client.post(URL, json=BODY)):
                assert "'tiny' failed to warm up" in problem(response, 503).detail
            assert (await client.get("/v1/collections/tiny")).json()["state"] == "failed"
            assert (await client.get("/healthz")).status_code == 200


@pytest.fixture
async def held(running, tiny, monkeypatch) -> AsyncIterator[tuple]:
    """(client, started, release): one thread, no queue; searches hold their thread until released."""
    search, started, release = Index.search_many, threading.Event(), threading.Event()

    def ask(*arguments, **options):
        started.set()
        release.wait()
        return search(*arguments, **options)

    monkeypatch.setattr(Index, "search_many", ask)
    async with running(tiny, threads=1, queue=0) as client:
        yield client, started, release
        release.set()


async def test_a_full_pool_refuses_and_the_event_loop_goes_on(held):
    client, started, release = held
    first = asyncio.create_task(client.post(URL, json=BODY))
    await asyncio.to_thread(started.wait)
    refused = await client.post(URL, json=BODY)
    assert problem(refused, 503).type == "urn:problem-type:seismic:overloaded"
    assert refused.headers["retry-after"] == "1"
    assert (await client.get("/healthz")).status_code == 200
    release.set()
    assert (await first).status_code == 200
    assert (await client.post(URL, json=BODY)).status_code == 200


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("secret"), "about:blank"),
        (CorruptIndexError("/secret/path is damaged"), "urn:problem-type:seismic:storage"),
    ],
)
async def test_failures_are_logged_and_hidden_from_the_client(running, tiny, monkeypatch, error, kind):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(Index, "search_many", fail)
    async with running(tiny) as client:
        with structlog.testing.capture_logs() as lines:
            response = await client.post(URL, json=BODY)
        found = problem(response, 500)
        assert found.type == kind
        assert "secret" not in response.text
        assert found.request_id in found.detail
        logged = next(line for line in lines if line["event"] == "request failed")
        assert logged["exc_info"] in (True, error)
        assert (await client.get("/healthz")).status_code == 200


async def test_a_body_too_large_by_its_declared_length(running, tiny):
    async with running(tiny, max_body_bytes=100) as client:
        assert (await client.post(URL, json=BODY)).status_code == 200
        found = problem(await client.post(URL, json=BODY | {"x": "x" * 100}), 413)
        assert "at most 100 (setting max_body_bytes)" in found.detail


async def test_a_body_too_large_as_it_arrives(running, tiny):
    async def chunks():
        for _ in range(10):
            yield b" " * 20

    async with running(tiny, max_body_bytes=100) as client:
        response = await client.post(URL, content=chunks(), headers={"content-type": "application/json"})
        assert "content-length" not in response.request.headers
        problem(response, 413)


async def test_max_limit_is_a_setting_and_documented(running, tiny):
    async with running(tiny, max_limit=2) as client:
        assert (await client.post(URL, json=BODY | {"limit": 2})).status_code == 200
        problem(await client.post(URL, json=BODY | {"limit": 3}), 422)
        schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
        assert schemas["SearchRequest"]["properties"]["limit"]["maximum"] == 2


async def test_max_batch_is_a_setting_and_documented(running, tiny):
    async with running(tiny, max_batch=2) as client:
        assert (await client.post(f"{URL}/batch", json={"searches": [BODY] * 2})).status_code == 200
        problem(await client.post(f"{URL}/batch", json={"searches": [BODY] * 3}), 422)
        schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
        assert schemas["BatchRequest"]["properties"]["searches"]["maxItems"] == 2


async def test_the_hits_of_a_batch_are_bounded_together(running, tiny):
    async with running(tiny, max_batch_hits=5) as client:
        searches = [BODY | {"limit": 3}, BODY | {"limit": 1, "offset": 1}]
        assert (await client.post(f"{URL}/batch", json={"searches": searches})).status_code == 200
        found = problem(await client.post(f"{URL}/batch", json={"searches": [*searches, BODY | {"limit": 1}]}), 422)
        assert found.detail == "searches: found 6 hits requested, expected at most 5 (setting max_batch_hits)"


PAGE = "https://example.org"


async def test_configured_origins_are_allowed(running, tiny, tmp_path):
    keys = tmp_path / "keys.json"
    create_key(keys, "page", "read-only")
    asks = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "api-key"}
    async with running(tiny, keys_file=keys, cors_origins=f"https://elsewhere.org, {PAGE}") as client:
        before = await client.options(URL, headers=asks)
        assert before.status_code == 200  # preflights carry no key
        assert before.headers["access-control-allow-origin"] == PAGE
        assert "Api-Key" in before.headers["access-control-allow-headers"]
        answer = await client.post(URL, json=BODY, headers={"Origin": PAGE})
        problem(answer, 401)
        assert answer.headers["access-control-allow-origin"] == PAGE
        other = await client.options(URL, headers=asks | {"Origin": "https://example.com"})
        assert "access-control-allow-origin" not in other.headers


async def test_other_origins_are_not_allowed(running, tiny):
    async with running(tiny) as client:
        answer = await client.post(URL, json=BODY, headers={"Origin": PAGE})
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers


async def test_tokens_of_documents_need_a_vocabulary(running, tiny):
    async with running(tiny) as client:
        response = await client.post(URL, json=BODY | {"with_vector": "tokens"})
        assert "this collection has no vocabulary" in problem(response, 422).detail


async def test_payloads_of_every_column_type(running, tmp_path):
    when = datetime.datetime(2024, 2, 29, 12, 30, 15, 250_000)
    columns = {
        "id": pa.array([2**63 - 1, 2**53 + 1]),
        "flag": pa.array([True, None]),
        "number": pa.array([2**53 + 1, -(2**63)]),
        "unsigned": pa.array([2**64 - 1, 0], pa.uint64()),
        "real": pa.array([float("nan"), float("inf")]),
        "text": pa.array(["Zürich 🪐 \u2028", None]),
        "blob": pa.array([b"\xff\xfe\xfb", b""]),
        "day": pa.array([when.date(), None]),
        "time": pa.array([when.time(), None]),
        "moment": pa.array([when, None], pa.timestamp("us")),
        "zoned": pa.array([when, None], pa.timestamp("us", tz="UTC")),
        "span": pa.array([datetime.timedelta(hours=1, seconds=1), None]),
        "price": pa.array([Decimal("1.10"), None]),
        "tags": pa.array([["a", "b"], []]),
        "nested": pa.array([{"when": when.date(), "raw": b"\x00"}, None]),
        "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
        "kind": pa.array(["x", "y"]).dictionary_encode(),
        "nothing": pa.nulls(2),
    }
    seismic.build(SparseVectors.from_dicts([{0: 2.0}, {0: 1.0}]), tmp_path / "tiny", documents=pa.table(columns))
    async with running(tmp_path) as client:
        response = await client.post(URL, json={"query": {"indices": [0], "values": [1]}})
    first, second = json.loads(response.text)["hits"]
    assert (first["id"], second["id"]) == (2**63 - 1, 2**53 + 1)
    assert first["payload"] == {
        "flag": True,
        "number": 2**53 + 1,
        "unsigned": 2**64 - 1,
        "real": None,
        "text": "Zürich 🪐 \u2028",
        "blob": base64.b64encode(b"\xff\xfe\xfb").decode(),
        "day": "2024-02-29",
        "time": "12:30:15.250000",
        "moment": "2024-02-29T12:30:15.250000",
        "zoned": "2024-02-29T12:30:15.250000+00:00",
        "span": "PT3601S",
        "price": "1.10",
        "tags": ["a", "b"],
        "nested": {"when": "2024-02-29", "raw": "AA=="},
        "map": [["k", 1]],
        "kind": "x",
        "nothing": None,
    }
    assert second["payload"]["number"] == -(2**63)
    assert second["payload"]["real"] is None


async def test_documents_without_ids_or_columns(running, tmp_path):
    seismic.build(SparseVectors.from_dicts([{1: 1.0}, {1: 2.0}]), tmp_path / "tiny")
    async with running(tmp_path) as client:
        hits = (await client.post(URL, json=BODY)).json()["hits"]
    assert [(hit["id"], hit["payload"]) for hit in hits] == [(1, {}), (0, {})]


async def test_an_application_opens_its_collections_at_once(tiny):
    app = create_app(Settings(directory=tiny))
    assert [one.index.name for one in app.state.service.collections] == ["tiny"]


async def test_a_recall_chooses_a_profile(running, tiny):
    queries = SparseVectors.from_dicts([{1: 1.0}] * 200)
    profiles = seismic.tune(tiny / "tiny", queries, depths=(10,), targets=(0.9,))
    async with running(tiny) as client:
        found = (await client.post(URL, json=BODY | {"params": {"recall": 0.9}})).json()
    with seismic.open(tiny / "tiny") as index:
        alike = index.answer(BODY["query"], recall=0.9)
    assert alike.profile in profiles
    assert found["plan"] == alike.plan
    assert found["profile"] == alike.profile.model_dump(include={"k", "target", "recall", "lower"})
    assert [hit["id"] for hit in found["hits"]] == ["b", "a"][::-1]
