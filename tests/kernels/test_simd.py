import ctypes
import mmap
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic.kernels import simd
from tests import samples
from tests.kernels.conftest import needs_avx512, needs_jit


@numba.njit  # type: ignore[untyped-decorator]
def mask_of(components: Any, start: int, remaining: int, table: Any) -> int:
    return simd.signature_mask(components, start, remaining, table)


@numba.njit  # type: ignore[untyped-decorator]
def zeros_of(word: int) -> int:
    return simd.trailing_zeros(np.uint64(word))  # type: ignore[arg-type]


@numba.njit  # type: ignore[untyped-decorator]
def add_rows(bounds: Any, start: int, codes: Any, offsets: Any, weights: Any, n_rows: int) -> int:
    return simd.add_rows(bounds, start, codes, offsets, weights, n_rows)


@numba.njit  # type: ignore[untyped-decorator]
def at_least(bounds: Any, start: int, least: int) -> int:
    return simd.at_least(bounds, start, np.uint16(least))  # type: ignore[arg-type]


def forms(compiled: Callable[..., int], plain: Callable[..., int]) -> pytest.MarkDecorator:
    """The form for the JIT and the one for plain Python."""
    return pytest.mark.parametrize("form", [pytest.param(compiled, marks=needs_jit, id="vector"), plain])


@needs_avx512
@pytest.mark.parametrize("kind", [np.uint16, np.uint32])
@given(data=st.data())
def test_the_mask_has_the_bits_of_matching_signatures(kind: type[np.unsignedinteger[Any]], data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    components = rng.integers(0, np.iinfo(kind).max, 200, kind, endpoint=True)
    signature = (rng.random(1024) < data.draw(st.sampled_from([0, 0.02, 0.5, 1]))).astype(np.uint8)
    start, remaining = data.draw(st.integers(0, 100)), data.draw(st.integers(1, 100))
    found = mask_of(components, start, remaining, np.packbits(signature, bitorder="little"))
    lanes = range(min(64, remaining))
    assert found == sum(1 << lane for lane in lanes if signature[components[start + lane] % 1024])


@needs_avx512
@pytest.mark.parametrize("kind", [np.uint16, np.uint32])
def test_the_mask_reads_nothing_beyond_what_remains(kind: type[np.unsignedinteger[Any]]) -> None:
    with mmap.mmap(-1, 2 * mmap.PAGESIZE) as pages:
        array = np.frombuffer(pages, kind, mmap.PAGESIZE // np.dtype(kind).itemsize)
        beyond = ctypes.c_void_p(array.ctypes.data + mmap.PAGESIZE)
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.mprotect(beyond, ctypes.c_size_t(mmap.PAGESIZE), 0) == 0  # a read there would be fatal
        signature = np.full(128, 255, np.uint8)
        for remaining in (1, 31, 63, 64):
            assert mask_of(array, len(array) - remaining, remaining, signature) == (1 << remaining) - 1
        del array


@forms(zeros_of, simd._trailing_zeros_plainly)
@pytest.mark.parametrize("bit", [0, 1, 31, 32, 63])
def test_trailing_zeros(form: Callable[..., int], bit: int) -> None:
    assert form(np.uint64(1 << bit)) == bit
    assert form(np.uint64((1 << 63) | (1 << bit))) == bit


@forms(add_rows, simd._add_rows_plainly)
@pytest.mark.parametrize("n_rows", [0, 1, 7])
def test_rows_are_added_to_one_group_of_bounds(form: Callable[..., int], n_rows: int) -> None:
    rng = np.random.default_rng(n_rows)
    codes = rng.integers(0, 256, 2000, np.uint8)
    offsets, weights = rng.integers(0, 1800, 9), rng.integers(0, 1 << 13, 9, np.uint16)
    before = rng.integers(0, 1000, 192, np.uint16)
    samples.readonly((codes,))
    expected = before.astype(np.int64)
    for offset, weight in zip(offsets[:n_rows].tolist(), weights[:n_rows].tolist(), strict=True):
        expected[64:128] += codes[offset + 64 : offset + 128].astype(np.int64) * weight // 256
    bounds = before.copy()
    assert form(bounds, 64, codes, offsets, weights, n_rows) == expected[64:128].max()
    assert bounds.tolist() == expected.tolist()


@forms(at_least, simd._at_least_plainly)
@pytest.mark.parametrize("least", [0, 1, 500, 32768, 65535])
def test_a_group_is_compared_to_a_bound(form: Callable[..., int], least: int) -> None:
    bounds = np.random.default_rng(least).choice(np.array([0, 1, 499, 500, 501, 32768, 65535], np.uint16), 192)
    assert form(bounds, 64, least) == sum(1 << lane for lane in range(64) if bounds[64 + lane] >= least)


@pytest.mark.parametrize(
    ("setting", "best", "jit_disabled", "expected"),
    [
        ("auto", "avx512", False, "avx512"),
        ("auto", "portable", False, "portable"),
        ("auto", "avx512", True, "portable"),
        ("portable", "avx512", False, "portable"),
        ("avx512", "avx512", False, "avx512"),
    ],
)
def test_the_form_is_chosen_by_setting_and_cpu(
    monkeypatch: pytest.MonkeyPatch, setting: str, best: str, jit_disabled: bool, expected: str
) -> None:
    monkeypatch.setattr(simd, "SIMD_SETTING", setting)
    monkeypatch.setattr(simd, "JIT_DISABLED", jit_disabled)
    monkeypatch.setattr(simd, "cpu_form", lambda: best)
    assert simd._choose() == expected


@pytest.mark.parametrize(("setting", "message"), [("sse", "expected auto, avx512 or portable"), ("avx512", "lacks")])
def test_settings_that_cannot_be_are_refused(monkeypatch: pytest.MonkeyPatch, setting: str, message: str) -> None:
    monkeypatch.setattr(simd, "SIMD_SETTING", setting)
    monkeypatch.setattr(simd, "cpu_form", lambda: "portable")
    with pytest.raises(ValueError, match=message):
        simd._choose()


def test_the_cpu_form_needs_every_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    features = dict.fromkeys(simd._NEEDED, True)
    monkeypatch.setattr("llvmlite.binding.get_host_cpu_features", lambda: features)
    assert simd.cpu_form() == "avx512"
    features["avx512vbmi"] = False
    assert simd.cpu_form() == "portable"
