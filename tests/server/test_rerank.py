"""Reranking over REST, by the client and on the command line."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import seismic
from seismic import EncoderError
from seismic.client import Client
from seismic_server import Settings, create_app
from seismic_server.conversion import answers
from seismic_server.observe.audit import Auditor
from tests.encoders.cross import naive_score, write_reranker
from tests.encoders.small import WORDS
from tests.server.conftest import Server

pytestmark = pytest.mark.anyio

TEXTS = [" ".join(WORDS[: 1 + row]) for row in range(12)]
BEST = sorted(range(12), key=lambda row: -naive_score("word0", TEXTS[row]))
URL = "/v1/collections/texts/search"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one collection, `texts`, which has an encoder."""
    folder = tmp_path_factory.mktemp("served")
    fitted = seismic.fit_bm25(TEXTS)
    documents = pa.table({"id": list(range(12)), "text": TEXTS, "year": list(range(12))})
    seismic.build(fitted.vectors, folder / "texts", documents=documents, encoder=fitted.encoder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_reranker(tmp_path_factory.mktemp("cross") / "tiny")


async def test_the_cross_encoder_orders_hits(
    running: Any, folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(folder, reranker=model) as client:
        plain = (await client.post(URL, json={"query": "word0", "limit": 12})).json()
        asked = {"query": "word0", "limit": 3, "offset": 2, "rerank": {"depth": 12}, "with_payload": ["year"]}
        hits = (await client.post(URL, json=asked)).json()["hits"]
        assert [hit["id"] for hit in hits] == BEST[2:5]
        scores = {hit["id"]: hit["score"] for hit in plain["hits"]}
        for hit in hits:
            assert (
                hit["score"] == hit["rerank_score"] == pytest.approx(naive_score("word0", TEXTS[hit["id"]]), rel=1e-5)
            )
            assert hit["search_score"] == scores[hit["id"]]
        batch = (await client.post(f"{URL}/batch", json={"searches": [asked, {"query": "word0"}]})).json()["answers"]
        assert batch[0]["hits"] == hits
        assert batch[1]["hits"][0].keys() == {"id", "score", "payload"}
        monkeypatch.setattr(answers, "FIRST_HITS", 4)  # so that hits are written in parts
        many = [{"id": row, "score": row} for row in range(12)]
        asked = {"query": "word0", "limit": 12, "rerank": {"scores": many, "depth": 12}}
        hits = (await client.post(URL, json=asked)).json()["hits"]
        assert [hit["rerank_score"] for hit in hits] == list(range(11, -1, -1))
        weighed = await client.post(URL, json={"query": "word0", "rerank": {"search_weight": 1e6}, "limit": 12})
        assert [hit["id"] for hit in weighed.json()["hits"]] == [hit["id"] for hit in plain["hits"]]


async def test_scores_of_the_request_need_no_model(running: Any, folder: Path) -> None:
    async with running(folder) as client:
        rerank = {"scores": [{"id": row, "score": row} for row in range(12)]}
        answer = (await client.post(URL, json={"query": "word0", "limit": 2, "rerank": rerank})).json()
        assert [hit["id"] for hit in answer["hits"]] == [11, 10]
        refused = await client.post(URL, json={"query": "word0", "rerank": {}})
        assert refused.status_code == 422
        assert "no reranker is loaded; give rerank.scores, or load one (`seismic serve --reranker" in refused.text


async def test_limits(running: Any, folder: Path, model: Path) -> None:
    async with running(folder, reranker=model, max_rerank=20, max_limit=50) as client:

        async def refusal(url: str, body: Any) -> str:
            answer = await client.post(url, json=body)
            assert answer.status_code == 422, answer.text
            return str(answer.json()["detail"])

        search = {"query": "word0", "rerank": {"depth": 12}}
        said = await refusal(f"{URL}/batch", {"searches": [search, search]})
        assert said == "rerank.depth: found 24, expected at most 20 together (setting max_rerank)"
        scores = {"scores": [{"id": 1, "score": 1}], "depth": 51}
        assert "rerank.depth: found 51, expected at most 50" in await refusal(URL, search | {"rerank": scores})
        column = {"rerank": {"column": "year", "depth": 12}}
        assert "rerank.column: 'year' holds int64, expected texts" in await refusal(URL, search | column)
        late = search | {"rerank": {"text": "word0 " * 100_000, "depth": 12}, "params": {"timeout_ms": 1}}
        assert (await client.post(URL, json=late)).status_code == 504


def test_a_broken_reranker_stops_the_start(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"found no model\.onnx"):
        create_app(Settings(directory=folder, reranker=tmp_path))


def test_reranked_answers_are_not_audited(folder: Path) -> None:
    class Metrics:
        pass

    auditor = Auditor(1, Metrics())  # type: ignore[arg-type]
    with seismic.open(folder / "texts") as index:
        params = seismic.SearchParams(heap_factor=1.5)
        rerank = seismic.Rerank(scores=[seismic.Ranked(id=1, score=1.0)])
        search = seismic.SearchRequest(query="word0", params=params, rerank=rerank)
        auditor.offer(index, search, index.ask(search))
        assert auditor._waiting.empty()
        search = seismic.SearchRequest(query="word0", params=params)
        auditor.offer(index, search, index.ask(search))
        assert not auditor._waiting.empty()


def test_the_client_has_both_scores(server: Server) -> None:
    with Client(server.url) as client:
        query = {"tokens": {"planet": 1.0}}
        first = client.search("scifact", query, limit=2).hits
        scores = [{"id": hit.id, "score": at} for at, hit in enumerate(first)]
        hits = client.search("scifact", query, limit=2, rerank={"scores": scores, "depth": 2}).hits
    assert [hit.id for hit in hits] == [hit.id for hit in reversed(first)]
    assert (hits[0].rerank_score, hits[0].search_score) == (1.0, first[1].score)
    assert first[0].rerank_score is None
