"""SciFact by mteb with our index backend: the engine's own top 10, and the nDCG of mteb's search by torch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mteb
import pytest
import torch
from datasets import Dataset
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.models import SearchEncoderWrapper
from mteb.models.model_meta import ModelMeta

import seismic
from seismic.integrations.mteb import SeismicIndexBackend
from tests.integrations.hits import assert_same_top
from tests.integrations.pages import follow_section
from tests.integrations.serving import SCIFACT, Query, scifact_documents

DIMENSION = 30_522


class Known:
    """A model whose embeddings of texts are known."""

    def __init__(self, known: list[dict[str, Any]]) -> None:
        self.vectors = {one["text"]: (one["indices"], one["values"]) for one in known}
        self.mteb_model_meta = ModelMeta.create_empty({"name": "known/splade-tiny", "revision": "1"})

    def encode(self, inputs: Any, **_: Any) -> torch.Tensor:
        rows = [self.vectors[text] for batch in inputs for text in batch["text"]]
        at = [(row, component) for row, (components, _) in enumerate(rows) for component in components]
        values = [value for _, row in rows for value in row]
        return torch.sparse_coo_tensor(torch.tensor(at).T, torch.tensor(values), (len(rows), DIMENSION))

    def similarity(self, queries: torch.Tensor, documents: torch.Tensor) -> torch.Tensor:
        return torch.sparse.mm(documents, queries.to_dense().T).T


class SciFact(AbsTaskRetrieval):
    """SciFact from the files of our tests; nothing is downloaded."""

    metadata = mteb.TaskMetadata(
        name="LocalSciFact",
        description="SciFact",
        dataset={"path": "local/scifact", "revision": "1"},
        type="Retrieval",
        category="t2t",
        modalities=["text"],
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        main_score="ndcg_at_10",
    )

    def __init__(self, documents: list[dict[str, Any]], queries: list[Query], **options: Any) -> None:
        super().__init__(**options)
        self.documents, self.queries = documents, queries

    def load_data(self, *_: Any, **__: Any) -> None:
        judged: dict[str, dict[str, int]] = {}
        for line in (SCIFACT / "qrels.tsv").read_text().splitlines():
            query, _, document, grade = line.split("\t")
            judged.setdefault(query, {})[document] = int(grade)
        asked = {one.id for one in self.queries}
        self.dataset = {
            "default": {
                "test": {
                    "corpus": Dataset.from_list([{"id": one["id"], "text": one["text"]} for one in self.documents]),
                    "queries": Dataset.from_list([{"id": one.id, "text": one.text} for one in self.queries]),
                    "relevant_docs": {query: grades for query, grades in judged.items() if query in asked},
                    "top_ranked": None,
                }
            }
        }
        self.data_loaded = True


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    return scifact_documents()


@pytest.fixture(scope="module")
def model(documents: list[dict[str, Any]], queries: list[Query]) -> Known:
    return Known([*documents, *(one._asdict() for one in queries)])


def test_ndcg_is_that_of_torch(model: Known, documents: list[dict[str, Any]], queries: list[Query]) -> None:
    scores = []
    for backend in (None, SeismicIndexBackend(threads=2)):
        task = SciFact(documents, queries)
        result = mteb.evaluate(SearchEncoderWrapper(model, index_backend=backend), task, cache=None, co2_tracker=False)
        [entry] = result.task_results[0].scores["test"]
        scores.append({name: entry[name] for name in ("ndcg_at_10", "map_at_100", "recall_at_100")})
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    assert scores[1]["ndcg_at_10"] > 0.5


@pytest.fixture
def filled(model: Known, documents: list[dict[str, Any]]) -> Iterator[SeismicIndexBackend]:
    backend = SeismicIndexBackend()
    for part in (documents[:3000], documents[3000:]):
        backend.add_documents(model.encode([{"text": [one["text"] for one in part]}]), [one["id"] for one in part])
    yield backend
    backend.clear()


def test_the_engines_own_top_10(
    filled: SeismicIndexBackend, model: Known, documents: list[dict[str, Any]], queries: list[Query]
) -> None:
    embeddings = model.encode([{"text": [one.text for one in queries]}])
    scores, rows = filled.search(embeddings, 10, model.similarity)
    for query, row, found in zip(queries, rows, scores, strict=True):
        assert_same_top([(documents[at]["id"], score) for at, score in zip(row, found, strict=True)], query)
    candidates = {one.id: [id for id, _ in one.top[::-1]] for one in queries}
    names = {row: one.id for row, one in enumerate(queries)}
    scores, rows = filled.search(embeddings, 10, model.similarity, candidates, names)
    for query, row, found in zip(queries, rows, scores, strict=True):
        ranked = [candidates[query.id][at] for at in row]
        assert_same_top([*zip(ranked, found, strict=True)], query)


def test_what_is_wrong_is_said(model: Known) -> None:
    backend = SeismicIndexBackend()
    with pytest.raises(seismic.ParameterError, match="found no documents; call add_documents first"):
        backend.search(torch.ones(1, 3), 10, model.similarity)
    with pytest.raises(seismic.InputError, match="found 2 embeddings and 1 ids, expected equal numbers"):
        backend.add_documents(torch.ones(2, 3), ["a"])


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    follow_section("integrations.md", "mteb")
