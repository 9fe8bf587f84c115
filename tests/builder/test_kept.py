"""The layout `small`, and the measured share of exact answers that it keeps."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import BuildParams, CorruptIndexError, FormatError, InputError, ParameterError, SearchParams, SparseVectors
from seismic.builder.kept import measure_kept
from seismic.layouts import LAYOUTS
from seismic.store import manifest as manifests
from seismic.store.manifest import Kept
from tests import naive, samples
from tests.changes.test_compaction import stored
from tests.conftest import Scifact

SMALL = BuildParams(layout="small")


def silent(done: int, total: int) -> None:
    """Ignore progress."""


def built(folder: Path, vectors: SparseVectors, **options: Any) -> Path:
    seismic.build(vectors, folder / "small", params=SMALL, **options)
    return folder / "small"


@pytest.fixture(scope="module")
def scifact_small(scifact: Scifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("kept"), scifact.vectors, queries=scifact.query_vectors)


@pytest.mark.parametrize("threads", [1, 3])
def test_measured_as_defined(threads: int) -> None:
    vectors, queries = samples.random_vectors(150, per_vector=12), samples.random_vectors(40, per_vector=6, seed=1)
    documents, asked = naive.rows(vectors), [row for row in naive.rows(queries) if row]
    found = measure_kept(vectors, LAYOUTS["small"], queries, threads, silent)
    assert [kept.k for kept in found] == [10, 100]
    for kept in found:
        shares = []
        for query in asked:
            exact, left = (
                {number for number, _ in naive.top_k(rows, query, kept.k)}
                for rows in (documents, naive.small(documents))
            )
            shares.append(len(exact & left) / len(exact))
        assert kept.recall == pytest.approx(np.mean(shares), abs=2 / 40 / kept.k)  # float32 may swap near ties
        assert kept.lower < kept.recall < kept.upper
        assert kept.queries == len(asked)


def test_what_real_queries_lose_is_told(scifact: Scifact, scifact_small: Path) -> None:
    with seismic.open(scifact_small) as index:
        numbers, _ = index.search_batch(scifact.query_vectors, 10)
        kept = index.manifest.kept[0]
        found = [len(np.intersect1d(*pair)) / 10 for pair in zip(numbers, scifact.truth_rows, strict=True)]
        assert kept.lower < np.mean(found) < kept.upper
        assert kept.queries == 500
    made = measure_kept(scifact.vectors, LAYOUTS["small"], None, 2, silent)
    assert made[0].recall == pytest.approx(kept.recall, abs=0.02)


def test_it_is_small(scifact_index: Path, scifact_small: Path) -> None:
    sizes = []
    for folder in (scifact_index, scifact_small):
        with seismic.open(folder) as index:
            files = index.manifest.shards[0].files
            sizes.append(files["shared.arrow"].bytes + files["maxima.arrow"].bytes)
            if folder == scifact_small:
                assert set(files) == {"documents.arrow", "maxima.arrow", "shared.arrow"}
                assert index.manifest.nnz == index.view.document_frequency.sum()
    assert sizes[1] < 0.75 * sizes[0]


def test_a_recall_that_is_not_kept_is_refused(scifact: Scifact, scifact_small: Path) -> None:
    query = scifact.query(0)
    with seismic.open(scifact_small) as index:
        lower = index.manifest.kept[0].lower
        assert index.search(query, recall=lower) == index.search(query)
        with pytest.raises(ParameterError, match=rf"recall 0.99 .* layout 'small' .* at least {lower:.3f} "):
            index.search(query, recall=0.99)
        assert len(index.search(query, params=SearchParams(plan="exact"))) == 10


def test_other_layouts_keep_all(tmp_path: Path) -> None:
    with samples.opened(tmp_path, [{0: 1.0}]) as index:
        assert index.manifest.kept == []
    with pytest.raises(ParameterError, match=r"queries measure what a lossy layout .small. keeps"):
        seismic.build(samples.random_vectors(9), tmp_path / "x", queries=samples.random_vectors(2))


def test_queries_that_match_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="queries: found none of 1 that any document matches"):
        built(tmp_path, SparseVectors.from_dicts([{0: 1.0}]), queries=SparseVectors.from_dicts([{7: 1.0}]))
    assert not (tmp_path / "small" / "CURRENT").exists()


def test_documents_without_components(tmp_path: Path) -> None:
    with seismic.open(built(tmp_path, SparseVectors.from_dicts([{}, {}], 3))) as index:
        assert index.manifest.kept == []
        assert index.search({"indices": [1], "values": [1.0]}) == []
        with pytest.raises(ParameterError, match="only a build of documents measures how much it keeps"):
            index.search({"indices": [1], "values": [1.0]}, recall=0.99)


@pytest.mark.parametrize("shards", [1, 3])
def test_changes_and_compaction(tmp_path: Path, shards: int) -> None:
    """Check that compaction never changes stored values, and that changed documents lose as much as built ones."""
    vectors = samples.random_vectors(60, per_vector=12)
    collection = built(tmp_path, vectors, shards=shards)
    expected = dict(enumerate(naive.small(naive.rows(vectors))))
    index = seismic.open(collection)
    measured = index.manifest.kept
    assert measured
    for step in range(3):
        new = samples.random_vectors(30, per_vector=12, seed=step + 1)
        seismic.upsert(collection, new, pa.table({"id": range(40 + 10 * step, 70 + 10 * step)}))
        seismic.delete(collection, [step])
        expected |= dict(zip(range(40 + 10 * step, 70 + 10 * step), naive.small(naive.rows(new)), strict=True))
        del expected[step]
        assert index.refresh()
        before = stored(index)
        assert before.keys() == expected.keys()
        for number, row in expected.items():
            assert before[number] == pytest.approx(row, rel=1e-6)
        assert seismic.compact(collection)
        assert index.refresh()
        assert stored(index) == before
        assert index.manifest.kept == measured
    for query in naive.rows(samples.random_vectors(5, per_vector=6, seed=9, empty=0)):
        rows = [before[id_] for id_ in index.document_ids(range(len(index)))]
        hits = index.search(samples.as_query(query), 10)
        naive.assert_top_k(
            np.array([hit.number for hit in hits]), np.array([hit.score for hit in hits], np.float32), rows, query
        )
    assert seismic.verify(collection).damages == []


def test_an_older_release_refuses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collection = built(tmp_path, samples.random_vectors(20))
    monkeypatch.setattr(manifests, "READER_FEATURES", frozenset())
    with pytest.raises(FormatError, match="with no-tops, small, which readers must know"):
        seismic.open(collection)


def test_what_is_kept_is_a_share(tmp_path: Path) -> None:
    collection = built(tmp_path, samples.random_vectors(20))
    folder = collection / "generations" / "000001"
    found = manifests.read_manifest(folder)
    wrong = Kept.model_construct(k=10, recall=1.5, lower=0.9, upper=1.0, queries=7)
    found.model_copy(update={"kept": [wrong]}).write(folder)
    with pytest.raises(CorruptIndexError, match=r"kept\.0\.recall"):
        seismic.open(collection)
