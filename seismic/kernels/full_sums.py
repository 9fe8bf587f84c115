"""Full scores of a shared block's documents: sums of weight x (code + residual / 256), in float64.

They are added in the order of `full_score`, so that a document has one score.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from seismic.kernels.arrays import F32, F64, I8, U8, U32, Ids
from seismic.kernels.block_rows import D8, W8, each_row, spread
from seismic.kernels.constants import BLOCK
from seismic.kernels.cpu import FORM
from seismic.kernels.ir import I1, I64, broadcast, data, splat
from seismic.kernels.jit import jit
from seismic.kernels.score import QueryTable, fine, matches
from seismic.kernels.shared import Shared, own_span
from seismic.kernels.simd import ones, trailing_zeros

_BYTE = ir.IntType(8)


@intrinsic
def _full_rows_by_signature(
    typingctx: Any,
    components: Any,
    documents: Any,
    codes: Any,
    residuals: Any,
    first: Any,
    last: Any,
    place: Any,
    weights: Any,
    marks: Any,
    wanted: Any,
    totals: Any,
) -> Any:
    """The form of `_full_rows_by_matches` for AVX-512."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        ids, bitmaps, whole, parts, table, query, out = (
            data(context, builder, signature.args[at], arguments[at]) for at in (0, 1, 2, 3, 7, 8, 10)
        )
        count = context.make_array(signature.args[3])(context, builder, arguments[3]).nitems
        any_stored = builder.icmp_signed(">", count, I64(0))
        stored = builder.select(any_stored, _BYTE(-1), _BYTE(0))
        parts = builder.select(any_stored, parts, whole)  # loads from no memory are slow
        none = ir.Constant(D8, [0.0] * 8)
        total = cgutils.alloca_once_value(builder, none)
        width, span = signature.args[0].dtype.bitwidth, arguments[4:7]
        with each_row(builder, width, ids, bitmaps, span, table, query) as (weight, at, bits):
            code = builder.shl(builder.zext(spread(builder, whole, at, bits), W8), splat(W8, 8))
            residual = builder.sext(spread(builder, parts, at, builder.and_(bits, stored)), W8)
            value = builder.sitofp(builder.add(code, residual), D8)
            factor = broadcast(builder, builder.fpext(weight, ir.DoubleType()), D8)
            builder.store(builder.fadd(builder.load(total), builder.fmul(value, factor)), total)
        chosen = builder.bitcast(builder.trunc(arguments[9], _BYTE), ir.VectorType(I1, 8))
        result = builder.select(chosen, builder.load(total), none)
        builder.store(result, builder.bitcast(out, D8.as_pointer())).align = 8
        return context.get_dummy_value()

    places = (types.int64, types.int64, types.int64)
    arrays = (components, documents, codes, residuals)
    return types.void(*arrays, *places, weights, marks, types.int64, totals), codegen


@jit(inline=True)
def _full_rows_by_matches(
    components: Ids,
    documents: U8,
    codes: U8,
    residuals: I8,
    first: int,
    last: int,
    place: int,
    weights: F32,
    signature: U8,
    wanted: int,
    totals: F64,
) -> None:
    """Write the sums of weight x value over rows first .. last - 1 to `totals` float64 [BLOCK], in 1/256 of the scale.

    The rows' codes begin at `place`. Documents whose bit of `wanted` is not set get 0.
    """
    totals[:] = 0
    one, counted, table = np.uint64(1), first, QueryTable(weights, signature)
    for chunk in range(first, last, 64):
        mask = matches(components, chunk, last, table)
        while mask != 0:
            row = chunk + trailing_zeros(mask)
            mask &= mask - one
            while counted < row:
                place += ones(np.uint64(documents[counted]))
                counted += 1
            weight, bits = np.float64(weights[components[row]]), np.uint64(documents[row])
            chosen = bits & np.uint64(wanted)
            while chosen != 0:
                lane = trailing_zeros(chosen)
                entry = np.uint64(place + ones(bits & ((one << np.uint64(lane)) - one)))
                totals[lane] += weight * fine(codes, residuals, entry)
                chosen &= chosen - one


full_rows = _full_rows_by_signature if FORM == "avx512" else _full_rows_by_matches


@jit(inline=True)
def full_sums(shared: Shared, block: int, wanted: int, table: QueryTable, totals: F64) -> None:
    """Write the full scores of the documents whose bit of `wanted` is set to `totals` [BLOCK], in 1/256 of the scale.

    Others get undefined values; `wanted` is not 0. They are added in float64, in the order of `full_score`, so that a
    document has one score.
    """
    full_rows(
        shared.components,
        shared.documents,
        shared.codes,
        shared.residuals,
        np.int64(shared.starts[block]),
        np.int64(shared.starts[block + 1]),
        np.int64(shared.code_starts[block]),
        table.weights,
        table.signature,
        wanted,
        totals,
    )
    one, start, document = np.uint64(1), np.int64(shared.own_starts[block]), 0
    first, last = own_span(shared, block, wanted)
    for chunk in range(first, last, 64):
        mask = matches(shared.own_components, chunk, last, table)
        while mask != 0:
            entry = np.uint64(chunk + trailing_zeros(mask))
            mask &= mask - one
            while np.int64(entry) - start >= np.int64(shared.own_ends[block * BLOCK + document]):
                document += 1
            weight = np.float64(table.weights[shared.own_components[entry]])
            totals[document] += weight * fine(shared.own_codes, shared.own_residuals, entry)


@jit(inline=True)
def wanted_of(positions: U32, at: int, count: int) -> int:
    """Return a bit for each of positions[at:count] in the block of positions[at]; a block's positions are adjacent."""
    block, wanted = np.int64(positions[at]) // BLOCK, 0
    while at < count and np.int64(positions[at]) // BLOCK == block:
        wanted |= 1 << (np.int64(positions[at]) % BLOCK)
        at += 1
    return wanted
