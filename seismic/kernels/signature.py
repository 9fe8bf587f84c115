"""Signatures: which of 64 components may be in the query, a filter that reads no memory except the components.

A component's hash is the low 16 bits of FACTOR x component. Its lowest 3 bits choose a bit, the others a byte in each
of two or three small tables, where the bits of the query's components are set. A component whose bit is set in all
tables may be in the query. False positives are rarer than with a single signature of 1,024 bits.

- `avx512`: two tables of 64 bytes, by `vpermb`.
- `shuffle`: three tables of 16 bytes, by `pshufb` or, on Arm, `tbl`. LLVM widens the former to AVX2 or AVX-512.
- `portable`: no tables; every component is looked up.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from seismic.kernels.arrays import U8
from seismic.kernels.cpu import ARM, FORM, Form
from seismic.kernels.ir import I8, I16, I32, I64, call, data, load, masked_load, splat
from seismic.kernels.jit import jit

FACTOR = 40503
"""Odd, so that all 16 bits of a component count: 2^16 / the golden ratio (Knuth)."""

LANES = 64

B16, B64, S32, S64 = (ir.VectorType(*kind) for kind in ((I8, 16), (I8, LANES), (I16, 32), (I16, LANES)))


# ---- marking -----------------------------------------------------------------------------------------------------


@jit(inline=True)
def _mark_64(signature: U8, component: int) -> None:
    """Mark a component in two tables of 64 bytes, by bits 2-7 and 8-13 of the hash."""
    hashed = (component * FACTOR) & 0xFFFF
    bit = 1 << (hashed & 7)
    signature[(hashed >> 2) & 63] |= bit
    signature[64 + ((hashed >> 8) & 63)] |= bit


@jit(inline=True)
def _mark_16(signature: U8, component: int) -> None:
    """Mark a component in three tables of 16 bytes, by bits 4-7, 8-11 and 12-15 of the hash."""
    hashed = (component * FACTOR) & 0xFFFF
    bit = 1 << (hashed & 7)
    signature[(hashed >> 4) & 15] |= bit
    signature[16 + ((hashed >> 8) & 15)] |= bit
    signature[32 + (hashed >> 12)] |= bit


@jit(inline=True)
def _mark_nothing(signature: U8, component: int) -> None:
    """Do nothing: lookups need no signature."""


# ---- matching ----------------------------------------------------------------------------------------------------


def _hash(builder: Any, ids: Any) -> tuple[Any, Any]:
    """Return the low and high bytes of the hashes of 64 components."""
    short = builder.trunc(ids, S64) if ids.type.element.width > 16 else ids
    hashed = builder.mul(short, splat(S64, FACTOR))
    return builder.trunc(hashed, B64), builder.trunc(builder.lshr(hashed, splat(S64, 8)), B64)


def _shift(builder: Any, octets: Any, bits: int) -> Any:
    """Shift bytes to the right in pairs, as CPUs do: bits of the neighbour come in from above."""
    pairs = builder.bitcast(octets, S32)
    return builder.bitcast(builder.lshr(pairs, splat(S32, bits)), B64)


def _hits_64(builder: Any, ids: Any, table: Any) -> Any:
    """Test 64 components. `vpermb` reads only the lowest 6 bits of an index, so indices need no mask."""

    def look_up(octets: Any, index: Any) -> Any:
        return call(builder, "llvm.x86.avx512.permvar.qi.512", B64, [octets, index])

    low, high = _hash(builder, ids)
    one, other = (load(builder, table, I64(at), B64) for at in (0, 64))
    bits = look_up(ir.Constant(B64, [1 << (lane % 8) for lane in range(LANES)]), low)
    matching = builder.and_(look_up(one, _shift(builder, low, 2)), look_up(other, high))
    return _to_word(builder, builder.and_(matching, bits))


def _hits_16(builder: Any, ids: Any, table: Any) -> Any:
    low, high = _hash(builder, ids)
    nibbles = [_shift(builder, low, 4), high, _shift(builder, high, 4)]
    matching = _look_up_16(builder, ir.Constant(B16, [1 << (lane % 8) for lane in range(16)]), low)
    for at, nibble in enumerate(nibbles):
        octets = load(builder, table, I64(16 * at), B16)
        matching = builder.and_(matching, _look_up_16(builder, octets, nibble))
    return _to_word(builder, matching)


def _look_up_16(builder: Any, octets: Any, index: Any) -> Any:
    """Return octets[index % 16] in 64 lanes, by an instruction that handles 16."""
    name = "llvm.aarch64.neon.tbl1.v16i8" if ARM else "llvm.x86.ssse3.pshuf.b.128"
    index = builder.and_(index, splat(B64, 15))
    parts = [call(builder, name, B16, [octets, part]) for part in _split(builder, index)]
    halves = [_join(builder, *parts[:2]), _join(builder, *parts[2:])]
    return _join(builder, *halves)


def _split(builder: Any, vector: Any) -> list[Any]:
    return [
        builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), _lanes(range(at, at + 16)))
        for at in range(0, LANES, 16)
    ]


def _join(builder: Any, low: Any, high: Any) -> Any:
    return builder.shuffle_vector(low, high, _lanes(range(2 * low.type.count)))


def _lanes(numbers: range) -> ir.Constant:
    return ir.Constant(ir.VectorType(I32, len(numbers)), list(numbers))


def _to_word(builder: Any, matching: Any) -> Any:
    """Return a word whose bit b says whether byte b is not 0."""
    hits = builder.icmp_unsigned("!=", matching, splat(B64, 0))
    if not ARM:
        return builder.bitcast(hits, I64)
    # Arm has no instruction for this: give each byte its bit of eight, then add neighbours three times.
    bits = builder.and_(builder.sext(hits, B64), ir.Constant(B64, [1 << (lane % 8) for lane in range(LANES)]))
    parts = _split(builder, bits)
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2], strict=True)
        parts = [call(builder, "llvm.aarch64.neon.addp.v16i8", B16, list(pair)) for pair in pairs]
    total = call(builder, "llvm.aarch64.neon.addp.v16i8", B16, [parts[0], parts[0]])
    return builder.extract_element(builder.bitcast(total, ir.VectorType(I64, 2)), I32(0))


def _valid(builder: Any, remaining: Any) -> Any:
    """Return a word whose lowest `remaining` bits are set, at most 64."""
    tail = builder.sub(builder.shl(I64(1), remaining), I64(1))
    return builder.select(builder.icmp_signed(">=", remaining, I64(LANES)), I64(-1), tail)


def emit_mask_64(builder: Any, width: int, base: Any, at: Any, left: Any, table: Any) -> tuple[Any, Any]:
    """Return two words: which of the components at base[at] of `width` bits may be in the query, and which exist."""
    valid = _valid(builder, left)
    ids = masked_load(builder, base, at, valid, ir.VectorType(ir.IntType(width), LANES))
    return builder.and_(_hits_64(builder, ids, table), valid), valid


@intrinsic
def _mask_64(typingctx: Any, components: Any, start: Any, remaining: Any, signature: Any) -> Any:
    """The form for AVX-512: masked loads read nothing beyond `remaining`."""

    def codegen(context: Any, builder: Any, typed: Any, arguments: Any) -> Any:
        base, table = (data(context, builder, typed.args[at], arguments[at]) for at in (0, 3))
        return emit_mask_64(builder, typed.args[0].dtype.bitwidth, base, arguments[1], arguments[2], table)[0]

    return types.uint64(components, types.int64, types.int64, signature), codegen


@intrinsic
def _mask_16(typingctx: Any, components: Any, start: Any, remaining: Any, signature: Any) -> Any:
    """The form without masked loads: components near the array's end are copied first."""

    def codegen(context: Any, builder: Any, typed: Any, arguments: Any) -> Any:
        array, at, left, table = arguments
        view = context.make_array(typed.args[0])(context, builder, array)
        lanes = ir.VectorType(ir.IntType(typed.args[0].dtype.bitwidth), LANES)
        source = builder.gep(view.data, [at])
        place = cgutils.alloca_once_value(builder, source)
        rest = builder.sub(view.nitems, at)
        with builder.if_then(builder.icmp_signed("<", rest, I64(LANES)), likely=False):
            copy = builder.bitcast(cgutils.alloca_once(builder, lanes), lanes.element.as_pointer())
            cgutils.raw_memcpy(builder, copy, source, rest, I64(lanes.element.width // 8))
            builder.store(copy, place)
        ids = load(builder, builder.load(place), I64(0), lanes)
        word = _hits_16(builder, ids, data(context, builder, typed.args[3], table))
        return builder.and_(word, _valid(builder, left))

    return types.uint64(components, types.int64, types.int64, signature), codegen


MARKS: dict[Form, Callable[[U8, int], None]] = {"avx512": _mark_64, "shuffle": _mark_16, "portable": _mark_nothing}

mark = MARKS[FORM]
"""mark(signature, component): add a component to the query's signature uint8 [128], which starts as all 0."""

signature_mask: Callable[[Any, int, int, U8], int] = _mask_64 if FORM == "avx512" else _mask_16
"""signature_mask(components, start, remaining, signature): uint64 with bit b set if components[start + b] may be in
the query, for b < min(64, remaining). Reads nothing beyond the array. The form `portable` does not use it."""
