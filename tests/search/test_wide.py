"""Vocabularies wider than 16 bits answer as narrow ones do, at a cost that follows the components in use."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import BuildParams, Index, InputError, ParameterError, SearchParams, SearchRequest, SparseVectors
from seismic.components import UsedComponents, add_up
from seismic.layouts import LAYOUTS, Layout
from tests import samples

NARROW = 70
WIDE = np.sort(np.random.default_rng(5).choice(1 << 32, NARROW, replace=False)).astype(np.uint32)
"""Component of the narrow index -> component of the wide one, in the same order."""
WIDE[-1] = (1 << 32) - 1


def widened(vectors: SparseVectors) -> SparseVectors:
    return SparseVectors.from_arrays(vectors.indptr, WIDE[vectors.components], vectors.values, 1 << 32)


@pytest.fixture(scope="module", params=LAYOUTS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Index, Index]:
    """The same collection with narrow and with wide components, of several shards and with changes."""
    layout: Layout = request.param
    folder = tmp_path_factory.mktemp("wide")
    vectors, more = (samples.random_vectors(count, NARROW, seed=seed) for count, seed in ((300, 0), (90, 1)))
    documents = pa.table({"id": [f"d{row}" for row in range(300)], "kind": [row % 3 for row in range(300)]})
    changed = pa.table({"id": [f"d{row}" for row in range(250, 340)], "kind": [row % 3 for row in range(90)]})
    opened = []
    for name, change in (("narrow", lambda some: some), ("wide", widened)):
        path = folder / name
        seismic.build(change(vectors), path, documents=documents, params=BuildParams(layout=layout), shards=2)
        seismic.upsert(path, change(more), changed)
        seismic.delete(path, ["d1", "d300"])
        opened.append(seismic.open(path))
    return opened[0], opened[1]


def found(index: Index, **request: Any) -> Any:
    answer = index.ask(SearchRequest(**request))
    hits = answer.hits or [hit for group in answer.groups or [] for hit in group.hits]
    return [(hit.id, hit.score) for hit in hits], answer.facets, answer.matched


def queries(wide: bool) -> list[dict[str, Any]]:
    rows = samples.random_vectors(12, NARROW, per_vector=6, seed=9)
    rows = widened(rows) if wide else rows
    return [{"indices": rows[row][0].tolist(), "values": rows[row][1].tolist()} for row in range(12)]


REQUESTS: list[dict[str, Any]] = [
    {},
    {"limit": 150},
    {"filter": {"must": [{"key": "kind", "match": {"value": 1}}]}},
    {"group_by": {"key": "kind", "size": 2}},
    {"facets": [{"key": "kind"}]},
    {"feedback": {"documents": 3}},
    {"params": SearchParams(bound_share=0.8)},
]


@pytest.mark.parametrize("more", REQUESTS, ids=str)
def test_wide_components_answer_as_narrow_ones(pair: tuple[Index, Index], more: dict[str, Any]) -> None:
    for narrow, wide in zip(queries(False), queries(True), strict=True):
        assert found(pair[1], query=wide, **more) == found(pair[0], query=narrow, **more)


def test_examples_batches_and_plans(pair: tuple[Index, Index]) -> None:
    narrow, wide = pair
    for query in ({"id": "d4"}, {"positive": ["d4", "d260"], "negative": ["d7"]}):
        assert found(wide, query=query) == found(narrow, query=query)
    rows = samples.random_vectors(40, NARROW, seed=3)
    for plan in LAYOUTS[narrow.manifest.layout].plans:
        params = SearchParams(plan=plan)
        for one, other in zip(
            narrow.search_batch(rows, 20, params=params),
            wide.search_batch(widened(rows), 20, params=params),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)


def test_explanations_name_the_components_of_the_vocabulary(pair: tuple[Index, Index]) -> None:
    for narrow, wide in zip(queries(False), queries(True), strict=True):
        one, other = (
            index.ask(SearchRequest(query=query, explain=True)) for index, query in ((pair[0], narrow), (pair[1], wide))
        )
        for first, second in zip(one.hits, other.hits, strict=True):
            assert first.explanation is not None
            assert second.explanation is not None
            assert [int(WIDE[part.component]) for part in first.explanation] == [
                p.component for p in second.explanation
            ]
            assert [part.product for part in first.explanation] == [part.product for part in second.explanation]
        assert one.explanation is not None
        assert other.explanation is not None
        assert [term.blocks for term in one.explanation.terms] == [term.blocks for term in other.explanation.terms]


def test_stored_vectors_have_the_components_of_the_vocabulary(pair: tuple[Index, Index]) -> None:
    narrow, wide = (index.vectors(np.arange(0, 390, 7)) for index in pair)
    np.testing.assert_array_equal(WIDE[narrow.components], wide.components)
    np.testing.assert_array_equal(narrow.values, wide.values)


def test_compaction_snapshots_and_verification(pair: tuple[Index, Index], tmp_path: Path) -> None:
    narrow, wide = pair
    for index in pair:
        seismic.create_snapshot(index.view.collection, tmp_path / f"{index.name}.snapshot")
        seismic.restore_snapshot(tmp_path / f"{index.name}.snapshot", tmp_path / index.name)
        assert not seismic.verify(tmp_path / index.name).damages
    with (
        seismic.open(tmp_path / "narrow", verify="full") as one,
        seismic.open(tmp_path / "wide", verify="full") as other,
    ):
        assert "components" in other.manifest.reader_features
        assert "components" not in one.manifest.reader_features
        for short, long in zip(queries(False), queries(True), strict=True):
            assert found(other, query=long)[0] == found(one, query=short)[0] == found(narrow, query=short)[0]
    assert len(wide) == len(narrow)


def test_one_large_component_costs_nothing(tmp_path: Path) -> None:
    for layout in LAYOUTS:
        folder = tmp_path / layout
        seismic.build(SparseVectors.from_dicts([{(1 << 32) - 1: 2.0}]), folder, params=BuildParams(layout=layout))
        with seismic.open(folder, verify="full") as index:
            (hit,) = index.search({"indices": [5, (1 << 32) - 1], "values": [1.0, 3.0]})
            assert hit.score == pytest.approx(6.0)
            assert index.search({"indices": [5], "values": [1.0]}) == []
            assert sum(entry.bytes for shard in index.manifest.shards for entry in shard.files.values()) < 20_000
            with pytest.raises(ParameterError, match=r"dimension of 4,294,967,296, expected at most 16,777,216"):
                index.document_frequency()


def test_components_have_32_bits(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"found component 4294967296, expected .* dimension 4294967296"):
        SparseVectors.from_dicts([{1 << 32: 1.0}])
    index = samples.opened(tmp_path, [{70_000: 1.0}])
    assert index.answer({"indices": [70_000, 1 << 32], "values": [1.0, 1.0]}).unknown == (1 << 32,)


def test_add_up_and_rows() -> None:
    components, sums = add_up(np.array([7, 3, 7], np.uint32), np.array([1.0, 2.0, 0.5]))
    assert (components.tolist(), sums.tolist()) == ([3, 7], [2.0, 1.5])
    rows, known = UsedComponents(np.array([2, 9], np.uint32)).rows(np.array([9, 3, 11, 2]))
    assert rows[known].tolist() == [1, 0]
    assert known.tolist() == [True, False, False, True]
    assert not UsedComponents(np.zeros(0, np.uint32)).rows(np.array([1]))[1].any()
