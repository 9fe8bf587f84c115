"""LLVM IR building blocks of the intrinsics."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))


def splat(kind: ir.VectorType, value: int) -> ir.Constant:
    """Return a constant vector with all lanes equal."""
    return ir.Constant(kind, [value] * kind.count)


def broadcast(builder: Any, value: Any, kind: ir.VectorType) -> Any:
    """Return a vector with all lanes equal to a run-time value."""
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, value, I32(0))
    return builder.shuffle_vector(first, undefined, splat(ir.VectorType(I32, kind.count), 0))


def data(context: Any, builder: Any, kind: types.Array, array: Any) -> Any:
    """Return the pointer to an array's first element."""
    return context.make_array(kind)(context, builder, array).data


def load(builder: Any, base: Any, index: Any, kind: ir.VectorType, size: int = 0) -> Any:
    """Load the vector at base[index], aligned to its elements only, as Arrow guarantees no more.

    `size`: bytes of an element; integers need none.
    """
    loaded = builder.load(builder.bitcast(builder.gep(base, [index]), kind.as_pointer()))
    loaded.align = size or kind.element.width // 8
    return loaded


def masked_load(builder: Any, base: Any, index: Any, mask: Any, kind: ir.VectorType) -> Any:
    """Load the vector of integers at base[index]. Lanes whose bit of `mask` is 0 are not read, and are 0."""
    width = kind.element.width
    source = builder.bitcast(builder.gep(base, [index]), kind.as_pointer())
    lanes = builder.bitcast(mask, ir.VectorType(I1, kind.count))
    name = f"llvm.masked.load.v{kind.count}i{width}.p0"
    return call(builder, name, kind, [source, I32(width // 8), lanes, splat(kind, 0)])


def call(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    """Call an LLVM intrinsic."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def largest_lane(builder: Any, values: Any) -> Any:
    """Return the largest lane of a vector of floats without NaN; the number of lanes is a power of 2."""
    lanes = values.type.count
    width = lanes // 2
    while width:
        order = ir.Constant(ir.VectorType(I32, lanes), [(lane + width) % lanes for lane in range(lanes)])
        others = builder.shuffle_vector(values, values, order)
        values = builder.select(builder.fcmp_ordered(">", values, others), values, others)
        width //= 2
    return builder.extract_element(values, I32(0))
