import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.builder.quantize import quantize_vectors, stored_vectors
from seismic.kernels.quantize import count_distorted, quantize
from seismic.kernels.score import Forward
from seismic.layouts import LAYOUTS, Layout, storage_of
from tests import naive, samples


def quantized(vectors: SparseVectors) -> Forward:
    return quantize_vectors(vectors, np.arange(len(vectors), dtype=np.uint32), 1)


@given(samples.sparse_vectors())
def test_equals_the_oracle(vectors: SparseVectors) -> None:
    for found, expected in zip(quantized(vectors), samples.forward(vectors), strict=True):
        np.testing.assert_array_equal(found, expected)


@given(samples.sparse_vectors(values=st.floats(2.0**-49, 2.0**49, width=32)))
def test_stored_values_are_close_and_never_zero(vectors: SparseVectors) -> None:
    forward = quantized(vectors)
    scale = np.repeat(forward.scales.astype(np.float64), np.diff(vectors.indptr))
    stored = scale * (forward.codes + forward.residuals / 256)
    assert (stored > 0).all()
    error = np.abs(stored - vectors.values)
    # Half a step, or a whole one for values that would become 0.
    allowed = np.where(vectors.values < scale / 512, scale / 256, scale / 512)
    assert (error <= allowed * (1 + 1e-6)).all()


@given(samples.sparse_vectors())
def test_codes_alone_are_off_by_half_a_step(vectors: SparseVectors) -> None:
    forward = quantized(vectors)
    scale = np.repeat(forward.scales.astype(np.float64), np.diff(vectors.indptr))
    assert (np.abs(scale * forward.codes - vectors.values) <= scale * 0.502).all()


def test_the_largest_value_has_the_largest_code() -> None:
    forward = quantized(SparseVectors.from_dicts([{0: 255.0, 1: 128.0, 2: 0.5, 3: 0.25}]))
    assert forward.scales.tolist() == [1]
    assert forward.codes.tolist() == [255, 128, 1, 0]
    assert forward.residuals.tolist() == [0, 0, -128, 64]


@pytest.mark.parametrize("value", [1e-15, 1e15])
def test_extreme_values_are_stored(value: float) -> None:
    forward = quantized(SparseVectors.from_dicts([{0: value}]))
    stored = float(forward.scales[0]) * (forward.codes[0] + forward.residuals[0] / 256)
    assert stored > 0
    assert stored == pytest.approx(value, rel=1e-5)


def test_empty_documents_have_scale_zero() -> None:
    forward = quantized(SparseVectors.from_dicts([{}, {3: 1.5}, {}], 4))
    assert forward.scales.tolist() == [0, np.float32(1.5) / np.float32(255), 0]


@given(samples.sparse_vectors(values=st.integers(1, 65280).map(float)))
def test_integers_are_stored_exactly(vectors: SparseVectors) -> None:
    np.testing.assert_array_equal(stored_vectors(vectors, LAYOUTS["shared"]).values, vectors.values)


@given(samples.sparse_vectors(values=st.integers(1, 255).map(float)))
def test_integers_are_stored_exactly_without_residuals(vectors: SparseVectors) -> None:
    for found, given_row in zip(
        naive.rows(stored_vectors(vectors, LAYOUTS["small"])), naive.rows(vectors), strict=True
    ):
        assert found == {component: given_row[component] for component in found}


@pytest.mark.parametrize(
    ("row", "scale"),
    [
        ({0: 1.0}, 2**-7),
        ({0: 255.0, 1: 1.0}, 1),
        ({0: 256.0}, 2),
        ({0: 65280.0, 1: 1.0}, 256),
        ({0: 65281.0, 1: 1.0}, np.float32(65281) / np.float32(255)),
        ({0: 2.0, 1: 0.5}, np.float32(2) / np.float32(255)),
    ],
)
def test_scales_of_integers_are_powers_of_two(row: naive.Row, scale: float) -> None:
    assert quantized(SparseVectors.from_dicts([row])).scales.tolist() == [scale]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{0: 1e6, 1: 1.0}], (1, 1, 1)),
        ([{0: 1e5, 1: 1.0}], (1, 1, 1)),  # stored as 1.53
        ([{0: 1e6, 1: 100.0}], (0, 0, -1)),
        ([{0: 65280.0, 1: 1.0}, {0: 40000.0, 1: 1.0}], (0, 0, -1)),
        ([{}, {0: 1.0}, {0: 1.5, 1: 1e-9, 2: 1e-8}, {0: 1e4, 1: 0.01, 2: 0.02}], (2, 4, 5)),
    ],
)
def test_distorted_values_are_counted(rows: list[naive.Row], expected: tuple[int, int, int]) -> None:
    vectors = SparseVectors.from_dicts(rows)
    assert count_distorted(vectors.indptr, vectors.values, 0, len(vectors), 0.1, 0.0, False) == expected


@given(samples.sparse_vectors(values=st.floats(2.0**-12, 2.0**12, width=32)), st.floats(0, 4))
def test_distorted_values_are_those_stored_with_a_large_error(vectors: SparseVectors, tolerated: float) -> None:
    stored, given_values = (
        each.values.astype(np.float64) for each in (stored_vectors(vectors, LAYOUTS["shared"]), vectors)
    )
    error = np.abs(stored - given_values)
    counts = [
        int(((error > 0.1 * given_values * slack) & (error > tolerated * slack)).sum())
        for slack in (1 + 1e-5, 1 - 1e-5)
    ]
    found = count_distorted(vectors.indptr, vectors.values, 0, len(vectors), 0.1, tolerated, False)[1]
    assert counts[0] <= found <= counts[1]  # stored values are rounded to float32 once more


@pytest.mark.parametrize("layout", ["shared", "small"])
@given(vectors=samples.sparse_vectors(), data=st.data())
def test_rows_have_the_given_order(layout: Layout, vectors: SparseVectors, data: st.DataObject) -> None:
    numbers = np.array(data.draw(st.lists(st.integers(0, len(vectors) - 1))), np.uint32)
    rows, storage = [naive.rows(vectors)[number] for number in numbers], LAYOUTS[layout]
    expected = quantize_vectors(
        SparseVectors.from_dicts(rows, vectors.dimension), np.arange(len(rows)), 1, LAYOUTS[layout]
    )
    for threads in (1, 2, 3):
        found = quantize_vectors(vectors, numbers, threads, storage)
        assert found.numbers.tolist() == numbers.tolist()
        for one, other in zip(found[1:], expected[1:], strict=True):
            np.testing.assert_array_equal(one, other, strict=True)


def test_a_range_leaves_the_others_alone() -> None:
    vectors = SparseVectors.from_dicts([{0: 1.5}, {0: 2.5}, {0: 3.5}])
    forward = Forward(
        np.arange(3, dtype=np.uint32),
        np.arange(4, dtype=np.int32),
        np.zeros(3, np.uint16),
        np.zeros(3, np.uint8),
        np.zeros(3, np.int8),
        np.zeros(3, np.float32),
    )
    quantize(vectors.indptr, vectors.components, vectors.values, 1, 2, 0, True, False, forward)
    assert forward.codes.tolist() == [0, 255, 0]
    assert forward.scales.tolist() == [0, naive.quantize([2.5])[0], 0]


BINARY = storage_of("shared", several_fields=True)


def binary_scale(largest: float) -> float:
    """Return the smallest power of 2 of which 255 hold the largest value."""
    scale = 2.0**-80
    while largest > 255 * scale:
        scale *= 2
    return scale


@given(samples.sparse_vectors(values=st.floats(2.0**-49, 2.0**49, width=32)))
def test_binary_scales_equal_the_oracle(vectors: SparseVectors) -> None:
    rows = naive.rows(stored_vectors(vectors, BINARY))
    for found, given_row in zip(rows, naive.rows(vectors), strict=True):
        step = binary_scale(max(given_row.values(), default=0)) / 256
        assert found == {
            component: min(65280, max(1, round(value / step))) * step for component, value in given_row.items()
        }


@given(samples.sparse_vectors(), st.integers(0, 5))
def test_parts_with_binary_scales_are_stored_again_exactly(vectors: SparseVectors, cut: int) -> None:
    """Whatever else is taken out of a vector: the scale only becomes finer."""
    stored = naive.rows(stored_vectors(vectors, BINARY))
    parts = [
        {component: row[component] for component in sorted(row, key=row.__getitem__)[: -cut or None]} for row in stored
    ]
    again = stored_vectors(SparseVectors.from_dicts(parts, vectors.dimension), BINARY)
    assert naive.rows(again) == [dict(sorted(part.items())) for part in parts]
