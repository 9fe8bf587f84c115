"""The few instructions Numba has no words for, each with a portable form.

`FORM` says which is in use: `avx512` needs AVX-512 VBMI (Ice Lake, Zen 4 and later); `portable` runs anywhere.
It is chosen once, by the CPU; SEISMIC_SIMD=portable overrides.
"""

from collections.abc import Callable
from typing import Any, Literal

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from seismic.kernels.jit import JIT_DISABLED, SIMD_SETTING

Form = Literal["avx512", "portable"]

_NEEDED = ("avx512f", "avx512bw", "avx512vl", "avx512vbmi")


def cpu_form() -> Form:
    """The best form this CPU can run."""
    features = llvmlite.binding.get_host_cpu_features()
    return "avx512" if all(features.get(name) for name in _NEEDED) else "portable"


def _choose() -> Form:
    if SIMD_SETTING not in ("auto", "portable", "avx512"):
        raise ValueError(f"SEISMIC_SIMD is {SIMD_SETTING!r}, expected auto, avx512 or portable")
    best = cpu_form()
    if SIMD_SETTING == "avx512" and best != "avx512":
        raise ValueError(f"SEISMIC_SIMD is avx512, but this CPU lacks one of {', '.join(_NEEDED)}; unset it")
    return "portable" if JIT_DISABLED or SIMD_SETTING == "portable" else best


FORM: Form = _choose()

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
B32, B64, S32, W32 = (ir.VectorType(*kind) for kind in ((I8, 32), (I8, 64), (I16, 32), (I32, 32)))


def _splat(kind: ir.VectorType, value: int) -> ir.Constant:
    return ir.Constant(kind, [value] * kind.count)


def _data(context: Any, builder: Any, kind: types.Array, array: Any) -> Any:
    return context.make_array(kind)(context, builder, array).data


def _call(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


@intrinsic
def _prefetch(typingctx: Any, array: Any, index: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = builder.gep(_data(context, builder, signature.args[0], arguments[0]), [arguments[1]])
        pointer = builder.bitcast(address, I8.as_pointer())
        _call(builder, "llvm.prefetch.p0", ir.VoidType(), [pointer, I32(0), I32(3), I32(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


@intrinsic
def _trailing_zeros(typingctx: Any, word: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _call(builder, "llvm.cttz.i64", I64, [arguments[0], I1(1)])

    return types.int64(types.uint64), codegen


@intrinsic
def _signature_mask(typingctx: Any, components: Any, start: Any, remaining: Any, table: Any) -> Any:
    """uint64: bit b is set if components[start + b] may be in the query (b < remaining <= 64 or more).

    64 components are tested against a 1024-bit signature of the query (bit = low 10 bits of the component):
    `vpermi2b` fetches each one's byte of the signature, `pshufb` makes its bit. The load is masked, so nothing
    beyond `remaining` is touched: no padding is needed behind memory-mapped buffers.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        element = ir.IntType(signature.args[0].dtype.bitwidth)
        lanes = ir.VectorType(element, 64)
        tail = builder.sub(builder.shl(I64(1), arguments[2]), I64(1))
        valid = builder.select(builder.icmp_signed(">=", arguments[2], I64(64)), I64(-1), tail)
        mask = builder.bitcast(valid, ir.VectorType(I1, 64))
        address = builder.gep(_data(context, builder, signature.args[0], arguments[0]), [arguments[1]])
        source = builder.bitcast(address, lanes.as_pointer())
        name = f"llvm.masked.load.v64i{element.width}.p0"
        ids = _call(builder, name, lanes, [source, I32(element.width // 8), mask, _splat(lanes, 0)])
        byte = builder.and_(builder.trunc(builder.lshr(ids, _splat(lanes, 3)), B64), _splat(B64, 127))
        bit = builder.and_(builder.trunc(ids, B64), _splat(B64, 7))
        halves = builder.bitcast(_data(context, builder, signature.args[3], arguments[3]), B64.as_pointer())
        low, high = builder.load(halves), builder.load(builder.gep(halves, [I32(1)]))
        low.align = high.align = 1
        words = _call(builder, "llvm.x86.avx512.vpermi2var.qi.512", B64, [low, byte, high])
        powers = ir.Constant(B64, [1 << (lane % 8) for lane in range(64)])
        bits = _call(builder, "llvm.x86.avx512.pshuf.b.512", B64, [powers, bit])
        hits = builder.icmp_unsigned("!=", builder.and_(words, bits), _splat(B64, 0))
        return builder.and_(builder.bitcast(hits, I64), valid)

    return types.uint64(components, types.int64, types.int64, table), codegen


def _load(builder: Any, base: Any, index: Any, kind: ir.VectorType) -> Any:
    """An unaligned vector at base[index]: Arrow promises no more than the alignment of elements."""
    loaded = builder.load(builder.bitcast(builder.gep(base, [index]), kind.as_pointer()))
    loaded.align = kind.element.width // 8
    return loaded


def _broadcast(builder: Any, value: Any, kind: ir.VectorType) -> Any:
    undefined = ir.Constant(kind, ir.Undefined)
    return builder.shuffle_vector(
        builder.insert_element(undefined, value, I32(0)), undefined, _splat(ir.VectorType(I32, kind.count), 0)
    )


@intrinsic
def _add_rows(typingctx: Any, bounds: Any, start: Any, codes: Any, offsets: Any, weights: Any, n_rows: Any) -> Any:
    """uint16: see `add_rows`. Plain vector IR: LLVM finds the instructions of any CPU for it."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sums, rows, places, factors = (_data(context, builder, signature.args[i], arguments[i]) for i in (0, 2, 3, 4))
        halves = [cgutils.alloca_once(builder, S32) for _ in range(2)]
        for half, total in enumerate(halves):
            at = builder.add(arguments[1], I64(32 * half))
            builder.store(_load(builder, sums, at, S32), total)
        with cgutils.for_range_slice(builder, I64(0), arguments[5], I64(1)) as (row, _):
            place = builder.add(builder.load(builder.gep(places, [row])), arguments[1])
            factor = builder.zext(_broadcast(builder, builder.load(builder.gep(factors, [row])), S32), W32)
            for half, total in enumerate(halves):
                narrow = _load(builder, rows, builder.add(place, I64(32 * half)), B32)
                high = builder.shl(builder.zext(narrow, S32), _splat(S32, 8))
                product = builder.lshr(builder.mul(builder.zext(high, W32), factor), _splat(W32, 16))
                builder.store(builder.add(builder.load(total), builder.trunc(product, S32)), total)
        for half, total in enumerate(halves):
            at = builder.add(arguments[1], I64(32 * half))
            target = builder.bitcast(builder.gep(sums, [at]), S32.as_pointer())
            builder.store(builder.load(total), target).align = 2
        larger = _call(builder, "llvm.umax.v32i16", S32, [builder.load(total) for total in halves])
        return _call(builder, "llvm.vector.reduce.umax.v32i16", I16, [larger])

    return types.uint16(bounds, types.int64, codes, offsets, weights, types.int64), codegen


@intrinsic
def _at_least(typingctx: Any, bounds: Any, start: Any, least: Any) -> Any:
    """uint64: see `at_least`."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = ir.VectorType(I16, 64)
        values = _load(builder, _data(context, builder, signature.args[0], arguments[0]), arguments[1], lanes)
        wanted = _broadcast(builder, arguments[2], lanes)
        return builder.bitcast(builder.icmp_unsigned(">=", values, wanted), I64)

    return types.uint64(bounds, types.int64, types.uint16), codegen


def _no_prefetch(array: Any, index: Any) -> None:
    """Without JIT there is nothing to prefetch into."""


prefetch: Callable[[Any, int], None] = _no_prefetch if JIT_DISABLED else _prefetch
"""prefetch(array, index): ask for the cache line of array[index]; any index is safe."""

signature_mask: Callable[[Any, int, int, Any], int] = _signature_mask
"""signature_mask(components, start, remaining, table): see `_signature_mask`. FORM avx512 only."""


def _add_rows_plainly(bounds: Any, start: int, codes: Any, offsets: Any, weights: Any, n_rows: int) -> int:
    group = slice(start, start + 64)
    for offset, weight in zip(offsets[:n_rows], weights[:n_rows], strict=True):
        row = codes[offset + start : offset + start + 64].astype("uint32")
        bounds[group] += (row * int(weight) >> 8).astype("uint16")
    return int(bounds[group].max())


def _at_least_plainly(bounds: Any, start: int, least: int) -> int:
    return sum(1 << bit for bit in range(64) if bounds[start + bit] >= least)


def _trailing_zeros_plainly(word: int) -> int:
    return (int(word) & -int(word)).bit_length() - 1


trailing_zeros: Callable[[int], int] = _trailing_zeros_plainly if JIT_DISABLED else _trailing_zeros
"""trailing_zeros(word): position of the lowest set bit of a non-zero uint64."""

add_rows: Callable[[Any, int, Any, Any, Any, int], int] = _add_rows_plainly if JIT_DISABLED else _add_rows
"""add_rows(bounds, start, codes, offsets, weights, n_rows): bounds[start + i] += weights[r] x codes[offsets[r] +
start + i] >> 8 for each row r and i < 64; the largest of these 64 bounds."""

at_least: Callable[[Any, int, int], int] = _at_least_plainly if JIT_DISABLED else _at_least
"""at_least(bounds, start, least): uint64 with bit i set if bounds[start + i] >= least, i < 64."""
