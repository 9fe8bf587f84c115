"""Memory by address: values of Arrow buffers, of which a table has too many to pass one by one."""

import ctypes
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from seismic.kernels.cpu import JIT_DISABLED
from seismic.kernels.ir import I1, I8, I16, I32, I64, call, data, load, splat
from seismic.kernels.jit import jit
from seismic.kernels.simd import emit_prefetch

LANES = 16
"""Bytes that `copy_plain` reads and writes."""

_QUOTE, _BACKSLASH, _SPACE = 0x22, 0x5C, 0x20


def _loading(kind: ir.IntType) -> Any:
    """Return an intrinsic that loads a signed integer, at any address."""

    @intrinsic
    def loaded(typingctx: Any, address: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            value = builder.load(builder.inttoptr(arguments[0], kind.as_pointer()))
            value.align = 1
            return value if kind.width == 64 else builder.sext(value, I64)

        return types.int64(types.int64), codegen

    return loaded


def _loading_plainly(width: int) -> Callable[[int], int]:
    return lambda address: int.from_bytes(ctypes.string_at(int(address), width), "little", signed=True)


@intrinsic
def _prefetch_at(typingctx: Any, address: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emit_prefetch(builder, builder.inttoptr(arguments[0], I8.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64), codegen


def _no_prefetch(address: int) -> None:
    """Do nothing: plain Python cannot prefetch."""


@intrinsic
def _copy_plain(typingctx: Any, address: Any, out: Any, at: Any) -> Any:
    """The compiled form of `copy_plain`, int64."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = ir.VectorType(I8, LANES)
        text = load(builder, builder.inttoptr(arguments[0], I8.as_pointer()), I64(0), lanes)
        place = builder.gep(data(context, builder, signature.args[1], arguments[1]), [arguments[2]])
        builder.store(text, builder.bitcast(place, lanes.as_pointer())).align = 1
        special = builder.icmp_signed("<", text, splat(lanes, _SPACE))  # bytes from 0x80 on are negative
        for byte in (_QUOTE, _BACKSLASH):
            special = builder.or_(special, builder.icmp_signed("==", text, splat(lanes, byte)))
        mask = builder.zext(builder.bitcast(special, I16), I32)
        count = call(builder, "llvm.cttz.i32", I32, [builder.or_(mask, I32(1 << LANES)), I1(1)])
        return builder.zext(count, I64)

    return types.int64(types.int64, out, types.int64), codegen


def _copy_plain_plainly(address: int, out: Any, at: int) -> int:
    text = ctypes.string_at(int(address), LANES)
    out[at : at + LANES] = list(text)
    special = (place for place, byte in enumerate(text) if not _SPACE <= byte < 0x80 or byte in (_QUOTE, _BACKSLASH))
    return next(special, LANES)


int8_at: Callable[[int], int] = _loading_plainly(1) if JIT_DISABLED else _loading(I8)
int16_at: Callable[[int], int] = _loading_plainly(2) if JIT_DISABLED else _loading(I16)
int32_at: Callable[[int], int] = _loading_plainly(4) if JIT_DISABLED else _loading(I32)
int64_at: Callable[[int], int] = _loading_plainly(8) if JIT_DISABLED else _loading(I64)
"""int8_at(address) and the others: the signed integer at an address, which need not be aligned."""

copy_plain: Callable[[int, Any, int], int] = _copy_plain_plainly if JIT_DISABLED else _copy_plain
"""copy_plain(address, out, at): copy LANES bytes to out[at:], a uint8 array. Returns how many of the first ones are
printable ASCII that JSON does not escape."""

prefetch_at: Callable[[int], None] = _no_prefetch if JIT_DISABLED else _prefetch_at
"""prefetch_at(address): prefetch a cache line; any address is safe."""


@jit(allocates=False)
def integer_at(address: int, width: int) -> int:
    """Return the signed integer of 1, 2, 4 or 8 bytes at an address."""
    if width == 8:
        return int64_at(address)
    if width == 4:
        return int32_at(address)
    return int16_at(address) if width == 2 else int8_at(address)
