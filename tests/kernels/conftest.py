"""Helpers of the kernels' tests, which also pass with NUMBA_DISABLE_JIT=1, where kernels are plain Python."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pytest

from seismic.kernels import cpu, signature
from seismic.kernels.cpu import JIT_DISABLED, Form

needs_jit = pytest.mark.skipif(JIT_DISABLED, reason="the vector form needs the JIT")

VECTOR_FORMS = {"avx512": signature._mask_64, "shuffle": signature._mask_16}


def needs(form: Form) -> pytest.MarkDecorator:
    return pytest.mark.skipif(form not in cpu.runnable(), reason=f"this CPU cannot run {form}, or the JIT is off")


def in_forms(lookup: Callable[..., Any], by_signature: Callable[..., Any]) -> pytest.MarkDecorator:
    """Parametrise a test with each form that this CPU can run: the kernel as `form`, its marking function as `mark`."""
    cases = [pytest.param(lookup, signature.MARKS["portable"], id="portable")]
    for form in VECTOR_FORMS:
        cases.append(pytest.param(rebuilt(by_signature, form), signature.MARKS[form], id=form, marks=needs(form)))
    return pytest.mark.parametrize(("form", "mark"), cases)


def rebuilt(kernel: Callable[..., Any], form: Form) -> Callable[..., Any]:
    """Compile `kernel` with the `signature_mask` of another form. Not cached, as its name in the cache is taken."""
    plain = getattr(kernel, "py_func", kernel)
    names = {**plain.__globals__, "signature_mask": VECTOR_FORMS[form]}
    compiled: Callable[..., Any] = numba.njit(error_model="numpy")(FunctionType(plain.__code__, names))
    return compiled


def signed(mark: Callable[..., None], components: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return the signature of a query's components."""
    signature = np.zeros(128, np.uint8)
    for component in components:
        mark(signature, component)
    return signature
