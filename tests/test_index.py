import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import BuildParams, Index, IndexNotFoundError, ParameterError, SearchParams, SparseVectors
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
