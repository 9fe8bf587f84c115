"""The end of every network: logits of all components, pooled over the pieces of a text."""

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from seismic.encoders.config import Activation, Pooling
from seismic.encoders.networks.graph import Graph


def pooled(
    graph: Graph, values: str, decoder: str, bias: npt.NDArray[np.float32], pooling: Pooling, activation: Activation
) -> str:
    """Add the logits of values [texts, pieces, hidden] and pool them; return the name of the output.

    `decoder`: a matrix [dimension, hidden]. `max` returns the largest logit of each component, `logits`, of which the
    caller takes the activation: it is monotonic. `sum` returns finished `weights`.
    """
    logits = graph.add("MatMul", values, graph.add("Transpose", decoder, perm=[1, 0]))
    added = graph.constant(bias, np.float32, "bias of the components")
    if pooling == "max":
        # Padding becomes copies of the first piece, which do not change the maximum, so no logit needs masking.
        largest = graph.add("ReduceMax", logits, graph.constant([1]), keepdims=0)
        return graph.add("Add", largest, added, result="logits")
    weights = graph.add("Relu", graph.add("Add", logits, added))
    for _ in range(2 if activation == "double_log" else 1):
        weights = graph.add("Log", graph.add("Add", weights, graph.constant(1, np.float32)))
    present = graph.add("Unsqueeze", graph.add("Cast", "attention_mask", to=TensorProto.FLOAT), graph.constant([2]))
    return graph.add("ReduceSum", graph.add("Mul", weights, present), graph.constant([1]), result="weights", keepdims=0)


def without_padding(graph: Graph, values: str, present: str) -> str:
    """Replace the values of padding [texts, pieces, hidden] by those of a text's first piece."""
    first = graph.add("Slice", values, graph.constant([0]), graph.constant([1]), graph.constant([1]))
    return graph.add("Where", graph.add("Unsqueeze", present, graph.constant([2])), values, first)
