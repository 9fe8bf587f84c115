"""Searches of one shard whose arrays are unpacked once.

Numba unpacks each array of each argument at every call, which takes longer for the 50 arrays of a search than all
Python around it. A held search is one object for Numba; the query is written to arrays that it holds.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.experimental import structref
from numba.extending import intrinsic

from seismic.kernels.arrays import F32, I64, U8, U32
from seismic.kernels.cpu import JIT_DISABLED
from seismic.kernels.exact import search_exact_batch
from seismic.kernels.jit import jit
from seismic.kernels.maxima import Maxima
from seismic.kernels.shared import Shared
from seismic.kernels.topk import Known, Queries, TopK
from seismic.kernels.visit import Workspace


class HeldArrays(NamedTuple):
    """What all searches of a shard for k hits read and write.

    ``components`` uint32 and ``values`` float32: the query. Its row begins and ends at ``starts`` int64 [2], of which
    ``indptr`` is a read-only view.
    """

    maxima: Maxima
    shared: Shared
    known: Known
    allowed: U8
    workspace: Workspace
    top: TopK
    starts: I64
    indptr: I64
    components: U32
    values: F32


@structref.register
class _HeldType(types.StructRef):  # type: ignore[misc]
    """The type of held arrays, by the types of the arrays."""


class Held(structref.StructRefProxy):  # type: ignore[misc]
    """`HeldArrays` that Numba has unpacked."""


structref.define_boxing(_HeldType, Held)


@intrinsic
def _make_held(typingctx: Any, arrays: Any) -> Any:
    held = _HeldType(list(zip(HeldArrays._fields, arrays.types, strict=True)))

    def make(arrays: Any) -> Any:
        made = structref.new(held)
        made.maxima, made.shared, made.known, made.allowed = arrays.maxima, arrays.shared, arrays.known, arrays.allowed
        made.workspace, made.top, made.starts, made.indptr = arrays.workspace, arrays.top, arrays.starts, arrays.indptr
        made.components, made.values = arrays.components, arrays.values
        return made

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.compile_internal(builder, make, signature, arguments)

    return held(arrays), codegen


def _same(arrays: Any) -> Any:
    return arrays


_held: Callable[[Any], Any] = _same if JIT_DISABLED else _make_held


@jit
def hold(arrays: HeldArrays) -> Any:
    """Return arrays as one object, which keeps them."""
    return _held(arrays)


@jit
def search_held(held: Any, terms: int, least: float, most: float, heap_factor: float, bound_share: float) -> bool:
    """Run `search_exact_batch` for the query of the first `terms` held components and values, with counters from zero.

    Returns False, without a search, unless the components ascend and are the shard's, and the values are above `least`
    and below `most`.
    """
    components, values, previous = held.components[:terms], held.values[:terms], -1
    for place in range(terms):
        component = np.int64(components[place])
        if component <= previous or not least < values[place] < most:  # False for NaN
            return False
        previous = component
    if previous >= len(held.maxima.scales):
        return False
    held.starts[1] = terms
    top = held.top
    for counter in range(top.counters.shape[1]):
        top.counters[0, counter] = 0
    queries = Queries(held.indptr, components, values)
    search_exact_batch(
        held.maxima, held.shared, queries, heap_factor, bound_share, held.known, held.allowed, held.workspace, top
    )
    return True
