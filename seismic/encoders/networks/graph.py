"""An ONNX graph that is built node by node from a model's weights, without a deep-learning framework."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from seismic.encoders.config import Precision
from seismic.errors import EncoderError

Weights: TypeAlias = Mapping[str, npt.NDArray[Any]]
"""Arrays by name, as in model.safetensors."""

ACTIVATIONS = {
    "gelu": ("Gelu", {}),
    "gelu_new": ("Gelu", {"approximate": "tanh"}),
    "gelu_pytorch_tanh": ("Gelu", {"approximate": "tanh"}),
    "relu": ("Relu", {}),
}
"""Operator and attributes of an activation, by its name in config.json."""

OPSET, IR_VERSION = 20, 9
"""The first opset with Gelu, and the IR version it requires."""

NOTHING_LEFT = -1e9
"""Added to the attention scores of what a piece must not see."""


class Graph:
    """An ONNX graph that every call extends by a node. Weights keep their names, other values are numbered.

    Methods raise EncoderError for weights that are missing or have another shape.
    """

    def __init__(self, weights: Weights, precision: Precision) -> None:
        self.weights = {name.replace("gamma", "weight").replace("beta", "bias"): weights[name] for name in weights}
        self.stored = np.float16 if precision == "float16" else np.float32
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def add(self, operator: str, *inputs: str, result: str = "", **attributes: Any) -> str:
        """Apply an operator and return the name of its result."""
        result = result or f"value {len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [result], **attributes))
        return result

    def constant(self, value: Any, kind: npt.DTypeLike = np.int64, name: str = "") -> str:
        """Add a constant and return its name; unnamed constants are named after their value."""
        array = np.ascontiguousarray(value, kind) if name else np.array(value, kind)
        name = name or f"{array.dtype} {array.tolist()}"
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(array, name)
        return name

    def weight(self, name: str, *shape: int | None) -> npt.NDArray[Any]:
        """Return weights of the model of this shape; None stands for any number."""
        if name not in self.weights:
            raise EncoderError(f"found no weights {name!r}, expected those of a masked language model")
        found = self.weights[name]
        wanted = tuple(size if one is None else one for one, size in zip(shape, found.shape, strict=False))
        if found.shape != wanted:
            expected = ", ".join("any" if one is None else str(one) for one in shape)
            raise EncoderError(f"weights {name!r}: found the shape {list(found.shape)}, expected [{expected}]")
        return found

    def matrix(self, name: str, value: npt.NDArray[Any]) -> str:
        """Add a matrix in the graph's precision. Raises EncoderError for weights that are too large for it."""
        with np.errstate(over="ignore"):
            stored = np.ascontiguousarray(value, self.stored)
        if not np.isfinite(stored).all():
            raise EncoderError(f"weights {name!r}: found a value that {stored.dtype} cannot hold")
        constant = self.constant(stored, self.stored, name)
        return self.add("Cast", constant, to=TensorProto.FLOAT) if self.stored is np.float16 else constant

    def decoder(self, embeddings: str, words: npt.NDArray[Any], name: str) -> str:
        """Return the matrix that makes logits: the one called `name`, or else the `embeddings` of `words`."""
        if name not in self.weights or np.array_equal(self.weight(name, *words.shape), words):
            return embeddings
        return self.matrix("decoder", self.weights[name])

    def linear(self, values: str, name: str, rows: int | None, columns: int | None, part: slice = slice(None)) -> str:
        """Add a dense layer from `columns` to `rows` numbers, or the `part` of its rows. Its bias is optional."""
        weight = self.weight(f"{name}.weight", rows, columns)[part]
        named = f"{name}.weight" if part == slice(None) else f"{name}.weight {part.start}"
        product = self.add("MatMul", values, self.matrix(named, weight.T))
        if f"{name}.bias" not in self.weights:
            return product
        bias = self.weight(f"{name}.bias", len(self.weights[f"{name}.weight"]))[part]
        return self.add("Add", product, self.constant(bias, np.float32, named.replace(".weight", ".bias")))

    def normalized(self, values: str, name: str, size: int, epsilon: float) -> str:
        """Add a layer normalisation. Its bias is optional."""
        names = [one for one in (f"{name}.weight", f"{name}.bias") if one in self.weights or one.endswith("weight")]
        parts = [self.constant(self.weight(one, size), np.float32, one) for one in names]
        return self.add("LayerNormalization", values, *parts, axis=-1, epsilon=epsilon)

    def activated(self, values: str, activation: str) -> str:
        """Add an activation, by its name in config.json."""
        if activation not in ACTIVATIONS:
            raise EncoderError(f"found the activation {activation!r}, expected one of {', '.join(ACTIVATIONS)}")
        operator, attributes = ACTIVATIONS[activation]
        return self.add(operator, values, **attributes)

    def attention(self, query: str, key: str, value: str, outside: str, size: int) -> str:
        """Add the attention of heads of `size` numbers: `query` and `value` [texts, heads, pieces, size], `key` with
        its last axes swapped. `outside` is added to the scores. Returns [texts, pieces, heads x size]."""
        scores = self.add("Mul", self.add("MatMul", query, key), self.constant(size**-0.5, np.float32))
        weights = self.add("Softmax", self.add("Add", scores, outside), axis=-1)
        context = self.add("Transpose", self.add("MatMul", weights, value), perm=[0, 2, 1, 3])
        return self.add("Reshape", context, self.constant([0, 0, -1]))

    def outside(self, present: str) -> str:
        """Return what is added to attention scores so that no piece sees padding, [texts, 1, 1, pieces]."""
        added = self.add("Where", present, self.constant(0, np.float32), self.constant(NOTHING_LEFT, np.float32))
        return self.add("Unsqueeze", added, self.constant([1, 2]))

    def length(self) -> str:
        """Return the number of pieces, int64 [1]."""
        return self.add("Gather", self.add("Shape", "input_ids"), self.constant([1]))

    def model(self, output: str, dimension: int) -> bytes:
        """Return the model in ONNX. Inputs: `input_ids` and `attention_mask`, int64 [texts, pieces]; the output is
        float32 [texts, dimension]."""
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "pieces"])
            for name in ("input_ids", "attention_mask")
        ]
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["texts", dimension])]
        made = helper.make_graph(self.nodes, "encoder", inputs, outputs, list(self.constants.values()))
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(made, opset_imports=[opset], ir_version=IR_VERSION, producer_name="seismic-search")
        content: bytes = model.SerializeToString()
        return content


def head_size(hidden: int, heads: int) -> int:
    """Return the size of an attention head. Raises EncoderError if the heads do not divide the values evenly."""
    if hidden % heads:
        raise EncoderError(
            f"config.json: found {heads} attention heads for {hidden} values, expected an even share each"
        )
    return hidden // heads
