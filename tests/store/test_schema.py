from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

from seismic import CorruptIndexError, InputError, SparseVectors
from seismic.kernels.maxima import Maxima
from seismic.kernels.score import Forward
from seismic.kernels.traverse import Blocks, Summaries
from seismic.store import schema
from seismic.store.files import map_batch, write_batches
from tests import naive, samples


def arrays_of(vectors: SparseVectors) -> tuple[Forward, Maxima, Blocks, Summaries]:
    rows = naive.rows(vectors)
    postings = naive.invert(rows)
    lists = {component: [[position] for position, _ in entries] for component, entries in postings.items()}
    summaries = {component: [rows[position] for position, _ in entries] for component, entries in postings.items()}
    dimension = vectors.dimension
    return (
        samples.forward(vectors),
        samples.maxima(rows, dimension, dense=range(0, dimension, 2048)),
        samples.blocks(lists, dimension),
        samples.summaries(summaries, dimension),
    )


def batches_of(vectors: SparseVectors) -> tuple[pa.RecordBatch, ...]:
    """Of forward.arrow, maxima.arrow, postings.arrow and summaries.arrow."""
    forward, maxima, blocks, summaries = arrays_of(vectors)
    return (
        schema.forward_batch(forward, vectors.dimension),
        schema.maxima_batch(maxima, len(vectors)),
        schema.postings_batch(blocks),
        schema.summaries_batch(summaries, vectors.dimension),
    )


def schemas(vectors: SparseVectors) -> tuple[pa.Schema, ...]:
    return (
        schema.forward_schema(vectors.dimension),
        schema.maxima_schema(len(vectors)),
        schema.postings_schema(),
        schema.summaries_schema(vectors.dimension),
    )


@given(samples.sparse_vectors(min_size=0))
def test_arrays_survive_the_way_through_arrow(vectors: SparseVectors) -> None:
    readers: tuple[Callable[[pa.RecordBatch], Any], ...] = (
        schema.forward_arrays,
        lambda batch: schema.maxima_arrays(batch, len(vectors)),
        schema.blocks_arrays,
        schema.summaries_arrays,
    )
    for batch, read, expected, form in zip(
        batches_of(vectors), readers, arrays_of(vectors), schemas(vectors), strict=True
    ):
        batch.validate(full=True)
        assert batch.schema.equals(form)
        for found, array in zip(read(batch), expected, strict=True):
            np.testing.assert_array_equal(found, array, strict=True)


@pytest.mark.parametrize("dimension", [1 << 16, (1 << 16) + 1])
def test_components_are_16_bits_where_they_fit(dimension: int) -> None:
    kind = pa.uint16() if dimension <= 1 << 16 else pa.uint32()
    assert schema.component_type(dimension) == kind
    assert schema.forward_schema(dimension).field("components").type.value_type == kind


@pytest.mark.parametrize("documents", [8 << 16, (8 << 16) + 1])
def test_block_numbers_are_16_bits_where_they_fit(documents: int) -> None:
    kind = pa.uint16() if documents <= 8 << 16 else pa.uint32()
    assert schema.maxima_schema(documents).field("blocks").type.value_type == kind


def test_rows_are_the_concepts() -> None:
    vectors = SparseVectors.from_dicts([{1: 51.0}, {}, {0: 1.0, 1: 255.0}])
    forward, maxima, postings, summaries = batches_of(vectors)
    assert forward.column("components").to_pylist() == [[1], [], [0, 1]]
    assert forward.column("codes").to_pylist() == [[255], [], [1, 255]]
    assert maxima.column("blocks").to_pylist() == [[], [0]]
    assert maxima.column("codes").to_pylist() == [[255] + [0] * 63, [255]]
    assert postings.column("blocks").to_pylist() == [[[2]], [[0], [2]]]
    assert [run["component"] for run in summaries.column("summaries").to_pylist()[1]] == [0, 1]
    assert summaries.column("summaries").to_pylist()[1][1]["entries"] == [
        {"block": 0, "code": 51},
        {"block": 1, "code": 255},
    ]


def test_counts_beyond_31_bits_are_refused() -> None:
    schema.check_offset(2**31 - 1, "values")
    with pytest.raises(InputError, match=r"found 2147483648 values in one shard, .*; build more shards"):
        schema.check_offset(2**31, "values")


# ---- offsets that kernels would follow out of bounds ------------------------------------------------------------

BAD_OFFSETS = [[1, 1, 3], [0, 2, 1], [0, 4, 3], [0, 1, 2], [0, -1, 3]]
"""For two lists over three children."""


def lists(offsets: list[int], children: pa.Array, kind: pa.DataType) -> pa.Array:
    """A list array whose offsets nobody has checked."""
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
    batch = pa.record_batch([*columns.values(), pa.array([1.0, 1.0], pa.float32())], schema=form)
    with pytest.raises(CorruptIndexError, match=rf"maxima\.arrow: {name}: list offsets do not rise from 0 to 3"):
        schema.maxima_arrays(batch, 8)


def test_dense_rows_have_a_code_for_every_block() -> None:
    form = schema.maxima_schema(8)
    blocks, codes = (
        lists(offsets, pa.array([0] * offsets[-1], form.field(name).type.value_type), form.field(name).type)
        for name, offsets in (("blocks", [0, 0, 1]), ("codes", [0, 63, 64]))
    )
    batch = pa.record_batch([blocks, codes, pa.array([1.0, 1.0], pa.float32())], schema=form)
    with pytest.raises(CorruptIndexError, match=r"maxima\.arrow: found rows with neither .* nor 64 codes"):
        schema.maxima_arrays(batch, 8)


@pytest.mark.parametrize("offsets", BAD_OFFSETS)
@pytest.mark.parametrize("level", ["blocks", "block"])
def test_bad_offsets_of_postings(level: str, offsets: list[int]) -> None:
    kind = schema.postings_schema().field("blocks").type
    positions = pa.array([0, 1, 2], pa.uint32())
    if level == "block":
        column = lists([0, 1, 2], lists(offsets, positions, kind.value_type), kind)
    else:
        column = lists(offsets, lists([0, 1, 2, 3], positions, kind.value_type), kind)
    with pytest.raises(CorruptIndexError, match=rf"postings\.arrow: {level}: list offsets"):
        schema.blocks_arrays(pa.record_batch([column], schema=schema.postings_schema()))


@pytest.mark.parametrize("offsets", BAD_OFFSETS)
@pytest.mark.parametrize("level", ["summaries", "entries"])
def test_bad_offsets_of_summaries(level: str, offsets: list[int]) -> None:
    form = schema.summaries_schema(9)
    kind = form.field("summaries").type
    run = kind.value_type
    pairs = pa.array([{"block": 0, "code": 1}] * 3, run.field("entries").type.value_type)
    outer, inner = ([0, 1, 2], offsets) if level == "entries" else (offsets, [0, 1, 2, 3])
    entries = lists(inner, pairs, run.field("entries").type)
    components = pa.array(range(len(entries)), pa.uint16())
    column = lists(outer, pa.StructArray.from_arrays([components, entries], fields=list(run)), kind)
    batch = pa.record_batch([column, pa.array([1.0] * len(column), pa.float32())], schema=form)
    with pytest.raises(CorruptIndexError, match=rf"summaries\.arrow: {level}: list offsets"):
        schema.summaries_arrays(batch)
