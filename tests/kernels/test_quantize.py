import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.kernels.quantize import quantize
from seismic.kernels.score import Forward
from tests import naive, samples


def quantized(vectors: SparseVectors) -> Forward:
    result = Forward(
        np.arange(len(vectors), dtype=np.uint32),
        vectors.indptr.astype(np.int32),
        vectors.components,
        np.zeros(vectors.nnz, np.uint8),
        np.zeros(vectors.nnz, np.int8),
        np.zeros(len(vectors), np.float32),
    )
    quantize(vectors.indptr, vectors.values, 0, len(vectors), result.scales, result.codes, result.residuals)
    return result


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
    # Half a step, or, for values that would become zero, a whole one.
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
    forward = quantized(SparseVectors.from_dicts([{}, {3: 1.0}, {}], 4))
    assert forward.scales.tolist() == [0, np.float32(1) / np.float32(255), 0]


def test_a_range_leaves_the_others_alone() -> None:
    vectors = SparseVectors.from_dicts([{0: 1.0}, {0: 2.0}, {0: 3.0}])
    scales, codes, residuals = np.zeros(3, np.float32), np.zeros(3, np.uint8), np.zeros(3, np.int8)
    quantize(vectors.indptr, vectors.values, 1, 2, scales, codes, residuals)
    assert codes.tolist() == [0, 255, 0]
    assert naive.quantize([2.0])[0] == scales[1]
