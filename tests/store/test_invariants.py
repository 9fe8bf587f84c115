from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from seismic import CorruptIndexError, SparseVectors
from seismic.builder.impacts import find_impacts
from seismic.kernels.maxima import Maxima
from seismic.kernels.score import Forward
from seismic.kernels.shared import Shared
from seismic.store.invariants import (
    check_below,
    check_blocks,
    check_column,
    check_forward,
    check_impacts,
    check_maxima,
    check_scales,
    check_shared,
    check_summaries,
)
from tests import samples

VECTORS = samples.random_vectors(50, empty=0)


@pytest.mark.parametrize("scale", [np.nan, -1.0, np.inf, -np.inf, 2e15])
def test_scales_are_finite_and_not_negative(scale: float) -> None:
    check_scales(np.array([0, 1, 1e15], np.float32), "x")
    check_scales(np.array([], np.float32), "x")
    check_scales(np.array([0, 1e-15 / 255], np.float32), "x")
    for small in (1e-45, 1e-40, 1e-20):
        with pytest.raises(CorruptIndexError, match=r"x: found .*, expected 0, or 1e-18 or more"):
            check_scales(np.array([0, 1, small], np.float32), "x")
    with pytest.raises(CorruptIndexError, match=r"x: found .* expected 0 to 1e\+15"):
        check_scales(np.array([0, scale, 1], np.float32), "x")


def test_numbers_are_below_their_limit() -> None:
    check_below(np.array([0, 4], np.uint32), 5, "x")
    check_below(np.array([], np.uint32), 0, "x")
    with pytest.raises(CorruptIndexError, match="x: found 5, expected less than 5"):
        check_below(np.array([0, 5, 1], np.uint32), 5, "x")


def changed(arrays: Any, field: str, value: float) -> Any:
    array = getattr(arrays, field).copy()
    array[1] = value
    return arrays._replace(**{field: array})


@pytest.mark.parametrize(("field", "value"), [("numbers", 50), ("scales", np.nan), ("components", 60)])
def test_forward(field: str, value: float) -> None:
    forward: Forward = samples.forward(VECTORS)
    forward = forward._replace(components=forward.components.astype(np.uint32))
    check_forward(forward, samples.NARROW, "x")
    with pytest.raises(CorruptIndexError, match=f"x: {field.rstrip('s')}"):
        check_forward(changed(forward, field, value), samples.NARROW, "x")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("numbers", 50), ("scales", np.nan), ("components", 60), ("own_components", 60)],
        *[("documents", 0), ("own_ends", 1 << 30)],
    ],
)
def test_shared(field: str, value: float) -> None:
    shared: Shared = samples.shared(VECTORS)
    wide = {name: getattr(shared, name).astype(np.uint32) for name in ("components", "own_components")}
    shared = shared._replace(**wide)
    check_shared(shared, samples.NARROW, "x")
    with pytest.raises(CorruptIndexError, match=f"x: {field}"):
        check_shared(changed(shared, field, value), samples.NARROW, "x")


def test_impacts() -> None:
    forward = samples.forward(VECTORS)
    impacts = find_impacts(forward, VECTORS.dimension)
    check_impacts(impacts, "x")
    with pytest.raises(CorruptIndexError, match="x: ends do not rise to the number of the component's postings"):
        check_impacts(changed(impacts, "ends", 1 << 30), "x")


@pytest.mark.parametrize(("field", "value"), [("ends", 1 << 30), ("scales", -1)])
def test_maxima(field: str, value: float) -> None:
    maxima: Maxima = samples.maxima([{0: 1.0, 1: 2.0}] * 50, 4, dense=[])
    check_maxima(maxima, "x")
    with pytest.raises(CorruptIndexError, match=f"x: {field.rstrip('s')}"):
        check_maxima(changed(maxima, field, value), "x")


@pytest.mark.parametrize("member", [6 << 8 | 0b100, 7 << 8])
def test_blocks(member: int) -> None:
    blocks = samples.blocks({0: [[0, 1], [49]]}, samples.NARROW)
    check_blocks(blocks, 50, 2, "x")
    for most in (1, 3):
        with pytest.raises(CorruptIndexError, match=f"x: blocks: found 2 in the longest list, expected {most}"):
            check_blocks(blocks, 50, most, "x")
    with pytest.raises(CorruptIndexError, match=r"x: blocks: found .*, expected less than"):
        check_blocks(changed(blocks, "members", member), 50, 2, "x")


@pytest.mark.parametrize(("field", "value"), [("components", 60), ("scales", np.nan)])
def test_summaries(field: str, value: float) -> None:
    summaries = samples.summaries({0: [{1: 1, 2: 1}, {1: 7}]}, {1: 1.0, 2: 1.0}, samples.NARROW)
    summaries = summaries._replace(components=summaries.components.astype(np.uint32))
    check_summaries(summaries, "x")
    with pytest.raises(CorruptIndexError, match=r"x: .* found .*, expected"):
        check_summaries(changed(summaries, field, value), "x")


@pytest.mark.parametrize(("field", "place", "value"), [("documents", 0, 0b101), ("own_ends", 1, 1)])
def test_documents_beyond_the_last_one(field: str, place: int, value: int) -> None:
    shared: Shared = samples.shared(SparseVectors.from_dicts([{0: 1.0, 1: 1.0}, {0: 1.0, 2: 1.0}], samples.NARROW))
    check_shared(shared, samples.NARROW, "x")
    array = getattr(shared, field).copy()
    array[place] = value
    with pytest.raises(CorruptIndexError, match=f"x: {field}: found .* beyond the last document"):
        check_shared(shared._replace(**{field: array}), samples.NARROW, "x")


def text(offsets: list[int], kind: pa.DataType) -> pa.Array:
    width = np.int64 if "large" in str(kind) else np.int32
    buffers = [None, pa.py_buffer(np.array(offsets, width).tobytes()), pa.py_buffer(b"abcdef")]
    return pa.Array.from_buffers(kind, len(offsets) - 1, buffers)


KINDS = [pa.string(), pa.binary(), pa.large_string(), pa.large_binary()]


@pytest.mark.parametrize("kind", KINDS)
def test_offsets_of_text(kind: pa.DataType) -> None:
    check_column(text([0, 2, 2, 6], kind), "x")
    check_column(text([0, 2, 2, 6], kind)[1:2], "x")
    for offsets in ([0, 3, 2, 6], [0, 9, 6], [0, -5, 6]):
        with pytest.raises(CorruptIndexError, match="x: text offsets do not rise from 0 to 6"):
            check_column(text(offsets, kind), "x")


def test_columns_of_columns() -> None:
    bad = text([0, 3, 2, 6], pa.string())
    for column in (
        pa.StructArray.from_arrays([pa.array([1, 2, 3]), bad], ["a", "b"]),
        pa.ListArray.from_arrays(pa.array([0, 3], pa.int32()), bad),
        pa.DictionaryArray.from_arrays(pa.array([0, 5], pa.int8()), pa.array(["x"]), safe=False),
    ):
        with pytest.raises(CorruptIndexError, match="x: "):
            check_column(column, "x")


@pytest.mark.parametrize(
    "column", [pa.array([], pa.string()), pa.nulls(3), pa.array([1, 2]), pa.array([True]), pa.array([[1, 2], []])]
)
def test_columns_that_are_well(column: pa.Array) -> None:
    check_column(column, "x")
