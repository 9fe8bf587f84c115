"""Embeddings of lsr-benchmark: two files, a matrix and ids."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from seismic import InputError, VectorError
from tests import naive
from tests.index_tools.formats import read

ARRAYS = {"indptr": [0, 2, 2, 4], "indices": [9, 4, 0, 7], "data": [1.5, 0.5, 2.0, 1.0]}


def write(folder: Path, ids: str | None = "x\ny\nz", **changed: Any) -> Path:
    path = folder / "doc-embeddings.npz"
    np.savez_compressed(path, **{name: np.array(values) for name, values in {**ARRAYS, **changed}.items()})
    if ids is not None:
        (folder / "doc-ids.txt").write_text(ids)
    return path


def test_components_come_in_any_order(tmp_path: Path) -> None:
    [batch] = read(write(tmp_path))
    assert naive.rows(batch.vectors) == [{4: 0.5, 9: 1.5}, {}, {0: 2.0, 7: 1.0}]
    assert batch.documents["id"].to_pylist() == ["x", "y", "z"]
    assert batch.vectors.dimension == 10
    [wide] = read(write(tmp_path, data=np.array([3, 1, 2, 1], np.int8)), dimension=12)
    assert naive.rows(wide.vectors)[0] == {4: 1.0, 9: 3.0}
    assert wide.vectors.dimension == 12


def test_ids_may_be_given(tmp_path: Path) -> None:
    batches = read(write(tmp_path, ids=None), ids=pa.array(["a", "b", "c"]))
    assert [id for batch in batches for id in batch.documents["id"].to_pylist()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ids": None}, "no file doc-ids.txt of ids is beside it; give the ids by --ids"),
        ({"ids": "x\ny"}, "found 2 ids in doc-ids.txt for 3 rows, expected equal numbers"),
        ({"indptr": [0, 2, 1, 4]}, "found row offsets that do not ascend"),
        ({"indices": [9, 4, 0]}, "found 3 indices and 4 data, expected equal numbers"),
        ({"indices": [9.5, 4, 0, 7]}, "found indices of float64 with 1 axes, expected integers with one"),
        ({"data": [["a"]]}, "found data of <U1 with 2 axes, expected numbers with one"),
    ],
)
def test_damage_is_named(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"doc-embeddings\.npz: cannot be read as npz of scipy: .*{message}"):
        read(write(tmp_path, **changed))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"indices": [9, 9, 0, 7]}, "row 0"),
        ({"data": [1.5, 0.5, -2.0, 1.0]}, "row 2"),
        ({"indices": [-1, 4, 0, 7]}, "row 0"),
    ],
)
def test_wrong_vectors_are_named_by_their_row(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(VectorError, match=rf"doc-embeddings\.npz, {message}"):
        read(write(tmp_path, **changed))
