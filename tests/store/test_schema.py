from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

from seismic import CorruptIndexError, InputError, SparseVectors
from seismic.builder.impacts import find_impacts
from seismic.kernels.constants import BLOCK
from seismic.kernels.lists import Blocks, Summaries
from seismic.kernels.maxima import Maxima
from seismic.kernels.score import Forward
from seismic.kernels.shared import Shared
from seismic.store import schema
from seismic.store.files import map_batch, write_batches
from tests import naive, samples


def arrays_of(vectors: SparseVectors) -> tuple[Forward, Maxima, Blocks, Summaries, Shared]:
    rows = naive.rows(vectors)
    postings = naive.invert(rows)
    lists = {
        component: naive.in_blocks([position for position, _ in entries], BLOCK)
        for component, entries in postings.items()
    }
    scales = naive.summary_scales(rows)
    summaries = {
        component: [naive.summarize([rows[position] for position in block], scales) for block in blocks]
        for component, blocks in lists.items()
    }
    dimension = vectors.dimension
    return (
        samples.forward(vectors),
        samples.maxima(rows, dimension, dense=range(0, dimension, 2048)),
        samples.blocks(lists, dimension),
        samples.summaries(summaries, scales, dimension),
        samples.shared(vectors),
    )


def batches_of(vectors: SparseVectors) -> tuple[pa.RecordBatch, ...]:
    """Return batches of forward.arrow, maxima.arrow, postings.arrow, summaries.arrow and shared.arrow."""
    forward, maxima, blocks, summaries, shared = arrays_of(vectors)
    return (
        schema.forward_batch(forward, vectors.dimension),
        schema.maxima_batch(maxima, len(vectors)),
        schema.postings_batch(blocks),
        schema.summaries_batch(summaries, vectors.dimension),
        schema.shared_batch(shared, vectors.dimension),
    )


def schemas(vectors: SparseVectors) -> tuple[pa.Schema, ...]:
    return (
        schema.forward_schema(vectors.dimension),
        schema.maxima_schema(len(vectors)),
        schema.postings_schema(),
        schema.summaries_schema(vectors.dimension),
        schema.shared_schema(vectors.dimension),
    )


@given(samples.sparse_vectors(min_size=0))
def test_arrays_survive_the_way_through_arrow(vectors: SparseVectors) -> None:
    readers: tuple[Callable[[pa.RecordBatch], Any], ...] = (
        schema.forward_arrays,
        lambda batch: schema.maxima_arrays(batch, len(vectors)),
        schema.blocks_arrays,
        schema.summaries_arrays,
        schema.shared_arrays,
    )
    for batch, read, expected, form in zip(
        batches_of(vectors), readers, arrays_of(vectors), schemas(vectors), strict=True
    ):
        batch.validate(full=True)
        assert batch.schema.equals(form)
        for found, array in zip(read(batch), expected, strict=True):
            np.testing.assert_array_equal(found, array, strict=True)


@given(samples.sparse_vectors())
def test_impacts_survive_the_way_through_arrow(vectors: SparseVectors) -> None:
    forward = samples.forward(vectors)
    impacts = find_impacts(forward, vectors.dimension)
    batch = schema.impacts_batch(impacts, len(vectors))
    batch.validate(full=True)
    assert batch.schema.equals(schema.impacts_schema(len(vectors)))
    for found, array in zip(schema.impacts_arrays(batch), impacts, strict=True):
        np.testing.assert_array_equal(found, array, strict=True)


@pytest.mark.parametrize("dimension", [1 << 16, (1 << 16) + 1])
def test_components_are_16_bits_where_they_fit(dimension: int) -> None:
    kind = pa.uint16() if dimension <= 1 << 16 else pa.uint32()
    assert schema.component_type(dimension) == kind
    assert schema.forward_schema(dimension).field("components").type.value_type == kind


@pytest.mark.parametrize(("documents", "windows"), [(0, 1), (1, 1), (8 << 16, 1), ((8 << 16) + 1, 2)])
def test_blocks_of_maxima_are_numbered_within_windows(documents: int, windows: int) -> None:
    assert schema.maxima_schema(documents).field("ends").type.list_size == windows


def test_rows_are_the_concepts() -> None:
    vectors = SparseVectors.from_dicts([{1: 51.5}, {}, {0: 1.0, 1: 255.0}])
    forward, maxima, postings, summaries, shared = batches_of(vectors)
    assert forward.column("components").to_pylist() == [[1], [], [0, 1]]
    assert forward.column("codes").to_pylist() == [[255], [], [1, 255]]
    [block] = shared.to_pylist()
    assert block["numbers"] == [0, 1, 2]
    assert (block["components"], block["documents"], block["codes"]) == ([1], [0b101], [255, 255])
    assert (block["own_components"], block["own_codes"]) == ([0], [1])
    assert block["own_ends"] == [0, 0, 1, 1, 1, 1, 1, 1]
    assert maxima.column("blocks").to_pylist() == [[], [0]]
    assert maxima.column("codes").to_pylist() == [[255] + [0] * 63, [255]]
    assert maxima.column("ends").to_pylist() == [[0], [1]]
    assert postings.column("blocks").to_pylist() == [[0b100], [0b101]]
    assert summaries.column("shapes").to_pylist() == [[{"length": 2, "runs": 2}]] * 2
    assert summaries.column("components").to_pylist() == [[0, 1], [1, 0]]
    assert summaries.column("entries").to_pylist() == [[7, 0, 7, 0], [7, 0, 7, 0]]
    assert summaries.column("scale").to_pylist() == pytest.approx([1 / 7, 255 / 7])


def test_counts_beyond_31_bits_are_refused() -> None:
    schema.check_offset(2**31 - 1, "values")
    with pytest.raises(InputError, match=r"found 2147483648 values in one shard, .*; build more shards"):
        schema.check_offset(2**31, "values")


# ---- offsets that lead out of bounds ----------------------------------------------------------------------------

BAD_OFFSETS = [[1, 1, 3], [0, 2, 1], [0, 4, 3], [0, 1, 2], [0, -1, 3]]
"""Offsets of two lists over three children."""


def lists(offsets: list[int], children: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return a list array with unchecked offsets."""
    buffers = [None, pa.py_buffer(np.array(offsets, np.int32))]
    return pa.Array.from_buffers(kind, len(offsets) - 1, buffers, children=[children])


@pytest.mark.parametrize("offsets", BAD_OFFSETS)
@pytest.mark.parametrize("name", ["components", "codes", "residuals"])
def test_bad_offsets_of_vectors(name: str, offsets: list[int]) -> None:
    batch = batches_of(SparseVectors.from_dicts([{0: 1.0}, {0: 1.0, 1: 2.0}]))[0]
    at, field = batch.schema.get_field_index(name), batch.schema.field(name)
    bad = batch.set_column(at, field, lists(offsets, batch.column(name).values, field.type))
    with pytest.raises(CorruptIndexError, match=rf"forward\.arrow: {name}: list offsets do not rise from 0 to 3"):
        schema.forward_arrays(bad)


def test_offsets_beyond_the_children_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "forward.arrow"
    batch = batches_of(SparseVectors.from_dicts([{0: 1.0}, {0: 1.0, 1: 2.0}]))[0]
    entry = write_batches(path, batch.schema, [batch])
    good, bad = (np.array(offsets, np.int32).tobytes() for offsets in ([0, 1, 3], [0, 1, 4]))
    assert path.read_bytes().count(good) == 3
    path.write_bytes(path.read_bytes().replace(good, bad))
    with pytest.raises(CorruptIndexError, match=r"forward\.arrow"):
        schema.forward_arrays(map_batch(path, entry, batch.schema))


def test_vectors_of_different_lengths() -> None:
    batch = batches_of(SparseVectors.from_dicts([{0: 1.0}, {0: 1.0, 1: 2.0}]))[0]
    field = batch.schema.field("codes")
    at = batch.schema.get_field_index("codes")
    bad = batch.set_column(at, field, lists([0, 2, 3], batch.column("codes").values, field.type))
    with pytest.raises(CorruptIndexError, match="codes and components have lists of different lengths"):
        schema.forward_arrays(bad)


@pytest.mark.parametrize("offsets", BAD_OFFSETS)
@pytest.mark.parametrize("name", ["blocks", "codes"])
def test_bad_offsets_of_maxima(name: str, offsets: list[int]) -> None:
    form = schema.maxima_schema(8)
    columns = {
        other: lists(offsets if other == name else [0, 1, 3], pa.array([0, 0, 1], kind.value_type), kind)
        for other, kind in (("blocks", form.field("blocks").type), ("codes", form.field("codes").type))
    }
    ends = pa.array([[1], [2]], form.field("ends").type)
    batch = pa.record_batch([*columns.values(), ends, pa.array([1.0, 1.0], pa.float32())], schema=form)
    with pytest.raises(CorruptIndexError, match=rf"maxima\.arrow: {name}: list offsets do not rise from 0 to 3"):
        schema.maxima_arrays(batch, 8)


def test_dense_rows_have_a_code_for_every_block() -> None:
    form = schema.maxima_schema(8)
    blocks, codes = (
        lists(offsets, pa.array([0] * offsets[-1], form.field(name).type.value_type), form.field(name).type)
        for name, offsets in (("blocks", [0, 0, 1]), ("codes", [0, 63, 64]))
    )
    ends = pa.array([[0], [1]], form.field("ends").type)
    batch = pa.record_batch([blocks, codes, ends, pa.array([1.0, 1.0], pa.float32())], schema=form)
    with pytest.raises(CorruptIndexError, match=r"maxima\.arrow: rows have neither .* nor 64 or 128 codes"):
        schema.maxima_arrays(batch, 8)


@pytest.mark.parametrize("offsets", BAD_OFFSETS)
def test_bad_offsets_of_postings(offsets: list[int]) -> None:
    form = schema.postings_schema()
    column = lists(offsets, pa.array([0, 1, 2], pa.uint32()), form.field("blocks").type)
    with pytest.raises(CorruptIndexError, match=r"postings\.arrow: blocks: list offsets"):
        schema.blocks_arrays(pa.record_batch([column], schema=form))


def summaries_batch(shapes: list[list[dict[str, int]]] | None = None, **offsets: list[int]) -> pa.RecordBatch:
    """Return the summaries of two lists: one run of one entry, and one run of two."""
    form = schema.summaries_schema(9)
    shapes = shapes or [[{"length": 1, "runs": 1}], [{"length": 2, "runs": 1}]]
    children = {
        "shapes": pa.array([shape for of_list in shapes for shape in of_list], form.field("shapes").type.value_type),
        "components": pa.array([0, 1], pa.uint16()),
        "entries": pa.array([7, 7, 7], pa.uint16()),
    }
    good = {"shapes": [0, len(shapes[0]), len(children["shapes"])], "components": [0, 1, 2], "entries": [0, 1, 3]}
    columns = [lists((good | offsets)[name], children[name], form.field(name).type) for name in children]
    return pa.record_batch([*columns, pa.array([1.0] * len(columns[0]), pa.float32())], schema=form)


@pytest.mark.parametrize("offsets", BAD_OFFSETS)
def test_bad_offsets_of_summaries(offsets: list[int]) -> None:
    with pytest.raises(CorruptIndexError, match=r"summaries\.arrow: entries: list offsets"):
        schema.summaries_arrays(summaries_batch(entries=offsets))


def test_shapes_count_runs_and_entries() -> None:
    schema.summaries_arrays(summaries_batch())
    one, two, other = {"length": 1, "runs": 1}, {"length": 2, "runs": 1}, {"length": 1, "runs": 2}
    with pytest.raises(CorruptIndexError, match=r"summaries\.arrow: shapes and components disagree in number"):
        schema.summaries_arrays(summaries_batch([[one], [other]]))
    with pytest.raises(CorruptIndexError, match=r"summaries\.arrow: shapes and entries disagree in number"):
        schema.summaries_arrays(summaries_batch([[two], [one]]))
