from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

from seismic.kernels import simd
from tests import samples
from tests.kernels.conftest import needs_jit


@numba.njit  # type: ignore[untyped-decorator]
def zeros_of(word: int) -> int:
    return simd.trailing_zeros(np.uint64(word))  # type: ignore[arg-type]


@numba.njit  # type: ignore[untyped-decorator]
def add_rows(sums: Any, start: int, codes: Any, offsets: Any, weights: Any, n_rows: int) -> int:
    return simd.add_rows(sums, start, codes, offsets, weights, n_rows)


@numba.njit  # type: ignore[untyped-decorator]
def at_least(sums: Any, start: int, least: int) -> int:
    return simd.at_least(sums, start, np.uint16(least))  # type: ignore[arg-type]


@numba.njit  # type: ignore[untyped-decorator]
def reaching(sums: Any, start: int, scales: Any, first: int, least: float) -> int:
    return simd.reaching(sums, start, scales, first, least)


@numba.njit  # type: ignore[untyped-decorator]
def largest_of_eight(values: Any) -> float:
    return simd.largest_of_eight(values)


@numba.njit  # type: ignore[untyped-decorator]
def eight_reaching(scales: Any, sums: Any, half: float, rest: float, factor: float, least: float) -> int:
    return simd.eight_reaching(scales, sums, half, rest, factor, least)


def forms(compiled: Callable[..., Any], plain: Callable[..., Any]) -> pytest.MarkDecorator:
    """Return the compiled form and the plain Python form."""
    return pytest.mark.parametrize("form", [pytest.param(compiled, marks=needs_jit, id="vector"), plain])


@forms(zeros_of, simd._trailing_zeros_plainly)
@pytest.mark.parametrize("bit", [0, 1, 31, 32, 63])
def test_trailing_zeros(form: Callable[..., int], bit: int) -> None:
    assert form(np.uint64(1 << bit)) == bit
    assert form(np.uint64((1 << 63) | (1 << bit))) == bit


@forms(add_rows, simd._add_rows_plainly)
@pytest.mark.parametrize("n_rows", [0, 1, 7])
def test_rows_are_added_to_one_group_of_sums(form: Callable[..., int], n_rows: int) -> None:
    rng = np.random.default_rng(n_rows)
    codes = rng.integers(0, 256, 2000, np.uint8)
    offsets, weights = rng.integers(0, 1800, 9), rng.integers(0, 1 << 13, 9, np.uint16)
    before = rng.integers(0, 1000, 192, np.uint16)
    samples.readonly((codes,))
    expected = before.astype(np.int64)
    for offset, weight in zip(offsets[:n_rows].tolist(), weights[:n_rows].tolist(), strict=True):
        expected[64:128] += codes[offset + 64 : offset + 128].astype(np.int64) * weight // 256
    sums = before.copy()
    assert form(sums, 64, codes, offsets, weights, n_rows) == expected[64:128].max()
    assert sums.tolist() == expected.tolist()


@forms(at_least, simd._at_least_plainly)
@pytest.mark.parametrize("least", [0, 1, 500, 32768, 65535])
def test_a_group_is_compared_to_a_bound(form: Callable[..., int], least: int) -> None:
    sums = np.random.default_rng(least).choice(np.array([0, 1, 499, 500, 501, 32768, 65535], np.uint16), 192)
    assert form(sums, 64, least) == sum(1 << lane for lane in range(64) if sums[64 + lane] >= least)


@forms(reaching, simd._reaching_plainly)
@pytest.mark.parametrize("least", [1e-300, 0.5, 1.0])
def test_scores_of_a_group_are_compared(form: Callable[..., int], least: float) -> None:
    rng = np.random.default_rng(0)
    sums, scales = rng.choice([0, 0.25, 1, 1e300], 200), rng.choice(np.array([0.5, 1, 2], np.float32), 300)
    samples.readonly((scales,))
    expected = sum(1 << lane for lane in range(64) if sums[65 + lane] * np.float64(scales[130 + lane]) >= least)
    assert form(sums, 65, scales, 130, least) == expected


@forms(largest_of_eight, simd._largest_of_eight_plainly)
@pytest.mark.parametrize("lane", range(8))
def test_the_largest_of_eight(form: Callable[..., float], lane: int) -> None:
    values = np.array([0, -1, 0.25, 1e-38, 0, 3, 2, 1, 1e9], np.float32)
    values[lane] = 7
    assert form(values) == 7


@forms(eight_reaching, simd._eight_reaching_plainly)
@pytest.mark.parametrize("least", [0.0, 2.5, 2.500001, 7.0, 100.0])
def test_scores_of_eight_are_compared(form: Callable[..., int], least: float) -> None:
    rng = np.random.default_rng(0)
    scales, sums = (rng.choice(np.array([0, 0.5, 1, 3], np.float32), 9) for _ in range(2))
    half, rest, factor, least = map(np.float32, (0.5, 2.0, 1.00001, least))
    expected = sum(1 << i for i in range(8) if (scales[i] * (sums[i] + half) + rest) * factor >= least)
    assert form(scales, sums, half, rest, factor, least) == expected
