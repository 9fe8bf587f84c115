"""Maxima of superblocks, which only large shards have, in small ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import seismic
from seismic import BuildParams, CorruptIndexError, FormatError
from seismic.builder import build as building
from seismic.builder import maxima as maxima_building
from seismic.kernels.maxima import padded_blocks, padded_superblocks
from seismic.store import manifest, schema, verify
from tests import naive, samples

DOCUMENTS, DIMENSION = 3000, 60
VECTORS = samples.random_vectors(DOCUMENTS, dimension=DIMENSION, per_vector=20)
SMALL = BuildParams(layout="small")  # the other layouts answer small shards by their postings


@pytest.fixture(scope="module", params=[1, 3], ids=["one shard", "three"])
def folders(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the same documents without superblocks and with them."""
    folder = tmp_path_factory.mktemp("superblocks")
    with pytest.MonkeyPatch.context() as patch:
        for name, having in (("without", False), ("with", True)):
            for module in (building, maxima_building):
                patch.setattr(module, "has_superblocks", lambda documents, having=having: having)
            seismic.build(VECTORS, folder / name, params=SMALL, shards=request.param)
    return folder / "without", folder / "with"


@pytest.mark.parametrize("k", [1, 10, 100, 1000])
def test_hits_are_those_without_superblocks(folders: tuple[Path, Path], k: int) -> None:
    queries = samples.random_vectors(30, dimension=DIMENSION, per_vector=15, seed=1)
    with seismic.open(folders[0]) as without, seismic.open(folders[1], verify="full") as found:
        for params in (None, seismic.SearchParams(plan="exact", bound_share=0.8)):
            expected = without.search_batch(queries, k, params=params)
            answers = found.search_batch(queries, k, params=params)
            np.testing.assert_array_equal(answers[1], expected[1])
            np.testing.assert_array_equal(answers[0], expected[0])
        hits = found.search(dict(naive.rows(queries)[0]), k)
        assert [hit.number for hit in hits] == answers_of(found, queries, k)


def answers_of(index: seismic.Index, queries: seismic.SparseVectors, k: int) -> list[int]:
    numbers = index.search_batch(queries.slice(0, 1), k)[0][0]
    return [int(number) for number in numbers if number >= 0]


def test_rows_of_codes_go_on_with_superblocks(folders: tuple[Path, Path]) -> None:
    with seismic.open(folders[0]) as without, seismic.open(folders[1]) as found:
        lengths = [np.diff(index.view.shards[0].shard.maxima.code_starts).max(initial=0) for index in (without, found)]
        documents = len(found.view.shards[0].shard)
    assert lengths == [padded_blocks(documents), padded_blocks(documents) + padded_superblocks(documents)]


def test_other_releases_refuse_them(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "READER_FEATURES", manifest.READER_FEATURES - {manifest.SUPERBLOCKS})
    seismic.open(folders[0]).close()
    with pytest.raises(FormatError, match="with superblocks, which readers must know"):
        seismic.open(folders[1])


def test_rows_of_another_length_are_damage(folders: tuple[Path, Path]) -> None:
    with seismic.open(folders[1]) as index:
        shard = index.view.shards[0].shard
        maxima, documents = shard.maxima, len(shard)
        schema.maxima_arrays(schema.maxima_batch(maxima, documents), documents)
        starts = maxima.code_starts.copy()
        starts[int(np.diff(starts).argmax()) + 1 :] -= 1
        short = schema.maxima_batch(maxima._replace(code_starts=starts, codes=maxima.codes[:-1]), documents)
    blocks = padded_blocks(documents)
    with pytest.raises(CorruptIndexError, match=f"code per block number nor {blocks} or {blocks + 64} codes"):
        schema.maxima_arrays(short, documents)


def test_superblocks_below_their_blocks_are_damage(folders: tuple[Path, Path]) -> None:
    """Searches would miss documents."""
    with seismic.open(folders[1]) as index:
        shard = index.view.shards[0].shard
        component = int(np.diff(shard.maxima.code_starts).argmax())
        codes = shard.maxima.codes.copy()
        row = codes[shard.maxima.code_starts[component] + padded_blocks(len(shard)) :]
        row[int(row[:40].argmax())] -= 1
        damaged = replace(shard, maxima=samples.readonly(shard.maxima._replace(codes=codes)))
        verify.check_shard(shard, "x")
        with pytest.raises(
            CorruptIndexError, match=f"x: maxima.arrow: codes: found superblocks of component {component} "
        ):
            verify.check_shard(damaged, "x")
