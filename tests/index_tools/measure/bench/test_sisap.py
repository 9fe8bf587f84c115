"""The SISAP challenge of 2026, task 3: its files, and a run on a few documents."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from seismic import InputError, SparseVectors
from seismic_tools.measure.bench import sisap
from tests import naive, samples


def write_dataset(path: Path, documents: SparseVectors, queries: SparseVectors, truth: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        for name, vectors in (("train", documents), ("otest/queries", queries)):
            group = file.create_group(name)
            group.attrs["shape"] = np.array([len(vectors), vectors.dimension])
            group.create_dataset("indptr", data=vectors.indptr)
            group.create_dataset("indices", data=vectors.components.astype(np.int64))
            group.create_dataset("data", data=vectors.values)
        file.create_dataset("otest/knns", data=truth.astype(np.int32))


def test_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    documents, queries = (samples.random_vectors(size, 300, per_vector=20, seed=size, empty=0) for size in (400, 7))
    rows = naive.rows(documents)
    best = [naive.best_first(naive.matches(rows, query).items(), 30) for query in naive.rows(queries)]
    truth = np.array([[number + 1 for number, _ in hits] for hits in best])  # from 1
    write_dataset(tmp_path / "few.h5", documents, queries, truth)
    monkeypatch.setattr(sisap, "SETTINGS", sisap.SETTINGS[::12])
    sisap.main(tmp_path / "few.h5", tmp_path, threads=2, passes=1)
    assert len(sisap.SETTINGS) == 2
    assert "exact" in capsys.readouterr().out
    with h5py.File(tmp_path / "results" / "task3" / "seismic-shared-exact.h5") as file:
        np.testing.assert_array_equal(file["knns"][:], truth)
        expected = [[score for _, score in hits] for hits in best]
        np.testing.assert_allclose(file["dists"][:], expected, rtol=1e-3)
        assert file.attrs["task"] == "task3"
        assert file.attrs["dataset"] == "few"
        assert file.attrs["params"] == "layout=shared,exact"
        assert file.attrs["querytime"] > 0
        assert file.attrs["buildtime"] > 0
    assert (tmp_path / "results" / "task3" / "seismic-shared-heap_factor=1.05,bound_share=0.8.h5").is_file()


def test_files_that_are_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file, expected a data set of the SISAP challenge"):
        sisap.read_dataset(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("text")
    with pytest.raises(InputError, match="not an HDF5 file"):
        sisap.read_dataset(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_group("knns")
    with pytest.raises(InputError, match="found knns, expected 'train'"):
        sisap.read_dataset(tmp_path / "other.h5")
    vectors = samples.random_vectors(3, 300, seed=1)
    for truth, problem in [
        (np.ones((2, 30)), r"found the shape \(2, 30\), expected a row of at least 3 for each of 3 queries"),
        (np.ones((3, 2)), r"found the shape \(3, 2\), expected a row of at least 3"),
        (np.full((3, 30), 4), "expected document numbers from 1 to 3"),
        (np.zeros((3, 30)), "expected document numbers from 1 to 3"),
    ]:
        write_dataset(tmp_path / "short.h5", vectors, vectors, truth)
        with pytest.raises(InputError, match=f"short.h5: otest/knns: {problem}"):
            sisap.read_dataset(tmp_path / "short.h5")


def test_vectors_that_are_not_those_of_the_challenge(tmp_path: Path) -> None:
    vectors = samples.random_vectors(3, 300, seed=1)
    for name, value, problem in [
        ("shape", None, r"attribute 'shape': found none, expected \[3, dimension\]"),
        ("shape", 5, r"attribute 'shape': found 5, expected \[3, dimension\]"),
        ("shape", [4, 300], r"attribute 'shape': found \[4, 300\], expected \[3, dimension\]"),
        ("indices", np.full(len(vectors.values), 300), "row 0, field 'indices': found component 300"),
        ("data", 5.0, "data: found no array, expected one"),
    ]:
        write_dataset(tmp_path / "odd.h5", vectors, vectors, np.ones((3, 30)))
        with h5py.File(tmp_path / "odd.h5", "a") as file:
            if name == "shape":
                del file["train"].attrs["shape"]
                if value is not None:
                    file["train"].attrs["shape"] = value
            else:
                del file["train"][name]
                file["train"][name] = value
        with pytest.raises(InputError, match=f"odd.h5: .*{problem}"):
            sisap.read_dataset(tmp_path / "odd.h5")
    with h5py.File(tmp_path / "dense.h5", "w") as file:
        file["train"] = np.ones((3, 5))
    with pytest.raises(InputError, match=r"dense\.h5: train: found an array, expected a group in CSR form"):
        sisap.read_dataset(tmp_path / "dense.h5")
