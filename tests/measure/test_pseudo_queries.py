from pathlib import Path

import numpy as np
import pytest

import seismic
from seismic import InputError
from tests import naive, samples
from tests.conftest import Scifact


@pytest.mark.parametrize("shards", [1, 3])
def test_they_are_parts_of_documents(tmp_path: Path, shards: int) -> None:
    vectors = samples.random_vectors(50, per_vector=30, empty=0.5)
    seismic.build(vectors, tmp_path / "index", shards=shards)
    documents = naive.stored(naive.rows(vectors))
    with seismic.open(tmp_path / "index") as index:
        queries = index.pseudo_queries(1000, seed=1)
        assert len(queries) == sum(map(bool, documents))  # each once
        for query in naive.rows(queries):
            assert 1 <= len(query) <= 15
            close = [all(abs(row.get(c, 0) - value) < 0.02 for c, value in query.items()) for row in documents]
            assert any(close)
        for one, other in zip(naive.rows(queries), naive.rows(index.pseudo_queries(1000, seed=1)), strict=True):
            assert one == other
        assert naive.rows(index.pseudo_queries(5, seed=2)) != naive.rows(index.pseudo_queries(5, seed=3))


def test_they_are_as_long_as_real_ones(scifact: Scifact, scifact_index: Path) -> None:
    with seismic.open(scifact_index) as index:
        lengths = np.diff(index.pseudo_queries(500).indptr)
    assert 18 <= np.median(lengths) <= 22
    assert np.percentile(lengths, [5, 95]) == pytest.approx([10, 40], abs=3)


def test_nothing_to_make_them_of(tmp_path: Path) -> None:
    with samples.opened(tmp_path, [{}, {}]) as index, pytest.raises(InputError, match="found only empty documents"):
        index.pseudo_queries(3)
