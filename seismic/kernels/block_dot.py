"""Scores of a shared block's eight documents: sums of weight x numerator.

With AVX-512 the codes of a row are expanded to eight lanes. The other form runs on any CPU.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from seismic.kernels.arrays import F32, U8, U32, Ids, Numeric
from seismic.kernels.block_rows import F8, FLOAT, W8, each_hit, each_row, load_at, spread, to_float
from seismic.kernels.cpu import FORM
from seismic.kernels.ir import I8, I32, I64, broadcast, call, data, largest_lane
from seismic.kernels.jit import jit
from seismic.kernels.score import QueryTable, matches
from seismic.kernels.simd import ones, trailing_zeros


@intrinsic
def _add_rows_by_signature(
    typingctx: Any,
    components: Any,
    documents: Any,
    numerators: Any,
    first: Any,
    last: Any,
    place: Any,
    weights: Any,
    marks: Any,
    scales: Any,
    sums: Any,
) -> Any:
    """The form of `_add_rows_by_matches` for AVX-512; returns float32."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        ids, bitmaps, values, table, query, units, out = (
            data(context, builder, signature.args[at], arguments[at]) for at in (0, 1, 2, 6, 7, 8, 9)
        )
        each_scale = builder.load(builder.bitcast(units, F8.as_pointer()))
        each_scale.align = 4
        total = cgutils.alloca_once_value(builder, ir.Constant(F8, [0.0] * 8))
        largest = cgutils.alloca_once_value(builder, ir.Constant(FLOAT, 0.0))
        width, span = signature.args[0].dtype.bitwidth, arguments[3:6]
        with each_row(builder, width, ids, bitmaps, span, table, query) as (weight, at, bits):
            numerator = to_float(builder, spread(builder, values, at, bits), F8, signature.args[2].dtype.signed)
            product = builder.fmul(numerator, broadcast(builder, weight, F8))
            builder.store(builder.fadd(builder.load(total), product), total)
            top = largest_lane(builder, builder.fmul(product, each_scale))
            builder.store(builder.fadd(builder.load(largest), top), largest)
        builder.store(builder.load(total), builder.bitcast(out, F8.as_pointer())).align = 4
        return builder.load(largest)

    places = (types.int64, types.int64, types.int64)
    return types.float32(components, documents, numerators, *places, weights, marks, scales, sums), codegen


@intrinsic
def _add_own_by_signature(
    typingctx: Any,
    components: Any,
    numerators: Any,
    first: Any,
    last: Any,
    start: Any,
    ends: Any,
    weights: Any,
    marks: Any,
    sums: Any,
) -> Any:
    """The form of `_add_own_by_matches` for AVX-512."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        ids, values, limits, table, query, out = (
            data(context, builder, signature.args[at], arguments[at]) for at in (0, 1, 5, 6, 7, 8)
        )
        eight = builder.load(builder.bitcast(limits, W8.as_pointer()))
        eight.align = 4
        width = signature.args[0].dtype.bitwidth
        hits = each_hit(builder, width, ids, arguments[2], arguments[3], query, lambda _chunk, _valid: None)
        with hits as (chunk, lane):
            at = builder.add(chunk, lane)
            weight = load_at(builder, table, builder.zext(load_at(builder, ids, at), I64))
            numerator = to_float(builder, load_at(builder, values, at), FLOAT, signature.args[1].dtype.signed)
            place = broadcast(builder, builder.trunc(builder.sub(at, arguments[4]), I32), W8)
            passed = builder.bitcast(builder.icmp_unsigned(">=", place, eight), I8)
            document = builder.zext(call(builder, "llvm.ctpop.i8", I8, [passed]), I64)
            target = builder.gep(out, [document])
            builder.store(builder.fadd(builder.load(target), builder.fmul(weight, numerator)), target)
        return context.get_dummy_value()

    places = (types.int64, types.int64, types.int64)
    return types.void(components, numerators, *places, ends, weights, marks, sums), codegen


@jit(inline=True)
def _add_rows_by_matches(
    components: Ids,
    documents: U8,
    numerators: Numeric,
    first: int,
    last: int,
    place: int,
    weights: F32,
    signature: U8,
    scales: F32,
    sums: F32,
) -> float:
    """Write the sums of weight x numerator over rows first .. last - 1 to `sums` float32 [BLOCK].

    The rows' numerators begin at `place`. Returns the sum, over rows, of the largest weight x numerator x scale of any
    document; `scales` float32 [BLOCK].
    """
    sums[:] = 0
    largest, one, counted, table = np.float32(0), np.uint64(1), first, QueryTable(weights, signature)
    for chunk in range(first, last, 64):
        mask = matches(components, chunk, last, table)
        while mask != 0:
            row = chunk + trailing_zeros(mask)
            mask &= mask - one
            while counted < row:
                place += ones(np.uint64(documents[counted]))
                counted += 1
            weight, bits, entry = weights[components[row]], np.uint64(documents[row]), np.uint64(place)
            top = np.float32(0)
            while bits != 0:
                document = trailing_zeros(bits)
                product = weight * np.float32(numerators[entry])
                sums[document] += product
                top = max(top, product * scales[document])
                bits &= bits - one
                entry += one
            largest += top
    return largest


@jit(inline=True)
def _add_own_by_matches(
    components: Ids,
    numerators: Numeric,
    first: int,
    last: int,
    start: int,
    ends: U32,
    weights: F32,
    signature: U8,
    sums: F32,
) -> None:
    """Add weight x numerator of own components first .. last - 1 to the sums of their documents.

    `ends` uint32 [BLOCK]: where each document's own components end, counted from `start`.
    """
    one, document, table = np.uint64(1), 0, QueryTable(weights, signature)
    for chunk in range(first, last, 64):
        mask = matches(components, chunk, last, table)
        while mask != 0:
            entry = chunk + trailing_zeros(mask)
            mask &= mask - one
            while entry - start >= np.int64(ends[document]):
                document += 1
            sums[document] += weights[components[entry]] * np.float32(numerators[entry])


add_rows = _add_rows_by_signature if FORM == "avx512" else _add_rows_by_matches
add_own = _add_own_by_signature if FORM == "avx512" else _add_own_by_matches
