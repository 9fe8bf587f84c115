"""Words of LLVM that the intrinsics share."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))


def splat(kind: ir.VectorType, value: int) -> ir.Constant:
    """A constant vector of one value."""
    return ir.Constant(kind, [value] * kind.count)


def broadcast(builder: Any, value: Any, kind: ir.VectorType) -> Any:
    """A vector of one value that is known at run time only."""
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, value, I32(0))
    return builder.shuffle_vector(first, undefined, splat(ir.VectorType(I32, kind.count), 0))


def data(context: Any, builder: Any, kind: types.Array, array: Any) -> Any:
    """Pointer to an array's first element."""
    return context.make_array(kind)(context, builder, array).data


def load(builder: Any, base: Any, index: Any, kind: ir.VectorType, size: int = 0) -> Any:
    """An unaligned vector at base[index]: Arrow promises no more than the alignment of elements. They have `size`
    bytes; integers know their own."""
    loaded = builder.load(builder.bitcast(builder.gep(base, [index]), kind.as_pointer()))
    loaded.align = size or kind.element.width // 8
    return loaded


def masked_load(builder: Any, base: Any, index: Any, mask: Any, kind: ir.VectorType) -> Any:
    """A vector of integers at base[index]; lanes whose bit of `mask` is 0 are not touched, and 0."""
    width = kind.element.width
    source = builder.bitcast(builder.gep(base, [index]), kind.as_pointer())
    lanes = builder.bitcast(mask, ir.VectorType(I1, kind.count))
    name = f"llvm.masked.load.v{kind.count}i{width}.p0"
    return call(builder, name, kind, [source, I32(width // 8), lanes, splat(kind, 0)])


def call(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    """Call an intrinsic of LLVM."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def largest_lane(builder: Any, values: Any) -> Any:
    """Of a power of 2 lanes, none of which is NaN."""
    lanes = values.type.count
    width = lanes // 2
    while width:
        order = ir.Constant(ir.VectorType(I32, lanes), [(lane + width) % lanes for lane in range(lanes)])
        others = builder.shuffle_vector(values, values, order)
        values = builder.select(builder.fcmp_ordered(">", values, others), values, others)
        width //= 2
    return builder.extract_element(values, I32(0))
