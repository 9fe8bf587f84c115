"""SciFact by the unchanged qdrant-client: uploaded, and searched one by one and in batches."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import QdrantClient, models

from tests.integrations.hits import assert_same_top
from tests.integrations.serving import PATIENCE, Query, scifact_documents, serve

NAME = "text"


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    return scifact_documents()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QdrantClient]:
    with serve(tmp_path_factory.mktemp("served"), "--compat", "qdrant") as service, warnings.catch_warnings():
        warnings.simplefilter("error")  # such as of a version that does not fit
        client = QdrantClient(url=f"{service.url}/qdrant", timeout=PATIENCE)
        yield client
        client.close()


def create(client: QdrantClient, name: str) -> None:
    sparse = {NAME: models.SparseVectorParams(index=models.SparseIndexParams(on_disk=False))}
    assert client.create_collection(name, vectors_config={}, sparse_vectors_config=sparse)


def vector(of: Any) -> models.SparseVector:
    indices, values = (of["indices"], of["values"]) if isinstance(of, dict) else (of.indices, of.values)
    return models.SparseVector(indices=indices, values=values)


@pytest.fixture(scope="module")
def scifact(client: QdrantClient, documents: list[dict[str, Any]]) -> str:
    create(client, "scifact")
    client.upload_points(
        "scifact",
        (
            models.PointStruct(
                id=int(one["id"]),
                vector={NAME: vector(one)},
                payload={"title": one["title"], "meta": {"n_chars": one["n_chars"]}},
            )
            for one in documents
        ),
        batch_size=500,
    )
    assert client.count("scifact").count == len(documents)
    return "scifact"


def pairs(points: list[models.ScoredPoint]) -> list[tuple[str, float]]:
    return [(str(point.id), point.score) for point in points]


def test_all_queries_have_the_engines_own_top_10(client: QdrantClient, scifact: str, queries: list[Query]) -> None:
    for query in queries:
        answer = client.query_points(scifact, query=vector(query), using=NAME, limit=10, with_payload=["title"])
        assert_same_top(pairs(answer.points), query)


def test_batches_too(client: QdrantClient, scifact: str, queries: list[Query]) -> None:
    requests = [models.QueryRequest(query=vector(one), using=NAME, limit=10) for one in queries]
    answers = [
        answer for at in range(0, 300, 100) for answer in client.query_batch_points(scifact, requests[at : at + 100])
    ]
    for query, answer in zip(queries, answers, strict=True):
        assert_same_top(pairs(answer.points), query)


def test_the_helper_of_sentence_transformers(
    client: QdrantClient, documents: list[dict[str, Any]], queries: list[Query]
) -> None:
    """Its calls, without torch: `semantic_search_qdrant` uploads numbered rows and searches one by one."""
    create(client, "st")
    vectors = [{NAME: vector(one)} for one in documents]
    client.upload_collection("st", vectors=vectors, ids=range(len(documents)))
    ids = [one["id"] for one in documents]
    for query in queries:
        points = client.query_points("st", query=vector(query), limit=10, using=NAME).points
        assert_same_top([(ids[point.id], point.score) for point in points], query)


def test_all_points_are_scrolled_in_the_order_of_their_ids(
    client: QdrantClient, scifact: str, documents: list[dict[str, Any]]
) -> None:
    seen: list[int] = []
    offset = None
    while offset is not None or not seen:
        page, offset = client.scroll(scifact, limit=1000, offset=offset, with_payload=False)
        seen += [point.id for point in page]
    assert seen == sorted(int(one["id"]) for one in documents)


def test_native_collections_are_served_too(scifact_folder: Path, queries: list[Query]) -> None:
    """Built by `seismic build`, with columns in place of payloads."""
    with serve(scifact_folder, "--compat", "qdrant") as service:
        client = QdrantClient(url=f"{service.url}/qdrant", timeout=PATIENCE)
        info = client.get_collection("scifact")
        assert info.payload_schema["n_chars"].data_type == models.PayloadSchemaType.INTEGER
        for query in queries[:50]:
            answer = client.query_points("scifact", query=vector(query), using="text", limit=10, with_payload=True)
            assert_same_top(pairs(answer.points), query)
            assert answer.points[0].payload is not None
            assert answer.points[0].payload["title"]
