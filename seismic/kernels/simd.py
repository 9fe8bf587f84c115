"""Instructions that Numba cannot express, each with a form in plain Python."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from seismic.kernels.cpu import JIT_DISABLED
from seismic.kernels.ir import I1, I8, I16, I32, I64, broadcast, call, data, largest_lane, load, splat

B32, S32, W32 = (ir.VectorType(element, 32) for element in (I8, I16, I32))
F8 = ir.VectorType(ir.FloatType(), 8)

BYTES_AHEAD = 384
"""Bytes of a row prefetched before they are added. A query has more rows than the CPU's prefetcher follows."""


def emit_prefetch(builder: Any, address: Any) -> None:
    """Prefetch the cache line of a pointer."""
    pointer = builder.bitcast(address, I8.as_pointer())
    call(builder, "llvm.prefetch.p0", ir.VoidType(), [pointer, I32(0), I32(3), I32(1)])


@intrinsic
def _prefetch(typingctx: Any, array: Any, index: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emit_prefetch(builder, builder.gep(data(context, builder, signature.args[0], arguments[0]), [arguments[1]]))
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


@intrinsic
def _stopped(typingctx: Any, flag: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # Atomic, so that LLVM loads it again each time. For the CPU it is an ordinary load.
        loaded = builder.load_atomic(data(context, builder, signature.args[0], arguments[0]), "monotonic", 1)
        return builder.icmp_unsigned("!=", loaded, I8(0))

    return types.boolean(flag), codegen


@intrinsic
def _trailing_zeros(typingctx: Any, word: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return call(builder, "llvm.cttz.i64", I64, [arguments[0], I1(1)])

    return types.int64(types.uint64), codegen


@intrinsic
def _ones(typingctx: Any, word: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return call(builder, "llvm.ctpop.i64", I64, [arguments[0]])

    return types.int64(types.uint64), codegen


def _emit_rows(builder: Any, halves: list[Any], start: Any, rows: Any, places: Any, factors: Any, n_rows: Any) -> None:
    """Add 64 codes of each row to two vectors of sums, in place."""
    with cgutils.for_range_slice(builder, I64(0), n_rows, I64(1)) as (row, _):
        place = builder.add(builder.load(builder.gep(places, [row])), start)
        emit_prefetch(builder, builder.gep(rows, [builder.add(place, I64(BYTES_AHEAD))]))
        factor = builder.zext(broadcast(builder, builder.load(builder.gep(factors, [row])), S32), W32)
        for half, total in enumerate(halves):
            narrow = load(builder, rows, builder.add(place, I64(32 * half)), B32)
            high = builder.shl(builder.zext(narrow, S32), splat(S32, 8))
            product = builder.lshr(builder.mul(builder.zext(high, W32), factor), splat(W32, 16))
            builder.store(builder.add(builder.load(total), builder.trunc(product, S32)), total)


def _emit_largest(builder: Any, halves: list[Any], totals: Any, start: Any) -> Any:
    """Store two vectors of sums, and return the largest sum."""
    for half, total in enumerate(halves):
        target = builder.bitcast(builder.gep(totals, [builder.add(start, I64(32 * half))]), S32.as_pointer())
        builder.store(builder.load(total), target).align = 2
    larger = call(builder, "llvm.umax.v32i16", S32, [builder.load(total) for total in halves])
    return call(builder, "llvm.vector.reduce.umax.v32i16", I16, [larger])


@intrinsic
def _add_rows(typingctx: Any, sums: Any, start: Any, codes: Any, offsets: Any, weights: Any, n_rows: Any) -> Any:
    """The compiled form of `add_rows`, uint16: plain vector IR, which LLVM translates for any CPU."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        totals, rows, places, factors = (data(context, builder, signature.args[i], arguments[i]) for i in (0, 2, 3, 4))
        start = arguments[1]
        before = [load(builder, totals, builder.add(start, I64(32 * half)), S32) for half in range(2)]
        halves = [cgutils.alloca_once_value(builder, value) for value in before]
        _emit_rows(builder, halves, start, rows, places, factors, arguments[5])
        return _emit_largest(builder, halves, totals, start)

    return types.uint16(sums, types.int64, codes, offsets, weights, types.int64), codegen


@intrinsic
def _add_rows_over(
    typingctx: Any, sums: Any, start: Any, superblocks: Any, codes: Any, offsets: Any, weights: Any, n_rows: Any
) -> Any:
    """The compiled form of `add_rows_over`, uint16."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        totals, spread, rows, places, factors = (
            data(context, builder, signature.args[i], arguments[i]) for i in (0, 2, 3, 4, 5)
        )
        start = arguments[1]
        eight = load(builder, spread, builder.lshr(start, I64(3)), ir.VectorType(I16, 8))
        halves = []
        for half in range(2):
            lanes = ir.Constant(ir.VectorType(I32, 32), [4 * half + lane // 8 for lane in range(32)])
            before = load(builder, totals, builder.add(start, I64(32 * half)), S32)
            both = builder.add(before, builder.shuffle_vector(eight, eight, lanes))
            halves.append(cgutils.alloca_once_value(builder, both))
        _emit_rows(builder, halves, start, rows, places, factors, arguments[6])
        return _emit_largest(builder, halves, totals, start)

    return types.uint16(sums, types.int64, superblocks, codes, offsets, weights, types.int64), codegen


@intrinsic
def _at_least(typingctx: Any, values: Any, start: Any, threshold: Any) -> Any:
    """The compiled form of `at_least`, uint64."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = ir.VectorType(I16, 64)
        loaded = load(builder, data(context, builder, signature.args[0], arguments[0]), arguments[1], lanes)
        wanted = broadcast(builder, arguments[2], lanes)
        return builder.bitcast(builder.icmp_unsigned(">=", loaded, wanted), I64)

    return types.uint64(values, types.int64, types.uint16), codegen


@intrinsic
def _reaching(typingctx: Any, sums: Any, start: Any, scales: Any, first: Any, threshold: Any) -> Any:
    """The compiled form of `reaching`, uint64; 16 lanes at a time."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        doubles, floats = ir.VectorType(ir.DoubleType(), 16), ir.VectorType(ir.FloatType(), 16)
        totals, factors = (data(context, builder, signature.args[at], arguments[at]) for at in (0, 2))
        limit, mask = broadcast(builder, arguments[4], doubles), I64(0)
        for quarter in (0, 16, 32, 48):
            total = load(builder, totals, builder.add(arguments[1], I64(quarter)), doubles, 8)
            factor = load(builder, factors, builder.add(arguments[3], I64(quarter)), floats, 4)
            product = builder.fmul(total, builder.fpext(factor, doubles))
            reached = builder.bitcast(builder.fcmp_ordered(">=", product, limit), I16)
            mask = builder.or_(mask, builder.shl(builder.zext(reached, I64), I64(quarter)))
        return mask

    return types.uint64(sums, types.int64, scales, types.int64, types.float64), codegen


@intrinsic
def _largest_of_eight(typingctx: Any, values: Any) -> Any:
    """The compiled form of `largest_of_eight`, float32."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return largest_lane(
            builder, load(builder, data(context, builder, signature.args[0], arguments[0]), I64(0), F8, 4)
        )

    return types.float32(values), codegen


@intrinsic
def _eight_reaching(
    typingctx: Any, scales: Any, sums: Any, code_error: Any, rest: Any, factor: Any, threshold: Any
) -> Any:
    """The compiled form of `eight_reaching`, int64."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        each, totals = (
            load(builder, data(context, builder, signature.args[at], arguments[at]), I64(0), F8, 4) for at in (0, 1)
        )
        more, most, safety, limit = (broadcast(builder, argument, F8) for argument in arguments[2:])
        score = builder.fadd(builder.fmul(each, builder.fadd(totals, more)), most)
        reached = builder.fcmp_ordered(">=", builder.fmul(score, safety), limit)
        return builder.zext(builder.bitcast(reached, I8), I64)

    numbers = (types.float32, types.float32, types.float32, types.float32)
    return types.int64(scales, sums, *numbers), codegen


def _no_prefetch(array: Any, index: Any) -> None:
    """Do nothing: plain Python cannot prefetch."""


prefetch: Callable[[Any, int], None] = _no_prefetch if JIT_DISABLED else _prefetch
"""prefetch(array, index): prefetch the cache line of array[index]; any index is safe."""


def _stopped_plainly(flag: Any) -> bool:
    return bool(flag[0] != 0)


stopped: Callable[[Any], bool] = _stopped_plainly if JIT_DISABLED else _stopped
"""stopped(flag): whether flag[0] of a uint8 array is set. Any thread may set it meanwhile."""


def _add_rows_plainly(sums: Any, start: int, codes: Any, offsets: Any, weights: Any, n_rows: int) -> int:
    group = slice(start, start + 64)
    for offset, weight in zip(offsets[:n_rows], weights[:n_rows], strict=True):
        row = codes[offset + start : offset + start + 64].astype("uint32")
        sums[group] += (row * int(weight) >> 8).astype("uint16")
    return int(sums[group].max())


def _add_rows_over_plainly(
    sums: Any, start: int, superblocks: Any, codes: Any, offsets: Any, weights: Any, n_rows: int
) -> int:
    sums[start : start + 64] += superblocks[start // 8 : start // 8 + 8].repeat(8)
    return _add_rows_plainly(sums, start, codes, offsets, weights, n_rows)


def _at_least_plainly(values: Any, start: int, threshold: int) -> int:
    return sum(1 << bit for bit in range(64) if values[start + bit] >= threshold)


def _reaching_plainly(sums: Any, start: int, scales: Any, first: int, threshold: float) -> int:
    return sum(1 << bit for bit in range(64) if sums[start + bit] * float(scales[first + bit]) >= threshold)


def _largest_of_eight_plainly(values: Any) -> float:
    return values[:8].max()


def _eight_reaching_plainly(
    scales: Any, sums: Any, code_error: float, rest: float, factor: float, threshold: float
) -> int:
    return sum(
        1 << lane for lane in range(8) if (scales[lane] * (sums[lane] + code_error) + rest) * factor >= threshold
    )


def _trailing_zeros_plainly(word: int) -> int:
    return (int(word) & -int(word)).bit_length() - 1


def _ones_plainly(word: int) -> int:
    return int(word).bit_count()


ones: Callable[[int], int] = _ones_plainly if JIT_DISABLED else _ones
"""ones(word): number of set bits of a uint64."""

trailing_zeros: Callable[[int], int] = _trailing_zeros_plainly if JIT_DISABLED else _trailing_zeros
"""trailing_zeros(word): position of the lowest set bit of a non-zero uint64."""

add_rows: Callable[[Any, int, Any, Any, Any, int], int] = _add_rows_plainly if JIT_DISABLED else _add_rows
"""add_rows(sums, start, codes, offsets, weights, n_rows): for each row r and i < 64, sums[start + i] += weights[r] *
codes[offsets[r] + start + i] >> 8. Returns the largest of these 64 sums."""

add_rows_over: Callable[[Any, int, Any, Any, Any, Any, int], int] = (
    _add_rows_over_plainly if JIT_DISABLED else _add_rows_over
)
"""add_rows_over(sums, start, superblocks, codes, offsets, weights, n_rows): `add_rows` after sums[start + i] +=
superblocks[(start + i) // 8]; `start` is a multiple of 64."""

at_least: Callable[[Any, int, int], int] = _at_least_plainly if JIT_DISABLED else _at_least
"""at_least(values, start, threshold): uint64 with bit i set if values[start + i] >= threshold, for i < 64; uint16."""

reaching: Callable[[Any, int, Any, int, float], int] = _reaching_plainly if JIT_DISABLED else _reaching
"""reaching(sums, start, scales, first, threshold): uint64 with bit i set if sums[start + i] * scales[first + i] >=
threshold, for i < 64; float64 and float32."""

largest_of_eight: Callable[[Any], float] = _largest_of_eight_plainly if JIT_DISABLED else _largest_of_eight
"""largest_of_eight(values): largest of the first eight elements of a float32 array without NaN."""

eight_reaching: Callable[[Any, Any, float, float, float, float], int] = (
    _eight_reaching_plainly if JIT_DISABLED else _eight_reaching
)
"""eight_reaching(scales, sums, code_error, rest, factor, threshold): int64 with bit i set if (scales[i] * (sums[i] +
code_error) + rest) * factor >= threshold, for i < 8; all float32."""
