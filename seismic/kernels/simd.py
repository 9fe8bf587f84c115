"""The few instructions Numba has no words for, each with a portable form.

`FORM` says which is in use: `avx512` needs AVX-512 VBMI (Ice Lake, Zen 4 and later); `portable` runs anywhere.
It is chosen once, by the CPU; SEISMIC_SIMD=portable overrides.
"""

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

I1, I8, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 32, 64))
B64 = ir.VectorType(I8, 64)


def _splat(kind: ir.VectorType, value: int) -> ir.Constant:
    return ir.Constant(kind, [value] * kind.count)


def _data(context: Any, builder: Any, kind: types.Array, array: Any) -> Any:
    return context.make_array(kind)(context, builder, array).data


def _call(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


@intrinsic  # type: ignore[untyped-decorator]
def _prefetch(typingctx: Any, array: Any, index: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = builder.gep(_data(context, builder, signature.args[0], arguments[0]), [arguments[1]])
        pointer = builder.bitcast(address, I8.as_pointer())
        _call(builder, "llvm.prefetch.p0", ir.VoidType(), [pointer, I32(0), I32(3), I32(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def _trailing_zeros(typingctx: Any, word: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _call(builder, "llvm.cttz.i64", I64, [arguments[0], I1(1)])

    return types.int64(types.uint64), codegen


@intrinsic  # type: ignore[untyped-decorator]
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


def _no_prefetch(array: Any, index: Any) -> None:
    """Without JIT there is nothing to prefetch into."""


prefetch = _no_prefetch if JIT_DISABLED else _prefetch
"""prefetch(array, index): ask for the cache line of array[index]; any index is safe."""

trailing_zeros = _trailing_zeros
"""trailing_zeros(word): position of the lowest set bit of a non-zero uint64. JIT only."""

signature_mask = _signature_mask
"""signature_mask(components, start, remaining, table): see `_signature_mask`. FORM avx512 only."""
