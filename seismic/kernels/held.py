"""Searches whose arrays are unpacked once.

Numba unpacks each array of each argument at every call, which takes longer for the 50 arrays of a search than all
Python around it. Held arrays are one object for Numba, and several of them are a list of addresses.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.core import cgutils
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


class HeldRow(NamedTuple):
    """What a search of one query reads and writes.

    ``components`` uint32 and ``values`` float32: the query. Its row begins and ends at ``starts`` int64 [2], of which
    ``indptr`` is a read-only view.
    """

    known: Known
    top: TopK
    starts: I64
    indptr: I64
    components: U32
    values: F32


class HeldShard(NamedTuple):
    """What searches of a shard read and write. ``first``: number of its first document."""

    maxima: Maxima
    shared: Shared
    allowed: U8
    workspace: Workspace
    first: int


@structref.register
class _HeldType(types.StructRef):  # type: ignore[misc]
    """The type of held arrays, by the types of the arrays."""


class Held(structref.StructRefProxy):  # type: ignore[misc]
    """A NamedTuple of arrays that Numba has unpacked."""


structref.define_boxing(_HeldType, Held)


@intrinsic
def _make_held(typingctx: Any, arrays: Any) -> Any:
    held = _HeldType([("arrays", arrays)])

    def make(arrays: Any) -> Any:
        made = structref.new(held)
        made.arrays = arrays
        return made

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.compile_internal(builder, make, signature, arguments)

    return held(arrays), codegen


@intrinsic
def _address_of(typingctx: Any, held: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = cgutils.create_struct_proxy(held)(context, builder, value=arguments[0])
        return builder.ptrtoint(context.nrt.meminfo_data(builder, made.meminfo), ir.IntType(64))

    return types.int64(held), codegen


@intrinsic
def _arrays_at(typingctx: Any, like: Any, addresses: Any, place: Any) -> Any:
    content = like.get_data_type()

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = cgutils.create_struct_proxy(addresses)(context, builder, value=arguments[1])
        address = builder.load(builder.gep(values.data, [arguments[2]]))
        kind = context.data_model_manager[content].get_value_type()
        where = builder.inttoptr(address, kind.as_pointer())
        return cgutils.create_struct_proxy(content)(context, builder, ref=where).arrays

    return like.field_dict["arrays"](like, addresses, types.int64), codegen


class _Plain(NamedTuple):
    """Held arrays without Numba."""

    arrays: Any


def _plain_at(like: Any, many: Any, place: int) -> Any:
    return many[place].arrays


arrays_at: Callable[[Any, Any, int], Any] = _plain_at if JIT_DISABLED else _arrays_at
"""arrays_at(like, addresses, place): the arrays of one of `together`, of the type of `like`. For kernels that count no
references."""

_held: Callable[[Any], Any] = _Plain if JIT_DISABLED else _make_held


@jit
def hold(arrays: Any) -> Any:
    """Return a NamedTuple of arrays as one object, which keeps them."""
    return _held(arrays)


@jit
def _address(held: Any) -> int:
    return _address_of(held)


def together(many: Sequence[Any]) -> Any:
    """Return held objects of the same type for `arrays_at`. The caller keeps them."""
    if JIT_DISABLED:
        return list(many)
    assert len({typeof(held) for held in many}) == 1
    return np.array([_address(held) for held in many], np.int64)


@jit
def take_query(row: HeldRow, terms: int, dimension: int, least: float, most: float) -> bool:
    """Begin a search for the first `terms` held components and values, with counters from zero.

    Returns False unless the components ascend below `dimension`, and the values are above `least` and below `most`.
    """
    previous = -1
    for place in range(terms):
        component = np.int64(row.components[place])
        if component <= previous or not least < row.values[place] < most:  # False for NaN
            return False
        previous = component
    if previous >= dimension:
        return False
    row.starts[1] = terms
    for counter in range(row.top.counters.shape[1]):
        row.top.counters[0, counter] = 0
    return True


@jit
def search_held(
    row: Any, shard: Any, heap_factor: float, bound_share: float, terms: int, least: float, most: float
) -> bool:
    """Run `search_exact_batch` for one query, if `take_query` takes it; return whether it does."""
    of, at = row.arrays, shard.arrays
    if not take_query(of, terms, len(at.maxima.scales), least, most):
        return False
    queries = Queries(of.indptr, of.components[:terms], of.values[:terms])
    search_exact_batch(
        at.maxima, at.shared, queries, heap_factor, bound_share, of.known, at.allowed, at.workspace, of.top
    )
    return True
