"""Searches of one shard whose arrays are unpacked once.

Numba unpacks each array of each argument at every call, which takes longer for the 50 arrays of a search than all
Python around it. A held search is one object for Numba; only the query is passed.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

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
    """What all searches of a shard for k hits read and write. The query's row begins and ends at ``starts`` int64 [2],
    of which ``indptr`` is a read-only view."""

    maxima: Maxima
    shared: Shared
    known: Known
    allowed: U8
    workspace: Workspace
    top: TopK
    starts: I64
    indptr: I64


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
def search_held(held: Any, components: U32, values: F32, heap_factor: float, bound_share: float) -> None:
    """Run `search_exact_batch` for one query, with counters from zero."""
    held.starts[1] = len(components)
    top = held.top
    for counter in range(top.counters.shape[1]):
        top.counters[0, counter] = 0
    queries = Queries(held.indptr, components, values)
    search_exact_batch(
        held.maxima, held.shared, queries, heap_factor, bound_share, held.known, held.allowed, held.workspace, top
    )
