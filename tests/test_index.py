import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse

import seismic
from seismic import (
    BuildParams,
    Index,
    IndexNotFoundError,
    InputError,
    ParameterError,
    QueryError,
    SearchParams,
    SparseVectors,
)
from tests import samples


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("collections") / "books"
    documents = pa.table({"title": list(map(str, range(400))), "id": [f"d{number}" for number in range(400)]})
    seismic.build(samples.random_vectors(400), folder, documents=documents, shards=3)
    return seismic.open(folder)


def test_an_index_describes_itself(index: Index) -> None:
    assert (index.name, index.generation, len(index), index.columns) == ("books", "000001", 400, ["title"])
    assert index.dimension == samples.NARROW
    assert index.manifest.documents == 400
    assert index.vocabulary is None
    assert repr(index) == f"Index('books', generation 000001, 400 documents, dimension {samples.NARROW})"


def test_ids_and_payloads_by_number(index: Index) -> None:
    numbers = np.array([399, 0, -1, 134, 133])
    assert index.document_ids(numbers) == ["d399", "d0", None, "d134", "d133"]
    assert index.payloads([399, 133]) == [{"title": "399"}, {"title": "133"}]
    assert index.payloads([7], []) == [{}]
    with pytest.raises(ParameterError, match="unknown payload column 'text'; this collection has title"):
        index.payloads([7], ["text"])


def test_there_must_be_an_index(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", str(tmp_path / "missing")):
        with pytest.raises(IndexNotFoundError, match="no index there"):
            seismic.open(path)


def test_a_replaced_generation_is_same_file_searched(tmp_path: Path) -> None:
    old = samples.opened(tmp_path, [{0: 1.0}, {1: 1.0}])
    new = samples.opened(tmp_path, [{0: 1.0}, {1: 1.0}, {1: 3.0}], replace=True)
    query = {"indices": [1], "values": [1.0]}
    assert [old.generation, new.generation] == ["000001", "000002"]
    assert [[hit.number for hit in index.search(query)] for index in (old, new)] == [[1], [2, 1]]


def test_a_closed_index_says_so(tmp_path: Path) -> None:
    with samples.opened(tmp_path, [{0: 1.0}]) as index:
        assert len(index.search({"indices": [0], "values": [1.0]})) == 1
    index.close()
    uses: list[Callable[[], object]] = [
        lambda: index.search({"indices": [0], "values": [1.0]}),
        lambda: index.search_batch(SparseVectors.from_dicts([{0: 1.0}])),
        lambda: index.warm_up(),
        lambda: index.document_ids([0]),
        lambda: index.payloads([0]),
    ]
    for use in uses:
        with pytest.raises(ParameterError, match="index 'index' is closed; open it again"):
            use()


def test_the_plan_lists_needs_posting_lists(tmp_path: Path) -> None:
    index = samples.opened(tmp_path, [{0: 1.0}])
    with pytest.raises(ParameterError, match=r"does not store; use 'exact', or build the index with .* 'lists'"):
        index.search({"indices": [0], "values": [1.0]}, params=SearchParams(plan="lists"))


SIGNATURES = """
import sys
import seismic
from seismic import SearchParams, SparseVectors
from seismic.kernels import accumulate, exact, lists, traverse, visit

kernels = (
    *(exact.search_exact_batch, accumulate.search_accumulate_batch, traverse.search_lists_batch),
    *(visit.make_exact_workspace, accumulate.make_accumulate_workspace, lists.make_workspace),
)
query = SparseVectors.from_dicts([{0: 1.0, 1: 2.0}])
for path in sys.argv[1:]:
    index = seismic.open(path)
    index.warm_up()
    warm = [len(kernel.signatures) for kernel in kernels]
    for plan in ("auto", "lists", "exact"):
        for params in (SearchParams(plan=plan), SearchParams(plan=plan, query_cut=3, heap_factor=1)):
            for form in (query, {"indices": [1, 0], "values": [1, 2]}, {"indices": [], "values": []}):
                index.search(form, 5, params=params)
            for queries in (query, query.widened(70_000), query.to_scipy()):
                index.search_batch(queries, 3, params=params, threads=2)
    assert warm == [len(kernel.signatures) for kernel in kernels], "a search compiled what warm_up did not"
    print(*warm)
"""


def test_each_search_kernel_is_compiled_once_per_kind_of_index(tmp_path: Path) -> None:
    paths = []
    few: list[dict[int, float]] = [{0: 1.0}, {1: 1.0}]
    many = [dict.fromkeys(range(1000 * row, 1000 * row + 1000), 1.0) for row in range(66)]  # more than 16 bits of them
    for name, rows, dimension, shards in (("narrow", few, 60, 2), ("other", few, 70_000, 2), ("wide", many, 70_000, 1)):
        samples.opened(tmp_path / name, rows, dimension, shards=shards, params=BuildParams(layout="lists"))
        paths.append(str(tmp_path / name / "index"))
    command = [sys.executable, "-c", SIGNATURES, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["1 1 1 1 1 1", "1 1 1 1 1 1", "2 2 2 1 1 1"]


@pytest.fixture
def frames(tmp_path: Path) -> Iterator[Index]:
    table = pa.table(
        {
            "id": pa.array(["a", "b", "c"]).dictionary_encode(),
            "indices": [[1, 0], [1], [2]],
            "values": [[1.0, 2.0], [3.0], [1.0]],
            "title": pa.array(["x", None, "z"], pa.string_view()),
            "tags": pa.array([["p"], [], None], pa.list_(pa.string_view())),
        }
    )
    seismic.build(table, tmp_path / "index", vocabulary=["red", "green", "blue"])
    with seismic.open(tmp_path / "index") as index:
        yield index


def test_a_table_brings_its_documents(frames: Index) -> None:
    assert [hit.id for hit in frames.search({1: 1.0})] == ["b", "a"]
    assert frames.payloads([0, 1, 2]) == [
        {"title": "x", "tags": ["p"]},
        {"title": None, "tags": []},
        {"title": "z", "tags": None},
    ]
    rows = [{"id": "b", "indices": [2], "values": [9.0], "title": "new", "tags": None}]
    path = frames.view.collection
    seismic.upsert(path, rows)
    seismic.upsert(path, [[("red", 5.0)]], [{"id": "d", "title": "by token"}])
    frames.refresh()
    assert [hit.id for hit in frames.search({2: 1.0})] == ["b", "c"]
    assert [hit.id for hit in frames.search([("red", 1.0)])] == ["d", "a"]
    assert frames.payloads(frames.find(["b", "d"])) == [
        {"title": "new", "tags": None},
        {"title": "by token", "tags": None},
    ]


def test_documents_without_ids_are_numbered(tmp_path: Path) -> None:
    table = {"indices": [[0], [1]], "values": [[1.0], [1.0]], "title": ["x", "y"]}
    seismic.build(pa.table(table), tmp_path / "index")
    with seismic.open(tmp_path / "index") as index:
        assert index.document_ids([0, 1]) == [0, 1]
        assert index.payloads([1]) == [{"title": "y"}]


def test_documents_that_come_twice_or_never_are_refused(tmp_path: Path) -> None:
    table = pa.table({"id": ["a"], "indices": [[0]], "values": [[1.0]], "title": ["x"]})
    with pytest.raises(
        InputError, match=r"^vectors: found the columns id, title and separate documents, expected only"
    ):
        seismic.build(table, tmp_path / "index", documents={"id": ["b"]})
    seismic.build(table, tmp_path / "index")
    with pytest.raises(InputError, match=r"^documents: found none, expected a table with a column 'id'$"):
        seismic.upsert(tmp_path / "index", [{0: 1.0}])


@pytest.mark.parametrize(
    "query",
    [
        {1: 1.0, 7: 1.0},
        {np.int64(1): np.float32(1)},
        [("green", 1.0)],
        [(1, 1.0)],
        scipy.sparse.coo_array(np.array([0, 1.0])),
        scipy.sparse.dok_array(np.array([[0, 1.0]])),
        np.array([0, 1.0, 0]),
        pa.table({"indices": [[1]], "values": [[1.0]]}),
    ],
)
def test_queries_of_every_kind(frames: Index, query: Any) -> None:
    assert [hit.id for hit in frames.search(query, np.int64(3), recall=np.float32(1))] == ["b", "a"]
    numbers, _ = frames.search_batch([query, {"tokens": {"blue": 1.0}}], np.int8(2), threads=np.int64(1))
    assert frames.document_ids(numbers) == [["b", "a"], ["c", None]]


def test_batches_of_queries_name_the_wrong_one(frames: Index) -> None:
    with pytest.raises(QueryError, match=r"^queries\[1\]: found None, expected a text, indices and values"):
        frames.search_batch([{1: 1.0}, None])
    with pytest.raises(QueryError, match="expected a list of queries; search takes one"):
        frames.search_batch({1: 1.0})
    with pytest.raises(QueryError, match=r"^queries: this collection has no encoder for texts"):
        frames.search_batch(["a text"])
    numbers, scores = frames.search_batch([])
    assert (numbers.shape, scores.shape) == ((0, 10), (0, 10))


def test_any_k_is_answered_or_refused_in_words(frames: Index) -> None:
    for k in (10**6, 10**12):
        assert len(frames.search({1: 1.0}, k)) == len(frames.answer({1: 1.0}, k).hits) <= 3
    with pytest.raises(ParameterError, match="k is 1000000000000, expected at most 3, the documents that can be found"):
        frames.search_batch([{1: 1.0}], 10**12)
    for search in (frames.search, frames.answer):
        with pytest.raises(ParameterError, match=f"k is {10**20}, expected less than {2**62}"):
            search({1: 1.0}, 10**20)


def test_numpy_in_filters(frames: Index) -> None:
    for ids in (np.array(["a", "c"]), [np.str_("a"), "c"], ("a", "c")):
        assert frames.count({"must": [{"ids": ids}]}) == 2
    assert frames.count({"must": [{"key": "title", "match": {"value": np.str_("x")}}]}) == 1
    assert frames.count({"must": [{"ids": ["a\ud800"]}]}) == 0


def test_filters_with_numpy_are_not_mixed_up(tmp_path: Path) -> None:
    documents = pa.table({"id": [1, 2], "n": [1.0, 5.0]})
    seismic.build(SparseVectors.from_dicts([{0: 1.0}] * 2), tmp_path / "index", documents=documents)
    with seismic.open(tmp_path / "index") as index:
        for bound, count in ((np.int64(5), 1), (np.float64(2.5e-323), 2), (np.uint64(5), 1), (np.int64(1), 2)):
            assert index.count({"must": [{"key": "n", "range": {"gte": bound}}]}) == count
