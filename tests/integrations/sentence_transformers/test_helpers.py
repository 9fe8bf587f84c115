"""SciFact by the helpers of sentence-transformers, ours and its own: the engine's own top 10 for all test queries."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from opensearchpy import OpenSearch
from qdrant_client import QdrantClient
from sentence_transformers.sparse_encoder import search_engines

from seismic import VectorError
from seismic.integrations.sentence_transformers import semantic_search_seismic
from tests.integrations.hits import assert_same_top
from tests.integrations.pages import follow_section
from tests.integrations.serving import PATIENCE, Query, Service, scifact_documents, serve

DIMENSION = 30_522


class Embeddings(NamedTuple):
    """What `SparseEncoder.encode` and `decode` return of the documents and the test queries, and the ids."""

    corpus: torch.Tensor
    queries: torch.Tensor
    corpus_decoded: list[list[tuple[str, float]]]
    queries_decoded: list[list[tuple[str, float]]]
    ids: list[str]


def tensor(rows: list[Any]) -> torch.Tensor:
    """As `SparseEncoder.encode` returns it: COO, not coalesced."""
    at = [(row, index) for row, (indices, _) in enumerate(rows) for index in indices]
    values = [value for _, row in rows for value in row]
    return torch.sparse_coo_tensor(torch.tensor(at).T, torch.tensor(values), (len(rows), DIMENSION))


def rows(of: torch.Tensor) -> list[torch.Tensor]:
    """As `SparseEncoder.encode` returns it without `convert_to_tensor`."""
    csr = of.coalesce().to_sparse_csr()
    ends, columns, values = csr.crow_indices().tolist(), csr.col_indices(), csr.values()
    return [
        torch.sparse_coo_tensor(columns[None, start:end], values[start:end], (DIMENSION,))
        for start, end in itertools.pairwise(ends)
    ]


def decoded(tokens: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(tokens.items(), key=lambda one: -one[1])


@pytest.fixture(scope="module")
def embeddings(queries: list[Query]) -> Embeddings:
    documents = scifact_documents()
    return Embeddings(
        tensor([(one["indices"], one["values"]) for one in documents]),
        tensor([(one.indices, one.values) for one in queries]),
        [decoded(one["tokens"]) for one in documents],
        [decoded(one.tokens) for one in queries],
        [one["id"] for one in documents],
    )


def check(results: list[list[dict[str, Any]]], ids: list[str], queries: list[Query]) -> None:
    assert len(results) == len(queries) == 300
    for hits, query in zip(results, queries, strict=True):
        assert_same_top([(ids[hit["corpus_id"]], hit["score"]) for hit in hits], query)


@pytest.mark.parametrize("layout", ["coo", "csr", "rows", "decoded"])
def test_ours(layout: str, embeddings: Embeddings, queries: list[Query]) -> None:
    corpus, asked = embeddings.corpus, embeddings.queries
    if layout == "csr":
        corpus, asked = corpus.coalesce().to_sparse_csr(), asked.coalesce().to_sparse_csr()
    elif layout == "rows":
        corpus, asked = rows(corpus), rows(asked)
    elif layout == "decoded":
        corpus, asked = embeddings.corpus_decoded, embeddings.queries_decoded
    results, seconds, index = semantic_search_seismic(asked, corpus, output_index=True)
    check(results, embeddings.ids, queries)
    assert seconds > 0
    assert [type(results[0][0][key]) for key in ("corpus_id", "score")] == [int, float]
    folder = Path(index.view.collection)
    again, _ = semantic_search_seismic(asked, corpus_index=index, top_k=3)
    assert again == [hits[:3] for hits in results]
    assert folder.exists()
    del index
    assert not folder.exists()


def test_ours_keeps_a_collection_and_takes_one_text(embeddings: Embeddings, tmp_path: Path) -> None:
    out = tmp_path / "kept"
    first, _ = semantic_search_seismic(embeddings.queries, embeddings.corpus, index_kwargs={"out": out})
    single = embeddings.queries.coalesce()[7]  # one axis, as `encode` of one text
    again, _ = semantic_search_seismic(single, corpus_index=out, search_kwargs={"threads": 2})
    assert again == [first[7]]
    assert semantic_search_seismic(torch.zeros(0), corpus_index=out)[0] == []  # `encode` of no texts
    with pytest.raises(VectorError, match="found queries of dimension 5 for an index of dimension 30522"):
        semantic_search_seismic(torch.ones(1, 5), corpus_index=out)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serve(tmp_path_factory.mktemp("served"), "--compat", "qdrant,opensearch") as running:
        yield running


def test_its_own_for_qdrant(
    service: Service, embeddings: Embeddings, queries: list[Query], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unchanged, except that the address it has as a constant leads to the service."""
    client = QdrantClient(url=f"{service.url}/qdrant", timeout=PATIENCE)
    monkeypatch.setattr("qdrant_client.QdrantClient", lambda url: client)
    results, _, (_, name) = search_engines.semantic_search_qdrant(
        embeddings.queries, embeddings.corpus, output_index=True
    )
    check(results, embeddings.ids, queries)
    again, _ = search_engines.semantic_search_qdrant(embeddings.queries, corpus_index=(client, name), top_k=3)
    assert again == [hits[:3] for hits in results]


def test_its_own_for_opensearch(
    service: Service, embeddings: Embeddings, queries: list[Query], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unchanged, except that the address it has as a constant leads to the service."""
    client = OpenSearch(f"{service.url}/opensearch", timeout=PATIENCE)
    monkeypatch.setattr("opensearchpy.OpenSearch", lambda url: client)
    results, _, (_, name) = search_engines.semantic_search_opensearch(
        embeddings.queries_decoded, embeddings.corpus_decoded, output_index=True
    )
    check(results, embeddings.ids, queries)
    again, _ = search_engines.semantic_search_opensearch(
        embeddings.queries_decoded, corpus_index=(client, name), top_k=3
    )
    assert again == [hits[:3] for hits in results]


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    follow_section("integrations.md", "sentence-transformers")
