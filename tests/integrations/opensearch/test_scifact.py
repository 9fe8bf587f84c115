"""SciFact by the unchanged opensearch-py: stored in bulk, searched one by one and together, and read back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opensearchpy import NotFoundError, OpenSearch, RequestError, helpers

from tests.integrations.hits import assert_same_top
from tests.integrations.serving import PATIENCE, Query, Service, scifact_documents, seismic, serve

WORDS = {"mappings": {"properties": {"tokens": {"type": "rank_features"}, "title": {"type": "keyword"}}}}
NUMBERS = {
    "settings": {"index": {"sparse": True}},
    "mappings": {"properties": {"emb": {"type": "sparse_vector", "method": {"name": "seismic", "engine": "lucene"}}}},
}


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    return scifact_documents()


@pytest.fixture(scope="module")
def client(scifact_folder: Path) -> Iterator[OpenSearch]:
    """A client with compressed bodies and a password, which a service without keys ignores."""
    with serve(scifact_folder, "--compat", "opensearch") as service:
        yield connect(service, "any")


def connect(service: Service, password: str) -> OpenSearch:
    return OpenSearch(f"{service.url}/opensearch", http_compress=True, http_auth=("admin", password), timeout=PATIENCE)


@pytest.fixture(scope="module")
def words(client: OpenSearch, documents: list[dict[str, Any]]) -> str:
    """An index of words, filled by `helpers.bulk`."""
    client.indices.create(index="words", body=WORDS)
    actions = (
        {"_index": "words", "_id": one["id"], "tokens": one["tokens"], "title": one["title"], "chars": one["n_chars"]}
        for one in documents
    )
    assert helpers.bulk(client, actions, refresh="wait_for") == (len(documents), [])
    return "words"


@pytest.fixture(scope="module")
def numbers(client: OpenSearch, documents: list[dict[str, Any]]) -> str:
    """An index of components as numbers, filled by `helpers.streaming_bulk`."""
    client.indices.create(index="numbers", body=NUMBERS)
    actions = (
        {"_index": "numbers", "_id": one["id"], "emb": dict(zip(map(str, one["indices"]), one["values"], strict=True))}
        for one in documents
    )
    assert all(done for done, _ in helpers.streaming_bulk(client, actions, chunk_size=1000))
    return "numbers"


def sparse(field: str, tokens: dict[str, float], **others: Any) -> dict[str, Any]:
    return {"neural_sparse": {field: {"query_tokens": tokens, **others}}}


def pairs(answer: dict[str, Any]) -> list[tuple[str, float]]:
    return [(hit["_id"], hit["_score"]) for hit in answer["hits"]["hits"]]


def test_an_index_of_words_has_the_engines_own_top_10(client: OpenSearch, words: str, queries: list[Query]) -> None:
    for query in queries:
        body = {"query": sparse("tokens", query.tokens), "_source": ["title"]}
        assert_same_top(pairs(client.search(index=words, body=body)), query)


def test_an_index_of_numbers_does_too(client: OpenSearch, numbers: str, queries: list[Query]) -> None:
    for query in queries:
        tokens = dict(zip(map(str, query.indices), query.values, strict=True))
        parameters = {"k": 10, "top_n": 8, "heap_factor": 1.2}  # which would make it approximate
        body = {"query": sparse("emb", tokens, method_parameters=parameters), "_source": False}
        assert_same_top(pairs(client.search(index=numbers, body=body)), query)


def test_a_built_collection_does_too_by_batches(client: OpenSearch, queries: list[Query]) -> None:
    for first in range(0, len(queries), 100):
        batch = queries[first : first + 100]
        lines = [line for query in batch for line in ({}, {"query": sparse("tokens", query.tokens), "size": 10})]
        answers = client.msearch(index="scifact", body=lines)["responses"]
        for query, answer in zip(batch, answers, strict=True):
            assert_same_top(pairs(answer), query)


def test_calls_as_sentence_transformers_makes_them(
    client: OpenSearch, documents: list[dict[str, Any]], queries: list[Query]
) -> None:
    """As `semantic_search_opensearch` of 6.2.0: ids are numbers, also in a field, and answers have whole documents."""
    index = "sparse_index_6f1c2a"
    properties = {"tokens": {"type": "rank_features"}, "id": {"type": "keyword"}}
    client.indices.create(index=index, body={"mappings": {"properties": properties}})
    actions = [
        {"_index": index, "_id": str(at), "_source": {"id": str(at), "tokens": one["tokens"]}}
        for at, one in enumerate(documents)
    ]
    for first in range(0, len(actions), 1000):
        helpers.bulk(client, actions[first : first + 1000])
    client.indices.refresh(index=index)
    for query in queries:
        answer = client.search(index=index, body={"size": 10, "query": sparse("tokens", query.tokens)})
        assert all(hit["_source"]["id"] == hit["_id"] for hit in answer["hits"]["hits"])
        assert_same_top([(documents[int(id)]["id"], score) for id, score in pairs(answer)], query)


def test_everything_is_read_back(client: OpenSearch, words: str, documents: list[dict[str, Any]]) -> None:
    found = {hit["_id"]: hit["_source"] for hit in helpers.scan(client, index=words, size=700)}
    assert len(found) == len(documents)
    for one in documents:
        source = found[one["id"]]
        assert (source["title"], source["chars"]) == (one["title"], one["n_chars"])
        assert source["tokens"] == pytest.approx(one["tokens"], abs=max(one["tokens"].values()) / 30_000)
    few = {"query": {"range": {"chars": {"gte": 2000}}}, "_source": False}
    ids = [hit["_id"] for hit in helpers.scan(client, index=words, query=few, preserve_order=True)]
    assert sorted(ids) == sorted(one["id"] for one in documents if one["n_chars"] >= 2000)
    body = {"query": sparse("tokens", {"the": 1.0}), "_source": False}
    assert (
        len([*helpers.scan(client, index=words, query=body)])
        == client.count(index=words, body={"query": body["query"]})["count"]
    )


def test_a_point_in_time_is_paged_through(client: OpenSearch, words: str, documents: list[dict[str, Any]]) -> None:
    pit = client.create_pit(index=words, params={"keep_alive": "1m"})["pit_id"]
    body: dict[str, Any] = {"pit": {"id": pit, "keep_alive": "1m"}, "sort": ["title", {"_id": "asc"}], "size": 2000}
    ids: list[str] = []
    while hits := client.search(body=body)["hits"]["hits"]:
        ids += [hit["_id"] for hit in hits]
        body["search_after"] = hits[-1]["sort"]
    assert sorted(ids) == sorted(one["id"] for one in documents)
    assert client.delete_pit(body={"pit_id": [pit]})["pits"][0]["successful"]


def test_documents_change(client: OpenSearch) -> None:
    client.indices.create(index="changing", body=WORDS)
    assert (
        client.index(index="changing", id="a", body={"tokens": {"x": 1.0}, "n": 1}, refresh=True)["result"] == "created"
    )
    client.update(index="changing", id="a", body={"doc": {"n": 2}})
    assert client.get(index="changing", id="a")["_source"] == {"tokens": {"x": 1.0}, "n": 2}
    client.create(index="changing", id="b", body={"n": 3})
    assert [one["found"] for one in client.mget(index="changing", body={"ids": ["a", "b", "c"]})["docs"]] == [
        True,
        True,
        False,
    ]
    with pytest.raises(helpers.BulkIndexError) as error:
        helpers.bulk(
            client,
            [{"_index": "changing", "_id": "w", "tokens": {"x": -1}}, {"_index": "changing", "_id": "y", "n": 4}],
        )
    assert [item["index"]["_id"] for item in error.value.errors] == ["w"]
    assert client.delete_by_query(index="changing", body={"query": {"range": {"n": {"gte": 3}}}})["deleted"] == 2
    client.delete(index="changing", id="a")
    assert not client.exists(index="changing", id="a")
    assert client.cat.indices(format="json")
    client.indices.put_alias(index="changing", name="now")
    assert client.indices.exists_alias(name="now")
    assert client.count(index="now")["count"] == 0
    client.indices.update_aliases(body={"actions": [{"remove": {"index": "changing", "alias": "now"}}]})
    assert not client.indices.exists_alias(name="now")
    client.indices.delete(index="changing")
    assert not client.indices.exists(index="changing")


def test_errors_are_those_of_the_client(client: OpenSearch, words: str) -> None:
    with pytest.raises(NotFoundError) as missing:
        client.search(index="none", body={"query": {"match_all": {}}})
    assert missing.value.error == "index_not_found_exception"
    with pytest.raises(RequestError, match="full-text queries are not supported"):
        client.search(index=words, body={"query": {"match": {"title": "x"}}})
    with pytest.raises(RequestError, match="aggregations are not supported"):
        client.search(index=words, body={"aggs": {}})
    with pytest.raises(RequestError) as exists:
        client.indices.create(index=words, body=WORDS)
    assert exists.value.error == "resource_already_exists_exception"


def test_a_key_is_the_password(tmp_path: Path) -> None:
    keys, folder = tmp_path / "keys.json", tmp_path / "collections"
    folder.mkdir()
    secret = seismic("keys", "create", "--keys-file", keys, "--name", "app", "--role", "admin").split()[-1]
    with serve(folder, "--compat", "opensearch", "--keys-file", str(keys)) as service:
        assert connect(service, secret).indices.create(index="i", body=WORDS)["acknowledged"]
        assert not connect(service, "wrong").ping()
