"""Fixtures of the kernels' tests. All of them also pass with NUMBA_DISABLE_JIT=1, where kernels are plain Python."""

from collections.abc import Iterator

import numpy as np
import pytest

from seismic.kernels import simd
from seismic.kernels.jit import JIT_DISABLED

needs_jit = pytest.mark.skipif(JIT_DISABLED, reason="the vector form needs the JIT")
needs_avx512 = pytest.mark.skipif(
    JIT_DISABLED or simd.cpu_form() != "avx512",
    reason="the avx512 form needs the JIT and a CPU with AVX-512 F, BW, VL and VBMI",
)


@pytest.fixture(scope="module")
def wrapping_hash() -> Iterator[None]:
    """Without the JIT, NumPy warns where the hash of `sample` wraps around on purpose."""
    with np.errstate(over="ignore"):
        yield
