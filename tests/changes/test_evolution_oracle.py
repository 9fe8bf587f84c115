"""A collection that evolved answers like one that was built at once from the same documents."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import seismic
from seismic import Index, SearchRequest
from seismic.errors import InputError
from seismic.search.request import FacetBy, GroupBy

Document = dict[str, Any]
"""`vector`: component or token -> weight, and payload."""

WEIGHTS = st.integers(1, 8).map(float)
TEXTS = st.sampled_from(["a", "b", "c"])
PAYLOADS = {
    "n": [st.none() | st.integers(-3, 3), st.none() | st.sampled_from([0.5, 1.0, -2.5])],
    "s": [st.none(), st.none() | TEXTS],
    "tags": [st.sampled_from([None, []]), st.none() | st.lists(TEXTS, max_size=3)],
    "sizes": [st.none() | st.lists(st.integers(0, 3), max_size=3), st.lists(st.sampled_from([0.5, 2.0]), max_size=2)],
    "meta": [st.fixed_dictionaries({"a": st.integers(0, 2)}), st.fixed_dictionaries({"a": st.none(), "b": TEXTS})],
}
"""Column -> the kinds of values it has, one after the other."""

PATCHES = st.fixed_dictionaries({"n": PAYLOADS["n"][1], "patched": TEXTS})

COMPONENTS = [st.integers(0, 3), st.integers(0, 9), st.sampled_from([0, 5, 65_535, 65_536, 70_000])]
TOKENS = [st.sampled_from("xy"), st.sampled_from("xyz"), st.sampled_from("xyzuvw")]

CONDITIONS: list[dict[str, Any]] = [
    {"key": "n", "range": {"gte": 0.5}},
    {"key": "n", "range": {"lt": 1}},
    {"key": "s", "match": {"value": "a"}},
    {"key": "tags", "match": {"any": ["a", "c"]}},
    {"key": "sizes", "range": {"gt": 1}},
    {"key": "meta.a", "match": {"value": 1}},
    {"key": "meta.b", "match": {"value": "b"}},
    *({"is_null": {"key": key}} for key in PAYLOADS),
    *({"exists": {"key": key}} for key in PAYLOADS),
]


@st.composite
def batches(draw: st.DrawFn, keys: list[st.SearchStrategy[Any]]) -> list[dict[str, Document]]:
    """Draw batches of documents by id. Later batches have more columns, kinds of values and components."""
    drawn = []
    for step in range(draw(st.integers(2, 4))):
        kinds = {name: draw(st.sampled_from(ways[: 1 + step])) for name, ways in PAYLOADS.items()}
        columns = {name: kind for name, kind in kinds.items() if name == "s" or draw(st.booleans())}  # or keep payloads
        vector = st.dictionaries(keys[min(step, len(keys) - 1)], WEIGHTS, max_size=4)
        document = st.fixed_dictionaries({"vector": vector, **columns})
        drawn.append(draw(st.dictionaries(st.integers(0, 12), document, min_size=2, max_size=6)))
    return drawn


def table(documents: dict[str, Document]) -> pa.Table:
    names = {name: None for document in documents.values() for name in document if name != "vector"}
    columns = {name: [document.get(name) for document in documents.values()] for name in names}
    return pa.table({"id": pa.array(list(documents), pa.int64()), **columns})


def answers(index: Index, ids: list[Any], queries: list[dict[Any, float]]) -> dict[str, Any]:
    """Return everything that must not depend on how a collection came to be."""
    found: dict[str, Any] = {"payloads": index.payloads(index.find(ids)), "columns": sorted(index.columns)}
    for condition in CONDITIONS:
        found[f"count {condition}"] = attempt(lambda condition=condition: index.count({"must": [condition]}))
    for query in queries:
        ranked = index.search(query, 20)
        found[f"search {query}"] = sorted((-round(hit.score, 3), hit.id) for hit in ranked)
        some = index.search(query, 20, filter={"must": [CONDITIONS[0]]}) if "n" in index.columns else []
        found[f"filtered {query}"] = sorted((-round(hit.score, 3), hit.id) for hit in some)
        for key in ("s", "tags", "meta.b"):
            request = SearchRequest(query=query, limit=20, facets=[FacetBy(key=key)])
            found[f"facets {key} {query}"] = attempt(lambda request=request: index.ask(request).facets)
        grouped = SearchRequest(query=query, group_by=GroupBy(key="s", limit=5))
        found[f"groups {query}"] = attempt(lambda grouped=grouped: groups(index, grouped))
    frequency = index.document_frequency()
    found["frequency"] = {at: int(count) for at, count in enumerate(frequency) if count}
    return found


def groups(index: Index, request: SearchRequest) -> list[Any]:
    return sorted((-round(group.hits[0].score, 3), group.value) for group in index.ask(request).groups or [])


def attempt(call: Any) -> Any:
    """Return the result, or that the columns do not allow it."""
    try:
        return call()
    except InputError:
        return "refused"


@pytest.mark.parametrize("by_token", [False, True])
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None, phases=[Phase.generate])
@given(data=st.data())
def test_an_evolved_collection_answers_like_one_built_at_once(by_token: bool, data: st.DataObject) -> None:
    drawn = data.draw(batches(TOKENS if by_token else COMPONENTS))
    final = dict(drawn[0])
    words = sorted({token for batch in drawn for document in batch.values() for token in document["vector"]}, key=str)
    queries: list[dict[Any, float]] = [{word: 1.0} for word in words[:4]] + [dict.fromkeys(words, 1.0)]
    queries = [query for query in queries if query]
    with TemporaryDirectory() as scratch:
        path, whole = Path(scratch) / "evolved", Path(scratch) / "whole"
        first, *later = drawn
        start = seismic.Vocabulary(["x", "y"]) if by_token else None
        rows = [document["vector"] for document in first.values()]
        if data.draw(st.booleans(), label="created empty"):
            seismic.create(path, ids="int64", vocabulary=start)
            seismic.upsert(path, rows, table(first))
        else:
            seismic.build(rows, path, documents=table(first), vocabulary=start, shards=2)
        index = seismic.open(path)
        for batch in later:
            seismic.upsert(path, [document["vector"] for document in batch.values()], table(batch))
            final = {**final, **batch}
            patches = data.draw(st.dictionaries(st.sampled_from(list(final)), PATCHES, max_size=3), label="patches")
            if patches:
                seismic.patch(path, table(patches))
                final = {id: {**document, **patches.get(id, {})} for id, document in final.items()}
            if data.draw(st.booleans(), label="compact"):
                seismic.compact(path)
            if data.draw(st.booleans(), label="refresh"):
                index.refresh()
        index.refresh()
        vocabulary = index.vocabulary if by_token else None
        if by_token:
            queries = [{"tokens": query} for query in queries]
        schema = index.view.rules.schema
        columns = {field.name: [document.get(field.name) for document in final.values()] for field in schema}
        documents = pa.table({**columns, "id": list(final)}, schema=schema)
        vectors = [document["vector"] for document in final.values()]
        seismic.build(vectors, whole, documents=documents, vocabulary=vocabulary)
        ids = list(final)
        expected = answers(seismic.open(whole), ids, queries)
        assert answers(index, ids, queries) == expected
        assert answers(seismic.open(path), ids, queries) == expected
        seismic.compact(path)
        assert answers(seismic.open(path), ids, queries) == expected
        assert seismic.verify(path).damages == []
