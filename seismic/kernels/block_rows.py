"""LLVM IR of loops over a shared block's components, for AVX-512: those that may be in the query, with their codes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from seismic.kernels.ir import I1, I8, I16, I32, I64, broadcast, call, masked_load
from seismic.kernels.signature import B64, emit_mask_64

FLOAT = ir.FloatType()
F8, D8, B16, Q8, W8 = (
    ir.VectorType(*kind) for kind in ((FLOAT, 8), (ir.DoubleType(), 8), (I8, 16), (I64, 8), (I32, 8))
)


def load_at(builder: Any, base: Any, at: Any) -> Any:
    """Load base[at]."""
    return builder.load(builder.gep(base, [at]))


def to_float(builder: Any, value: Any, kind: Any, signed: bool) -> Any:
    """Convert integers to floats of a kind."""
    return builder.sitofp(value, kind) if signed else builder.uitofp(value, kind)


@contextmanager
def each_hit(
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
        lanes = ir.Constant(W8, [lane - step if lane >= step else 8 for lane in range(8)])
        counts = builder.add(counts, builder.shuffle_vector(counts, ir.Constant(Q8, [0] * 8), lanes))
    return counts


@contextmanager
def each_row(
    builder: Any, width: int, ids: Any, bitmaps: Any, span: tuple[Any, Any, Any], weights: Any, marks: Any
) -> Iterator[tuple[Any, Any, Any]]:
    """Emit a loop over the rows that may be in the query, as (weight, where the row's codes begin, its bits).

    `span`: the first row, the end, and where the first row's codes begin.
    """
    first, last, place = span
    start = cgutils.alloca_once_value(builder, place)
    words, places = cgutils.alloca_once(builder, Q8), cgutils.alloca_once(builder, Q8)

    def on_chunk(chunk: Any, valid: Any) -> None:
        """Store where the codes of every eighth row of the chunk begin."""
        eight = builder.bitcast(masked_load(builder, bitmaps, chunk, valid, B64), Q8)
        counts = call(builder, "llvm.ctpop.v8i64", Q8, [eight])
        running, base = _prefix_sums(builder, counts), builder.load(start)
        builder.store(eight, words)
        builder.store(builder.add(builder.sub(running, counts), broadcast(builder, base, Q8)), places)
        builder.store(builder.add(base, builder.extract_element(running, I32(7))), start)

    with each_hit(builder, width, ids, first, last, marks, on_chunk) as (chunk, lane):
        row = builder.add(chunk, lane)
        weight = load_at(builder, weights, builder.zext(load_at(builder, ids, row), I64))
        eighth, shift = builder.lshr(lane, I64(3)), builder.shl(builder.and_(lane, I64(7)), I64(3))
        word = load_at(builder, builder.bitcast(words, I64.as_pointer()), eighth)
        below = builder.and_(word, builder.sub(builder.shl(I64(1), shift), I64(1)))
        rank = call(builder, "llvm.ctpop.i64", I64, [below])
        at = builder.add(load_at(builder, builder.bitcast(places, I64.as_pointer()), eighth), rank)
        yield weight, at, builder.trunc(builder.lshr(word, shift), I8)


def spread(builder: Any, values: Any, at: Any, bits: Any) -> Any:
    """Return the bytes that begin at values[at] in the lanes whose bits are set, others 0."""
    mask = builder.bitcast(builder.zext(bits, I16), ir.VectorType(I1, 16))
    arguments = [builder.gep(values, [at]), mask, ir.Constant(B16, [0] * 16)]
    sixteen = call(builder, "llvm.masked.expandload.v16i8", B16, arguments)
    return builder.shuffle_vector(sixteen, sixteen, ir.Constant(W8, list(range(8))))
