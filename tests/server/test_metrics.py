"""Metrics, audited recall, and the routes for operators."""

import asyncio
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

import seismic
from seismic import Answer, Index, SearchParams, SearchRequest, SparseVectors
from seismic.params import Profile
from seismic_server.observe import audit
from seismic_server.observe.audit import Auditor, is_exact
from seismic_server.observe.metrics import Metrics

from .conftest import PATIENCE, until_status
from .test_problems import problem

pytestmark = pytest.mark.anyio

COLLECTION = "/v1/collections/tiny"
URL = f"{COLLECTION}/search"
BODY = {"query": {"indices": [1], "values": [1.0]}}


async def values(client: httpx2.AsyncClient) -> dict[tuple[str, ...], float]:
    """Return samples by (name, *label values in the order of label names)."""
    await asyncio.sleep(0)  # requests are counted after their answer
    response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    samples = [sample for family in text_string_to_metric_families(response.text) for sample in family.samples]
    return {(one.name, *(value for _, value in sorted(one.labels.items()))): one.value for one in samples}


async def test_counters(running, tiny):
    async with running(tiny, max_body_bytes=300) as client:
        for _ in range(3):
            await client.post(URL, json=BODY)
        await client.post(URL, json=BODY | {"x": "x" * 300})
        await client.post("/v1/collections/none/search", json=BODY)
        await client.get("/nope")
        found = await values(client)
    route = "/v1/collections/{name}/search"
    assert found["seismic_request_seconds_count", route, "200"] == 3
    assert found["seismic_request_seconds_count", route, "413"] == 1
    assert found["seismic_request_seconds_count", "none", "404"] == 1
    assert found["seismic_rejections_total", "413"] == 1
    assert found["seismic_rejections_total", "no-such-collection"] == 1
    assert found["seismic_search_seconds_count", "tiny", "exact"] == 3
    assert found["seismic_documents_scored_count", "exact"] == 3
    assert found["seismic_blocks_visited_sum", "exact"] == 3
    assert found["seismic_queue_wait_seconds_count",] >= 3
    assert found["seismic_queue_depth",] == 0
    assert found["seismic_requests_in_flight",] == 1  # this request
    assert found["seismic_collection_documents", "tiny"] == 3
    assert found["seismic_collection_generation", "tiny"] == 1
    assert found["seismic_collection_ready", "tiny"] == 1
    assert found["process_resident_memory_bytes",] > 1 << 20
    assert found["seismic_page_faults_total", "minor"] > 0


async def test_reloads_and_their_failures(running, tiny):
    async with running(tiny, reload_ms=3_600_000) as client:
        seismic.build(SparseVectors.from_dicts([{1: 7.0}], 4), tiny / "tiny", replace=True)
        await client.post(f"{COLLECTION}:reload")
        (tiny / "tiny" / "generations" / "000003").mkdir()
        (tiny / "tiny" / "CURRENT").write_text("000003\n")
        await client.post(f"{COLLECTION}:reload")
        found = await values(client)
    assert found["seismic_reloads_total", "tiny", "ok"] == 1
    assert found["seismic_reloads_total", "tiny", "failed"] == 1
    assert found["seismic_collection_problem", "tiny"] == 1
    assert found["seismic_collection_generation", "tiny"] == 2


async def test_every_kind_of_metric_is_explained(running, tiny):
    async with running(tiny) as client:
        text = (await client.get("/metrics")).text
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name


async def recall(client: httpx2.AsyncClient, labels: tuple[str, ...]) -> tuple[float, float]:
    """Return (audited answers, sum of their recalls), once there is one."""
    async with asyncio.timeout(PATIENCE):
        while ("seismic_audited_recall_count", *labels) not in (found := await values(client)):
            await asyncio.sleep(0.02)
    return found["seismic_audited_recall_count", *labels], found["seismic_audited_recall_sum", *labels]


async def test_approximate_answers_are_audited(running, tiny, monkeypatch):
    async with running(tiny, audit_every=1) as client:
        ask = Index.search_many

        def worse(index: Index, requests: list[SearchRequest], *rest: Any, **options: Any) -> list[Answer]:
            answers = ask(index, requests, *rest, **options)
            for request, answer in zip(requests, answers, strict=True):
                if request.params.heap_factor:
                    del answer.hits[1:]
            return answers

        monkeypatch.setattr(Index, "search_many", worse)
        await client.post(URL, json=BODY)  # exact: not audited
        await client.post(URL, json=BODY | {"params": {"heap_factor": 2.0}})
        assert await recall(client, ("tiny", "", "")) == (1, 0.5)


async def test_audits_are_labelled_by_profile(running, tiny, monkeypatch):
    params = SearchParams(heap_factor=1.5)
    profile = Profile(
        k=10,
        target=0.9,
        params=params,
        recall=0.95,
        lower=0.94,
        upper=0.96,
        microseconds=1.0,
        exact_microseconds=2.0,
        queries=9,
    )
    ask = Index.search_many

    def profiled(index: Index, requests: list[SearchRequest], *rest: Any, **options: Any) -> list[Answer]:
        return [answer._replace(profile=profile) for answer in ask(index, requests, *rest, **options)]

    monkeypatch.setattr(Index, "search_many", profiled)
    async with running(tiny, audit_every=1) as client:
        await client.post(URL, json=BODY)
        assert await recall(client, ("tiny", "10", "0.9")) == (1, 1.0)
    assert not is_exact(SearchParams(), Answer([], "exact", None, (), profile))


@pytest.mark.parametrize(
    ("params", "plan", "exact"),
    [
        (SearchParams(), "exact", True),
        (SearchParams(heap_factor=1.0), "exact", True),
        (SearchParams(heap_factor=1.1), "exact", False),
        (SearchParams(bound_share=0.9), "exact", False),
        (SearchParams(plan="lists"), "lists", False),
    ],
)
def test_exact_answers_are_recognized(params, plan, exact):
    assert is_exact(params, Answer([], plan, None, ())) == exact


def test_one_in_n_is_audited_and_excess_dropped(tiny: Path, monkeypatch):
    monkeypatch.setattr(audit, "MOST_WAITING", 2)
    metrics = Metrics()
    auditor = Auditor(every=3, metrics=metrics)  # not started, so that its queue fills
    with seismic.open(tiny / "tiny") as index:
        request = SearchRequest(query=BODY["query"], params=SearchParams(heap_factor=2.0))
        for _ in range(12):
            auditor.offer(index, request, index.ask(request))
    assert auditor._waiting.qsize() == 2
    assert metrics.registry.get_sample_value("seismic_audits_dropped_total") == 2


async def test_warming_up(running, tiny):
    async with running(tiny) as client:
        found = (await client.post(f"{COLLECTION}:warmup")).json()
        assert found.pop("took_ms") >= 0
        with seismic.open(tiny / "tiny") as index:
            files = index.manifest.files
        assert found == {"generation": "000001", "files": len(files), "bytes": sum(one.bytes for one in files.values())}
        problem(await client.post("/v1/collections/none:warmup"), 404)


@pytest.mark.parametrize("level", ["full", "sample", "none"])
async def test_verifying(running, tiny, level):
    async with running(tiny) as client:
        found = (await client.post(f"{COLLECTION}:verify", params={"verify": level})).json()
        assert (found["generation"], found["verify"], found["damages"]) == ("000001", level, [])
        problem(await client.post(f"{COLLECTION}:verify", params={"verify": "some"}), 422)


async def test_verifying_finds_damage_and_names_no_folder_of_the_machine(running, tiny):
    async with running(tiny) as client:
        path = next(tiny.rglob("maxima.arrow"))
        with path.open("r+b") as file:  # in place: truncating would break the mapping of running searches
            at = path.stat().st_size // 2
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1]))
        response = await client.post(f"{COLLECTION}:verify")
        assert [one["file"] for one in response.json()["damages"]] == ["shard-00000/maxima.arrow"]
        (tiny / "tiny" / "generations" / "000001" / "manifest.json").write_text("{")
        response = await client.post(f"{COLLECTION}:verify")
        assert response.json()["damages"]
        assert str(tiny) not in response.text
        assert (await client.post(URL, json=BODY)).status_code == 200


async def test_readiness_reports_progress(running, tiny, monkeypatch):
    seismic.build(SparseVectors.from_dicts([{0: 1.0}]), tiny / "also")
    warm_up, proceed = Index.warm_up, threading.Event()

    def slowly(index: Index, **options: Any) -> None:
        if index.name == "tiny":
            proceed.wait()
        warm_up(index, **options)

    monkeypatch.setattr(Index, "warm_up", slowly)
    async with running(tiny, wait=False) as client, asyncio.timeout(PATIENCE):
        while not (refused := (await client.get("/readyz")).text).partition('"detail":"')[2].startswith("1 of 2"):
            await asyncio.sleep(0.02)
        assert "1 of 2 collections are ready; collection 'tiny' is warming up" in refused
        proceed.set()
        await until_status(200, lambda: client.get("/readyz"))


async def test_free_space_of_a_collection(running, tiny, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=4096 if folder.name == "tiny" else 0))
    async with running(tiny) as client:
        found = await values(client)
    assert found["seismic_collection_free_bytes", "tiny"] == 4096
