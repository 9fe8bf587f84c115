"""Scores of a shared block's eight documents: sums of weight x numerator.

With AVX-512 the codes of a row are expanded to eight lanes. The other form runs on any CPU.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from seismic.kernels.arrays import F32, F64, U8, U32, Ids, Numeric
from seismic.kernels.constants import BLOCK
from seismic.kernels.cpu import FORM
from seismic.kernels.ir import I1, I8, I16, I32, I64, broadcast, call, data, largest_lane, masked_load
from seismic.kernels.jit import jit
from seismic.kernels.score import QueryTable, fine, matches
from seismic.kernels.shared import Shared
from seismic.kernels.signature import B64, emit_mask_64
from seismic.kernels.simd import ones, trailing_zeros

_F32 = ir.FloatType()
_F8, _B16, _Q8, _W8 = (ir.VectorType(*kind) for kind in ((_F32, 8), (I8, 16), (I64, 8), (I32, 8)))


def _load(builder: Any, base: Any, at: Any) -> Any:
    return builder.load(builder.gep(base, [at]))


def _to_float(builder: Any, value: Any, kind: Any, signed: bool) -> Any:
    return builder.sitofp(value, kind) if signed else builder.uitofp(value, kind)


@contextmanager
def _each_hit(
    builder: Any, width: int, ids: Any, first: Any, last: Any, marks: Any, on_chunk: Callable[[Any, Any], None]
) -> Iterator[tuple[Any, Any]]:
    """Emit a loop over the components that may be in the query, as (start of a chunk of 64, lane within the chunk)."""
    pending = cgutils.alloca_once(builder, I64)
    with cgutils.for_range_slice(builder, first, last, I64(64)) as (chunk, _):
        hits, valid = emit_mask_64(builder, width, ids, chunk, builder.sub(last, chunk), marks)
        on_chunk(chunk, valid)
        builder.store(hits, pending)
        count = call(builder, "llvm.ctpop.i64", I64, [hits])
        with cgutils.for_range_slice(builder, I64(0), count, I64(1)):
            left = builder.load(pending)
            builder.store(builder.and_(left, builder.sub(left, I64(1))), pending)
            yield chunk, call(builder, "llvm.cttz.i64", I64, [left, I1(1)])


def _prefix_sums(builder: Any, counts: Any) -> Any:
    """Return the inclusive prefix sums of eight lanes."""
    for step in (1, 2, 4):
        lanes = ir.Constant(_W8, [lane - step if lane >= step else 8 for lane in range(8)])
        counts = builder.add(counts, builder.shuffle_vector(counts, ir.Constant(_Q8, [0] * 8), lanes))
    return counts


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
        each_scale = builder.load(builder.bitcast(units, _F8.as_pointer()))
        each_scale.align = 4
        total = cgutils.alloca_once_value(builder, ir.Constant(_F8, [0.0] * 8))
        largest = cgutils.alloca_once_value(builder, ir.Constant(_F32, 0.0))
        start = cgutils.alloca_once_value(builder, arguments[5])
        words, places = cgutils.alloca_once(builder, _Q8), cgutils.alloca_once(builder, _Q8)

        def on_chunk(chunk: Any, valid: Any) -> None:
            """Store where the numerators of every eighth row of the chunk begin."""
            eight = builder.bitcast(masked_load(builder, bitmaps, chunk, valid, B64), _Q8)
            counts = call(builder, "llvm.ctpop.v8i64", _Q8, [eight])
            running, base = _prefix_sums(builder, counts), builder.load(start)
            builder.store(eight, words)
            builder.store(builder.add(builder.sub(running, counts), broadcast(builder, base, _Q8)), places)
            builder.store(builder.add(base, builder.extract_element(running, I32(7))), start)

        width = signature.args[0].dtype.bitwidth
        with _each_hit(builder, width, ids, arguments[3], arguments[4], query, on_chunk) as (chunk, lane):
            row = builder.add(chunk, lane)
            weight = _load(builder, table, builder.zext(_load(builder, ids, row), I64))
            eighth, shift = builder.lshr(lane, I64(3)), builder.shl(builder.and_(lane, I64(7)), I64(3))
            word = _load(builder, builder.bitcast(words, I64.as_pointer()), eighth)
            below = builder.and_(word, builder.sub(builder.shl(I64(1), shift), I64(1)))
            rank = call(builder, "llvm.ctpop.i64", I64, [below])
            at = builder.add(_load(builder, builder.bitcast(places, I64.as_pointer()), eighth), rank)
            bits = builder.zext(builder.trunc(builder.lshr(word, shift), I8), I16)
            mask = builder.bitcast(bits, ir.VectorType(I1, 16))
            pointer = builder.gep(values, [at])
            spread = call(builder, "llvm.masked.expandload.v16i8", _B16, [pointer, mask, ir.Constant(_B16, [0] * 16)])
            low = builder.shuffle_vector(spread, spread, ir.Constant(_W8, list(range(8))))
            numerator = _to_float(builder, low, _F8, signature.args[2].dtype.signed)
            product = builder.fmul(numerator, broadcast(builder, weight, _F8))
            builder.store(builder.fadd(builder.load(total), product), total)
            top = largest_lane(builder, builder.fmul(product, each_scale))
            builder.store(builder.fadd(builder.load(largest), top), largest)
        builder.store(builder.load(total), builder.bitcast(out, _F8.as_pointer())).align = 4
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
        eight = builder.load(builder.bitcast(limits, _W8.as_pointer()))
        eight.align = 4
        width = signature.args[0].dtype.bitwidth
        hits = _each_hit(builder, width, ids, arguments[2], arguments[3], query, lambda _chunk, _valid: None)
        with hits as (chunk, lane):
            at = builder.add(chunk, lane)
            weight = _load(builder, table, builder.zext(_load(builder, ids, at), I64))
            numerator = _to_float(builder, _load(builder, values, at), _F32, signature.args[1].dtype.signed)
            place = broadcast(builder, builder.trunc(builder.sub(at, arguments[4]), I32), _W8)
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


@jit(inline=True)
def full_sums(shared: Shared, block: int, wanted: int, table: QueryTable, totals: F64) -> None:
    """Write the full scores of the documents whose bit of `wanted` is set to `totals` [BLOCK], in 1/256 of the scale.

    They are added in float64, in the order of `full_score`, so that a document has one score.
    """
    totals[:] = 0
    one, first, last = np.uint64(1), np.int64(shared.starts[block]), np.int64(shared.starts[block + 1])
    place, counted = np.int64(shared.code_starts[block]), first
    for chunk in range(first, last, 64):
        mask = matches(shared.components, chunk, last, table)
        while mask != 0:
            row = chunk + trailing_zeros(mask)
            mask &= mask - one
            while counted < row:
                place += ones(np.uint64(shared.documents[counted]))
                counted += 1
            weight, bits = np.float64(table.weights[shared.components[row]]), np.uint64(shared.documents[row])
            chosen = bits & np.uint64(wanted)
            while chosen != 0:
                lane = trailing_zeros(chosen)
                entry = np.uint64(place + ones(bits & ((one << np.uint64(lane)) - one)))
                totals[lane] += weight * fine(shared.codes, shared.residuals, entry)
                chosen &= chosen - one
    start, last, document = np.int64(shared.own_starts[block]), np.int64(shared.own_starts[block + 1]), block * BLOCK
    for chunk in range(start, last, 64):
        mask = matches(shared.own_components, chunk, last, table)
        while mask != 0:
            entry = np.uint64(chunk + trailing_zeros(mask))
            mask &= mask - one
            while np.int64(entry) - start >= np.int64(shared.own_ends[document]):
                document += 1
            if wanted >> (document - block * BLOCK) & 1:
                weight = np.float64(table.weights[shared.own_components[entry]])
                totals[document - block * BLOCK] += weight * fine(shared.own_codes, shared.own_residuals, entry)


@jit(inline=True)
def wanted_of(positions: U32, at: int, count: int) -> int:
    """Return a bit for each of positions[at:count] in the block of positions[at]; a block's positions are adjacent."""
    block, wanted = np.int64(positions[at]) // BLOCK, 0
    while at < count and np.int64(positions[at]) // BLOCK == block:
        wanted |= 1 << (np.int64(positions[at]) % BLOCK)
        at += 1
    return wanted
