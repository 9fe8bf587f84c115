"""Whatever is passed to the public API, it raises an error of the project that says what was found."""

import inspect
import io
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse

import seismic
from seismic import Bm25, BuildParams, Index, SearchParams, SearchRequest, SeismicError, SparseVectors, Vocabulary


class Awkward:
    """An object that is nothing in particular."""


WRONG: dict[str, Any] = {
    "None": None,
    "True": True,
    "0": 0,
    "7": 7,
    "-1": -1,
    "2.5": 2.5,
    "nan": float("nan"),
    "huge": 10**30,
    "text": "abc",
    "empty text": "",
    "surrogate": "a\ud800",
    "NUL": "a\0b",
    "bytes": b"abc",
    "list": [],
    "list of None": [None],
    "list of numbers": [1.5, 2.5],
    "list of lists": [[1.0], [2.0, 3.0]],
    "list of texts": ["a", "b"],
    "list of surrogates": ["a\ud800"],
    "list of dicts": [{"x": 1}],
    "pairs": [("a", 1.0), ("b", "c")],
    "tuple": (),
    "dict": {},
    "dict of None": {"indices": None, "values": None},
    "dict of texts": {"indices": ["a"], "values": [1.0]},
    "dict of nested": {"indices": [[1], [2, 3]], "values": [1.0, [2.0]]},
    "tokens": {"tokens": {1: 2}},
    "tokens of None": {"tokens": {"a": None}},
    "text of None": {"text": None},
    "filter of objects": {"must": [{"key": "n", "match": {"value": Awkward()}}]},
    "filter of sets": {"must": {1, 2}},
    "set": {1, 2},
    "object": Awkward(),
    "class": Awkward,
    "function": len,
    "generator": (one for one in (1, 2)),
    "file": io.BytesIO(b"abc"),
    "date": date(2024, 1, 1),
    "decimal": Decimal("1.5"),
    "complex": 1j,
    "0-d array": np.array(1.5),
    "texts": np.array(["a", "b"]),
    "objects": np.array([Awkward(), None], object),
    "3-d array": np.zeros((2, 2, 2)),
    "complex array": np.array([1j]),
    "records": np.zeros(2, [("a", int)]),
    "dates": np.array(["2024-01-01"], "M8[D]"),
    "arrow array": pa.array([1, 2]),
    "arrow scalar": pa.scalar(1),
    "arrow nulls": pa.array([None]),
    "table": pa.table({"x": [1]}),
    "table of texts": pa.table({"indices": [["a"]], "values": [[1.0]]}),
    "empty table": pa.table({}),
    "boolean matrix": scipy.sparse.csr_array(np.eye(2, dtype=bool)),
    "object matrix": scipy.sparse.coo_array(([1j], ([0], [0])), shape=(1, 1)),
    "negative matrix": scipy.sparse.csr_array([[-1.0]]),
    "vectors": SparseVectors.from_dicts([{0: 1.0}, {1: 1.0}]),
    "vocabulary": Vocabulary(["a"]),
    "params": SearchParams(),
    "build params": BuildParams(),
}

QUERY = {"indices": [0], "values": [1.0]}
VECTORS = SparseVectors.from_dicts([{0: 1.0}, {1: 1.0}])


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("wrong") / "index"
    documents = pa.table({"id": ["a", "b"], "n": [1, 2]})
    seismic.build(VECTORS, folder, documents=documents, vocabulary=Vocabulary(["x", "y"]))
    with seismic.open(folder) as opened:
        yield opened


Call = Callable[[Index, Any], object]

CALLS: dict[str, Call] = {
    "search": lambda index, wrong: index.search(wrong),
    "search k": lambda index, wrong: index.search(QUERY, wrong),
    "search recall": lambda index, wrong: index.search(QUERY, recall=wrong),
    "search params": lambda index, wrong: index.search(QUERY, params=wrong),
    "search filter": lambda index, wrong: index.search(QUERY, filter=wrong),
    "answer": lambda index, wrong: index.answer(wrong),
    "ask": lambda index, wrong: index.ask(wrong),
    "search_many": lambda index, wrong: index.search_many(wrong),
    "search_many of": lambda index, wrong: index.search_many([wrong]),
    "search_many threads": lambda index, wrong: index.search_many([SearchRequest(query=QUERY)], wrong),
    "search_batch": lambda index, wrong: index.search_batch(wrong),
    "search_batch of": lambda index, wrong: index.search_batch([wrong, QUERY]),
    "search_batch k": lambda index, wrong: index.search_batch(VECTORS, wrong),
    "search_batch threads": lambda index, wrong: index.search_batch(VECTORS, threads=wrong),
    "search_batch params": lambda index, wrong: index.search_batch(VECTORS, params=wrong),
    "search_batch filter": lambda index, wrong: index.search_batch(VECTORS, filter=wrong),
    "example": lambda index, wrong: index.search({"id": wrong}),
    "examples": lambda index, wrong: index.search({"positive": wrong, "negative": [wrong]}),
    "count": lambda index, wrong: index.count(wrong),
    "match": lambda index, wrong: index.count({"must": [{"key": "n", "match": {"value": wrong}}]}),
    "match any": lambda index, wrong: index.count({"must": [{"key": "n", "match": {"any": wrong}}]}),
    "range": lambda index, wrong: index.count({"must": [{"key": "n", "range": {"gte": wrong}}]}),
    "filter ids": lambda index, wrong: index.count({"must": [{"ids": wrong}]}),
    "document_ids": lambda index, wrong: index.document_ids(wrong),
    "find": lambda index, wrong: index.find(wrong),
    "find of": lambda index, wrong: index.find([wrong]),
    "payloads": lambda index, wrong: index.payloads(wrong),
    "payload columns": lambda index, wrong: index.payloads([0], wrong),
    "vectors": lambda index, wrong: index.vectors(wrong),
    "pseudo_queries": lambda index, wrong: index.pseudo_queries(wrong),
    "pseudo_queries seed": lambda index, wrong: index.pseudo_queries(1, wrong),
    "from_arrays": lambda _, wrong: SparseVectors.from_arrays(wrong, wrong, wrong),
    "from_arrays indptr": lambda _, wrong: SparseVectors.from_arrays(wrong, [0], [1.0]),
    "from_arrays indices": lambda _, wrong: SparseVectors.from_arrays([0, 1], wrong, [1.0]),
    "from_arrays values": lambda _, wrong: SparseVectors.from_arrays([0, 1], [0], wrong),
    "from_arrays dimension": lambda _, wrong: SparseVectors.from_arrays([0, 1], [0], [1.0], wrong),
    "from_scipy": lambda _, wrong: SparseVectors.from_scipy(wrong),
    "from_arrow": lambda _, wrong: SparseVectors.from_arrow(wrong),
    "from_dicts": lambda _, wrong: SparseVectors.from_dicts(wrong),
    "from_dicts of": lambda _, wrong: SparseVectors.from_dicts([wrong]),
    "vocabulary": lambda _, wrong: Vocabulary(wrong),
    "open": lambda _, wrong: seismic.open(wrong),
    "open verify": lambda index, wrong: seismic.open(index.view.collection, verify=wrong),
    "load_encoder": lambda _, wrong: seismic.load_encoder(wrong),
    "encode_texts": lambda _, wrong: seismic.encode_texts(seismic.load_encoder("splade-tiny").encode_queries, wrong),
    "fit_bm25": lambda _, wrong: seismic.fit_bm25(wrong),
    "extend_bm25": lambda _, wrong: seismic.extend_bm25(wrong, ["a"]),
    "fit_bm25 params": lambda _, wrong: seismic.fit_bm25(["a"], wrong),
    "generations": lambda _, wrong: seismic.generations(wrong),
    "verify": lambda _, wrong: seismic.verify(wrong),
    "compact": lambda _, wrong: seismic.compact(wrong),
    "migrate": lambda _, wrong: seismic.migrate(wrong),
    "rollback": lambda _, wrong: seismic.rollback(wrong),
    "rollback to": lambda index, wrong: seismic.rollback(index.view.collection, wrong) if wrong is not None else None,
    "collect_garbage": lambda _, wrong: seismic.collect_garbage(wrong),
    "create_snapshot": lambda _, wrong: seismic.create_snapshot(wrong, "/dev/null/snapshot"),
    "restore_snapshot": lambda _, wrong: seismic.restore_snapshot(wrong, "/dev/null/index"),
    "upsert path": lambda _, wrong: seismic.upsert(wrong, VECTORS, {"id": ["a", "b"]}),
    "upsert": lambda index, wrong: seismic.upsert(index.view.collection, wrong, {"id": ["a", "b"]}),
    "upsert documents": lambda index, wrong: seismic.upsert(index.view.collection, VECTORS, wrong),
    "delete path": lambda _, wrong: seismic.delete(wrong, ["a"]),
    "delete": lambda index, wrong: seismic.delete(index.view.collection, wrong),
    "build to": lambda _, wrong: seismic.build(VECTORS, wrong) if not isinstance(wrong, str) else None,
    **{
        f"build {name}": lambda index, wrong, name=name: seismic.build(
            **{"vectors": VECTORS, "out": index.view.collection.parent / "out", "replace": True, name: wrong}
        )
        for name in (
            "vectors",
            "documents",
            "vocabulary",
            "encoder",
            "params",
            "queries",
            "shards",
            "workers",
            "memory",
        )
    },
    **{
        f"SearchParams {name}": lambda _, wrong, name=name: SearchParams(**{name: wrong})
        for name in SearchParams.model_fields
    },
    **{f"Bm25 {name}": lambda _, wrong, name=name: Bm25(**{name: wrong}) for name in Bm25.model_fields},
    **{
        f"BuildParams {name}": lambda _, wrong, name=name: BuildParams(**{name: wrong})
        for name in BuildParams.model_fields
    },
    **{
        f"SearchRequest {name}": lambda index, wrong, name=name: index.ask(
            SearchRequest(**{"query": QUERY, name: wrong})
        )
        for name in SearchRequest.model_fields
    },
}


@pytest.mark.parametrize("call", CALLS)
def test_wrong_objects_are_refused_in_words(
    index: Index, call: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    problems = []
    for name, wrong in WRONG.items():
        if inspect.isgenerator(wrong):
            wrong = (one for one in (1, 2))
        try:
            CALLS[call](index, wrong)
        except SeismicError as error:
            if not str(error):
                problems.append(f"{name}: no message")
        except Exception as error:
            problems.append(f"{name}: {type(error).__name__}: {str(error)[:100]}")
    assert not problems, "\n".join(problems)


def test_the_index_is_still_there(index: Index) -> None:
    assert [hit.id for hit in index.search(QUERY)] == ["a"]
