"""Leaving out documents of low quality."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from seismic import InputError, ParameterError, SparseVectors
from seismic_tools.readers import quality
from seismic_tools.readers.spool import Collection, collect
from tests.index_tools.readers.test_jsonl import as_dicts

VECTORS = [{0: 3.0, 1: 4.0}, {}, {2: 1.0}, {0: 1.0, 2: 1.0}, {5: 5.0}]
LENGTHS = [5.0, 0.0, 1.0, 2**0.5, 5.0]


@pytest.fixture
def collection() -> Collection:
    columns = {"id": list("abcde"), "q": [1, 5, 3, 3, 2], "z": [0.5, None, 1.0, 2.0, 3.0], "nan": [float("nan")] * 5}
    return Collection(SparseVectors.from_dicts(VECTORS, 6), pa.table(columns))


@pytest.mark.parametrize("rows", [1, 2, 1000])
def test_length_of_vectors(collection: Collection, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(quality, "ROWS", rows)
    for share, expected, least in ((0.2, "a", 5.0), (0.4, "ae", 5.0), (0.6, "ade", 2**0.5), (1.0, "abcde", 0.0)):
        kept, lowest = quality.select(collection, share)
        assert "".join(np.array(list("abcde"))[kept]) == expected
        assert lowest == pytest.approx(least)


def test_a_column_and_ties(collection: Collection) -> None:
    kept, least = quality.select(collection, 0.4, "q")
    assert kept.tolist() == [False, True, True, False, False]  # of c and d, which are equal, the first
    assert least == 3


def test_one_stays_at_least(collection: Collection) -> None:
    assert quality.select(collection, 0.01).kept.sum() == 1


@pytest.mark.parametrize("rows", [1, 2, 1000])
def test_what_stays_is_as_if_read_alone(
    collection: Collection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rows: int
) -> None:
    monkeypatch.setattr(quality, "ROWS", rows)
    kept = np.array([True, False, False, True, True])
    with collect(quality.batches(collection, kept), beside=tmp_path / "x") as rest:
        assert rest.documents["id"].to_pylist() == ["a", "d", "e"]
        assert as_dicts(rest.vectors) == [VECTORS[0], VECTORS[3], VECTORS[4]]
        assert rest.vectors.dimension == 6


@pytest.mark.parametrize(
    ("share", "column", "kind", "message"),
    [
        (0.0, None, ParameterError, "--keep 0.0: expected a share"),
        (1.5, None, ParameterError, "--keep 1.5: expected a share"),
        (0.5, "w", InputError, "--quality-column w: no such column; found id, q, z, nan"),
        (0.5, "id", InputError, "--quality-column id: found string, expected numbers"),
        (0.5, "z", InputError, "--quality-column z: document 1 has no number"),
        (0.5, "nan", InputError, "--quality-column nan: document 0 has no number"),
    ],
)
def test_what_cannot_be(
    collection: Collection, share: float, column: str | None, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        quality.select(collection, share, column)
