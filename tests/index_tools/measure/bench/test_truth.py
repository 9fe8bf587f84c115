"""Collections and their exact answers."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from seismic import InputError, SparseVectors
from seismic_tools.measure.bench.collection import Choice, Collection, order_documents, prepare
from seismic_tools.measure.bench.engines.base import Vectors
from seismic_tools.measure.bench.truth import exact_answers, given_answers
from tests.index_tools.measure.bench.conftest import ignore


def test_halves_and_their_exact_answers(source: Path, few: Collection) -> None:
    assert (few.shape.documents, few.queries) == (300, {"tune": 21, "report": 20})
    halves = [few.folder / half for half in ("tune", "report")]
    queries = [tuple(values.tolist()) for half in halves for _, values in Vectors.load(half).rows()]
    assert len(set(queries)) == 41
    documents = _dense(Vectors.load(few.folder / "documents"), few.shape.dimension)
    for half in ("tune", "report"):
        scores = _dense(Vectors.load(few.folder / half), few.shape.dimension) @ documents.T
        np.testing.assert_array_equal(few.truth[half, 5], np.argsort(-scores, axis=1, kind="stable")[:, :5])


def _dense(vectors: Vectors, dimension: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    dense = np.zeros((len(vectors.indptr) - 1, dimension))
    dense[np.repeat(np.arange(len(dense)), np.diff(vectors.indptr)), vectors.components] = vectors.values
    return dense


def test_given_answers_are_used(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    shutil.copytree(source, folder)
    ids = pq.read_table(folder / "queries.parquet")["id"].to_pylist()
    rows = np.arange(41 * 7, dtype=np.int32).reshape(41, 7) % 300
    np.savez(folder / "groundtruth.npz", query_ids=np.array(ids, "S"), rows=rows)
    (tmp_path / "work").mkdir()
    prepared = prepare(folder, Choice(None, 30, 0, [5, 7]), tmp_path / "work", tmp_path / "exact", ignore)
    assert prepared.queries == {"tune": 15, "report": 15}
    both = np.concatenate([prepared.truth["tune", 5], prepared.truth["report", 5]])
    assert set(both[:, 0].tolist()) < set(rows[:, 0].tolist())
    assert not (tmp_path / "exact").exists()


def test_given_answers_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "groundtruth.npz"
    assert given_answers(tmp_path, ["a", "b"]) is None
    np.savez(path, query_ids=np.array(["b", "a"]), rows=np.zeros((2, 1)))
    with pytest.raises(InputError, match="query_ids differ from the ids of the queries or their order"):
        given_answers(tmp_path, ["a", "b"])
    np.savez(path, rows=np.zeros((2, 1)))
    with pytest.raises(InputError, match="found rows, expected the arrays rows and query_ids"):
        given_answers(tmp_path, ["a", "b"])


def test_answers_of_bigann(tmp_path: Path) -> None:
    numbers, scores = np.array([[3, 1], [2, -1]], "<i4"), np.zeros((2, 2), "<f4")
    header = np.array(numbers.shape, "<u4")
    (tmp_path / "groundtruth.gt").write_bytes(header.tobytes() + numbers.tobytes() + scores.tobytes())
    found = given_answers(tmp_path, ["a", "b"])
    assert found is not None
    np.testing.assert_array_equal(found, numbers)
    with pytest.raises(InputError, match=r"groundtruth\.gt: found answers to 2 queries, expected 1"):
        given_answers(tmp_path, ["a"])


def test_computed_answers_are_kept(tmp_path: Path) -> None:
    documents = SparseVectors.from_dicts([{0: 1.0}, {0: 2.0}, {1: 1.0}])
    queries = SparseVectors.from_dicts([{0: 1.0}], dimension=2)
    assert exact_answers(documents, queries, 3, tmp_path / "exact", ignore).tolist() == [[1, 0, -1]]
    (kept,) = (tmp_path / "exact").iterdir()
    np.save(kept, np.array([[7, 7, 7]]))
    assert exact_answers(documents, queries, 3, tmp_path / "exact", ignore).tolist() == [[7, 7, 7]]
    assert exact_answers(documents, queries, 2, tmp_path / "exact", ignore).tolist() == [[1, 0]]


def test_order_of_documents(few: Collection, tmp_path: Path) -> None:
    folder = shutil.copytree(few.folder, tmp_path / "few")
    ordering = order_documents(folder, few.shape, 1)
    assert sorted(ordering.numbers.tolist()) == list(range(300))
    assert ordering.numbers.tolist() != list(range(300))
    plain, ordered = (Vectors.load(folder / name).rows() for name in ("documents", "ordered"))
    for position, number in enumerate(ordering.numbers):
        np.testing.assert_array_equal(ordered[position][0], plain[number][0])
        np.testing.assert_array_equal(ordered[position][1], plain[number][1])
