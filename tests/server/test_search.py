"""A server process returns the same answers as the engine."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from pydantic_core import to_jsonable_python

from seismic import Hit, Index, SearchParams, SearchRequest
from seismic_server.schemas.answers import BatchAnswer, SearchAnswer


def ask(client: httpx2.Client, collection: str = "scifact", **body: Any) -> SearchAnswer:
    response = client.post(f"/v1/collections/{collection}/search", json=body)
    assert response.status_code == 200, response.text
    return SearchAnswer.model_validate(response.json())


def pairs(answer: SearchAnswer) -> list[tuple[str | int, float]]:
    return [(hit.id, hit.score) for hit in answer.hits]


def expected(hits: list[Hit]) -> list[tuple[str | int, float]]:
    return [(hit.id, hit.score) for hit in hits]


@pytest.mark.parametrize("plan", ["auto", "lists", "exact"])
def test_search_by_components(client, with_lists, scifact, plan):
    for row in range(0, 50, 10):
        query = scifact.query(row)
        answer = ask(client, "lists", query=query, limit=7, params={"plan": plan})
        assert pairs(answer) == expected(with_lists.search(query, k=7, params=SearchParams(plan=plan)))
        assert answer.plan == with_lists.answer(query, params=SearchParams(plan=plan)).plan
        assert answer.generation == with_lists.generation
        assert answer.shards.total == answer.shards.ok == 1
        assert answer.warnings == answer.unknown_tokens == []
        assert answer.took_ms > 0


def test_the_exact_plan_finds_the_true_top_ten(client, scifact):
    for row in range(20):
        answer = ask(client, query=scifact.query(row), params={"plan": "exact"})
        scores = [hit.score for hit in answer.hits]
        assert scores == pytest.approx(scifact.truth_scores[row].tolist(), rel=1e-3)


def test_search_by_tokens(client, index, scifact):
    for row in range(5):
        answer = ask(client, query=scifact.tokens(row))
        assert pairs(answer) == expected(index.search(scifact.query(row)))
        assert len(answer.hits) == 10


def test_search_params_reach_the_engine(client, with_lists, scifact):
    params = {"plan": "lists", "query_cut": 1, "heap_factor": 2.5}
    query = scifact.query(3)
    few = ask(client, "lists", query=query, params=params)
    assert pairs(few) == expected(with_lists.search(query, params=SearchParams(**params)))
    assert pairs(few) != pairs(ask(client, "lists", query=query))


def test_a_recall_that_nothing_was_measured_to_keep_is_exact(client, index, scifact):
    query = scifact.query(3)
    answer = ask(client, query=query, params={"recall": 0.97})
    assert (answer.plan, answer.profile) == ("exact", None)
    assert pairs(answer) == expected(index.search(query))


def test_payload_of_all_columns_is_the_default(client, index, scifact):
    hit = ask(client, query=scifact.query(0), limit=1).hits[0]
    row = scifact.documents["id"].to_pylist().index(hit.id)
    assert hit.payload == {name: scifact.documents[name][row].as_py() for name in index.columns}
    assert set(hit.payload) == {"text", "title", "n_sentences", "structured", "n_chars"}


def test_payload_of_named_columns(client, scifact):
    hits = ask(client, query=scifact.query(0), with_payload=["n_chars", "title"]).hits
    assert all(list(hit.payload) == ["n_chars", "title"] for hit in hits)
    assert [hit.payload for hit in ask(client, query=scifact.query(0), with_payload=[]).hits] == [{}] * 10


def test_no_payload(client, scifact):
    assert all(hit.payload is None for hit in ask(client, query=scifact.query(0), with_payload=False).hits)


def test_unknown_tokens_are_named_and_match_nothing(client, scifact):
    query = scifact.tokens(0)
    answer = ask(client, query={"tokens": query["tokens"] | {"no such token": 1.0}})
    assert answer.unknown_tokens == ["no such token"]
    assert answer.warnings == []
    assert pairs(answer) == pairs(ask(client, query=query))


def test_unknown_components_are_named_and_match_nothing(client, scifact):
    query = scifact.query(0)
    larger = {"indices": [*query["indices"], 30522, 4294967295], "values": [*query["values"], 1.0, 1.0]}
    answer = ask(client, query=larger)
    assert answer.unknown_tokens == [30522, 4294967295]
    assert pairs(answer) == pairs(ask(client, query=query))


@pytest.mark.parametrize("query", [{"tokens": {"no such token": 1}}, {"indices": [99_999], "values": [1]}])
def test_a_query_of_unknown_components_warns(client, query):
    answer = ask(client, query=query)
    assert answer.hits == []
    assert len(answer.unknown_tokens) == 1
    assert answer.warnings == ["the collection knows none of the query's components, so nothing matches"]


@pytest.mark.parametrize("query", [{"tokens": {}}, {"indices": [], "values": []}])
def test_an_empty_query_warns(client, query):
    answer = ask(client, query=query)
    assert answer.hits == []
    assert answer.warnings == ["the query is empty, so nothing matches"]


def test_components_need_no_order(client, scifact):
    query = scifact.query(0)
    backwards = {name: numbers[::-1] for name, numbers in query.items()}
    assert pairs(ask(client, query=backwards)) == pairs(ask(client, query=query))


def test_limit(client, index, scifact):
    query = scifact.query(0)
    assert len(ask(client, query=query).hits) == 10
    assert len(ask(client, query=query, limit=1).hits) == 1
    everything = ask(client, query=query, limit=10_000, with_payload=False, params={"plan": "exact"})
    assert pairs(everything) == expected(index.search(query, k=10_000, params=SearchParams(plan="exact")))
    assert 10 < len(everything.hits) < len(index)


def test_many_clients_at_once_get_the_answers_of_one(client, index: Index, scifact):
    rows = list(range(200))
    want = [expected(index.search(scifact.query(row))) for row in rows]
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda row: ask(client, query=scifact.query(row), with_payload=False), rows))
    assert [pairs(answer) for answer in answers] == want


def test_pages(client, index, scifact):
    query = scifact.query(0)
    whole = expected(index.search(query, 30))
    assert pairs(ask(client, query=query, limit=10, offset=15)) == whole[15:25]
    assert pairs(ask(client, query=query, limit=10, offset=9990)) == []


def test_a_score_threshold(client, index, scifact):
    query = scifact.query(0)
    whole = expected(index.search(query, 30))
    assert pairs(ask(client, query=query, limit=30, score_threshold=whole[11][1])) == whole[:12]


def test_by_id_and_by_examples(client, index, scifact):
    one, two, other = (scifact.documents["id"][row].as_py() for row in (7, 8, 9))
    assert pairs(ask(client, query={"id": one})) == expected(index.search({"id": one}))
    query = {"positive": [one, scifact.tokens(0)], "negative": [two, scifact.query(1), other]}
    answer = ask(client, query=query)
    assert pairs(answer) == expected(index.search(query))
    assert not {one, two, other} & {hit.id for hit in answer.hits}


def test_stored_vectors(client, index, scifact):
    query = scifact.query(0)
    hits = index.search(query, 3)
    vectors = index.vectors([hit.number for hit in hits])
    for row, hit in enumerate(ask(client, query=query, limit=3, with_vector=True).hits):
        assert hit.vector == {"indices": vectors[row][0].tolist(), "values": vectors[row][1].tolist()}
    for row, hit in enumerate(ask(client, query=query, limit=3, with_vector="tokens").hits):
        tokens = [scifact.vocabulary.token(component) for component in vectors[row][0].tolist()]
        assert hit.vector == {"tokens": dict(zip(tokens, vectors[row][1].tolist(), strict=True))}
    assert ask(client, query=query, limit=1).hits[0].vector is None


def test_a_document_with_its_vector(client, index, scifact):
    url, (components, values) = "/v1/collections/scifact/documents/4983", index.vectors(index.find(["4983"]))[0]
    assert "vector" not in client.get(url).json()
    found = client.get(f"{url}?with_vector=true").json()["vector"]
    assert found == {"indices": components.tolist(), "values": values.tolist()}
    tokens = [scifact.vocabulary.token(component) for component in components.tolist()]
    found = client.get(f"{url}?with_vector=tokens").json()["vector"]
    assert found == {"tokens": dict(zip(tokens, values.tolist(), strict=True))}
    refused = client.get(f"{url}?with_vector=yes").json()
    assert (refused["status"], refused["errors"][0]["pointer"]) == (422, "?with_vector")


def test_batches(client, index, scifact):
    searches: list[Any] = [{"query": scifact.query(row), "limit": 3 + row % 2} for row in range(20)]
    searches += [{"query": {"id": "4983"}, "with_payload": ["title"]}, {"query": scifact.tokens(0), "offset": 3}]
    response = client.post("/v1/collections/scifact/search/batch", json={"searches": searches})
    answers = BatchAnswer.model_validate_json(response.content).answers
    for search, answer in zip(searches, answers, strict=True):
        alone = ask(client, **search)
        assert answer.model_dump(exclude={"took_ms"}) == alone.model_dump(exclude={"took_ms"})


def test_groups_facets_feedback_and_explanations(client, index, scifact):
    query = scifact.query(0)
    options: dict[str, Any] = {
        "group_by": {"key": "n_sentences", "limit": 4, "size": 2},
        "facets": [{"key": "n_sentences", "limit": 3}, {"key": "structured"}],
        "feedback": {"documents": 5},
        "explain": True,
    }
    response = client.post("/v1/collections/scifact/search", json={"query": query, **options})
    answer, direct = response.json(), index.ask(SearchRequest(query=query, **options))
    assert answer["hits"] == []
    assert [(group["value"], [(hit["id"], hit["score"]) for hit in group["hits"]]) for group in answer["groups"]] == [
        (group.value, expected(group.hits)) for group in direct.groups
    ]
    assert answer["facets"] == to_jsonable_python(direct.facets)
    assert answer["explanation"] == without_none(direct.explanation)
    assert answer["groups"][0]["hits"][0]["explanation"] == without_none(direct.groups[0].hits[0].explanation)
    heaviest = answer["explanation"]["terms"][0]
    assert heaviest["token"] == scifact.vocabulary.token(heaviest["component"])


def without_none(value: Any) -> Any:
    """Return a value as JSON without null."""
    value = to_jsonable_python(value)
    if isinstance(value, dict):
        return {name: without_none(part) for name, part in value.items() if part is not None}
    return [without_none(part) for part in value] if isinstance(value, list) else value


def test_fusion(client, index, scifact):
    query, ids = scifact.query(0), scifact.documents["id"].to_pylist()
    hits = [{"id": id, "score": 9.5 - at} for at, id in enumerate([*ids[:5], "nope"])]
    for method in ("rrf", "weighted"):
        fusion = {"method": method, "runs": [{"weight": 2.0, "hits": hits}], "depth": 50}
        answer = ask(client, query=query, limit=60, fusion=fusion)
        direct = index.ask(SearchRequest(query=query, limit=60, fusion=fusion))
        assert pairs(answer) == expected(direct.hits)
        assert answer.warnings == [
            "fusion.runs[0]: 1 ids are not in the collection ('nope')",
            "fusion.depth is 50: no more hits of the collection take part",
        ]
