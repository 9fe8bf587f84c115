"""Convert a BERT masked language model to an encoder folder: `python -m seismic_tools.dev.convert_model SOURCE OUT`.

The ONNX graph is built node by node from safetensors, without a deep-learning framework. Its output is the largest
logit of each component over the word pieces of a text. Matrices are stored as float16 and computed as float32.
"""

import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from pydantic import BaseModel, ValidationError

from seismic import InputError
from seismic_tools.terminal.errors import errors_in_one_line

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from safetensors import SafetensorError
    from safetensors.numpy import load_file
except ImportError as error:
    raise SystemExit(
        f"error: converting models needs the package {error.name}; pip install 'seismic-search[convert]'"
    ) from None

OPSET, IR_VERSION = 20, 9
"""The first opset with Gelu, and the IR version it requires."""

NOTHING_LEFT = -1e9
"""Added to the attention scores of padding."""


class Bert(BaseModel):
    """Shape of the network, from config.json."""

    model_type: str
    hidden_act: str
    hidden_size: int
    layer_norm_eps: float
    num_attention_heads: int
    num_hidden_layers: int
    position_embedding_type: str = "absolute"


class Graph:
    """An ONNX graph that every call extends by a node. Weights keep their names, other values are numbered."""

    def __init__(self, weights: dict[str, npt.NDArray[Any]]) -> None:
        self.weights = {name.replace("gamma", "weight").replace("beta", "bias"): weights[name] for name in weights}
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
        self.constants.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def weight(self, name: str) -> npt.NDArray[Any]:
        """Return weights of the model; InputError if they are missing."""
        if name not in self.weights:
            raise InputError(f"found no weights {name!r}, expected those of a BERT masked language model")
        return self.weights[name]

    def matrix(self, name: str, value: npt.NDArray[Any]) -> str:
        """Add a matrix, stored as float16."""
        return self.add("Cast", self.constant(value, np.float16, name), to=TensorProto.FLOAT)

    def linear(self, values: str, name: str) -> str:
        """Add a dense layer."""
        product = self.add("MatMul", values, self.matrix(f"{name}.weight", self.weight(f"{name}.weight").T))
        return self.add("Add", product, self.constant(self.weight(f"{name}.bias"), np.float32, f"{name}.bias"))

    def normalized(self, values: str, name: str, epsilon: float) -> str:
        """Add a layer normalisation."""
        scale, bias = (self.constant(self.weight(one), np.float32, one) for one in (f"{name}.weight", f"{name}.bias"))
        return self.add("LayerNormalization", values, scale, bias, axis=-1, epsilon=epsilon)


def convert(weights: dict[str, npt.NDArray[Any]], bert: Bert) -> onnx.ModelProto:
    """Return the model, from `input_ids` and `attention_mask` int64 [texts, pieces] to `logits` float32 [texts,
    dimension]."""
    graph = Graph(weights)
    present = graph.add("Cast", "attention_mask", to=TensorProto.BOOL)
    words = graph.weight("bert.embeddings.word_embeddings.weight")
    embeddings = graph.matrix("words", words)
    values = _embedded(graph, embeddings, bert)
    outside = graph.add("Where", present, graph.constant(0, np.float32), graph.constant(NOTHING_LEFT, np.float32))
    outside = graph.add("Unsqueeze", outside, graph.constant([1, 2]))
    for number in range(bert.num_hidden_layers):
        values = _layer(graph, values, outside, f"bert.encoder.layer.{number}", bert)
    head = "cls.predictions"
    values = graph.add("Gelu", graph.linear(values, f"{head}.transform.dense"))
    values = graph.normalized(values, f"{head}.transform.LayerNorm", bert.layer_norm_eps)
    # Padding becomes copies of the first piece, which do not change the maximum, so no logit needs masking.
    first = graph.add("Slice", values, graph.constant([0]), graph.constant([1]), graph.constant([1]))
    values = graph.add("Where", graph.add("Unsqueeze", present, graph.constant([2])), values, first)
    if f"{head}.decoder.weight" in graph.weights:
        embeddings = graph.matrix("decoder", graph.weight(f"{head}.decoder.weight"))
    logits = graph.add("MatMul", values, graph.add("Transpose", embeddings, perm=[1, 0]))
    largest = graph.add("ReduceMax", logits, graph.constant([1]), keepdims=0)
    bias = graph.constant(graph.weight(f"{head}.bias"), np.float32, f"{head}.bias")
    graph.add("Add", largest, bias, result="logits")
    return _model(graph, len(words))


def _embedded(graph: Graph, words: str, bert: Bert) -> str:
    """Add the embeddings of pieces, positions and the first token type, the only one in use."""
    name = "bert.embeddings"
    kinds = graph.weight(f"{name}.token_type_embeddings.weight")
    places = graph.matrix("positions", graph.weight(f"{name}.position_embeddings.weight") + kinds[0])
    length = graph.add("Gather", graph.add("Shape", "input_ids"), graph.constant([1]))
    places = graph.add("Slice", places, graph.constant([0]), length, graph.constant([0]))
    values = graph.add("Add", graph.add("Gather", words, "input_ids"), places)
    return graph.normalized(values, f"{name}.LayerNorm", bert.layer_norm_eps)


def _layer(graph: Graph, values: str, outside: str, name: str, bert: Bert) -> str:
    size = bert.hidden_size // bert.num_attention_heads
    split, joined = graph.constant([0, 0, -1, size]), graph.constant([0, 0, bert.hidden_size])

    def heads(part: str, perm: list[int]) -> str:
        return graph.add(
            "Transpose", graph.add("Reshape", graph.linear(values, f"{name}.attention.self.{part}"), split), perm=perm
        )

    scores = graph.add("MatMul", heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]))
    scores = graph.add("Mul", scores, graph.constant(size**-0.5, np.float32))
    attention = graph.add("Softmax", graph.add("Add", scores, outside), axis=-1)
    context = graph.add("Transpose", graph.add("MatMul", attention, heads("value", [0, 2, 1, 3])), perm=[0, 2, 1, 3])
    context = graph.linear(graph.add("Reshape", context, joined), f"{name}.attention.output.dense")
    values = graph.normalized(
        graph.add("Add", context, values), f"{name}.attention.output.LayerNorm", bert.layer_norm_eps
    )
    inner = graph.add("Gelu", graph.linear(values, f"{name}.intermediate.dense"))
    outer = graph.add("Add", graph.linear(inner, f"{name}.output.dense"), values)
    return graph.normalized(outer, f"{name}.output.LayerNorm", bert.layer_norm_eps)


def _model(graph: Graph, dimension: int) -> onnx.ModelProto:
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "pieces"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["texts", dimension])
    made = helper.make_graph(graph.nodes, "encoder", inputs, [output], list(graph.constants.values()))
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="seismic-search"
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def read_source(folder: Path) -> tuple[dict[str, npt.NDArray[Any]], Bert]:
    """Read weights and shape from the folder of a model; InputError if they are missing or of another network."""
    try:
        bert = Bert.model_validate_json((folder / "config.json").read_bytes())
        weights = load_file(folder / "model.safetensors")
    except (OSError, ValidationError, SafetensorError) as error:
        raise InputError(f"{folder}: expected config.json and model.safetensors of a model: {error}") from None
    found = bert.model_type, bert.hidden_act, bert.position_embedding_type
    if found != ("bert", "gelu", "absolute"):
        raise InputError(f"{folder}: found a model of kind {', '.join(found)}, expected bert, gelu, absolute")
    return weights, bert


def main(
    source: Annotated[Path, typer.Argument(help="Folder with config.json, model.safetensors and tokenizer.json.")],
    out: Annotated[Path, typer.Argument(help="Folder to create. Its name is the name of the encoder.")],
    max_length: Annotated[int, typer.Option(help="Maximum number of word pieces per text.")] = 256,
) -> None:
    """Convert a BERT model trained as SPLADE to an encoder.

    Examples:

        python -m seismic_tools.dev.convert_model ./splade-v3 ./encoders/splade-v3
    """
    model = convert(*read_source(source))
    out.mkdir(parents=True)
    onnx.save(model, out / "model.onnx")
    shutil.copyfile(source / "tokenizer.json", out / "tokenizer.json")
    (out / "encoder.json").write_text(json.dumps({"max_length": max_length}) + "\n")
    typer.echo(f"{out}: {(out / 'model.onnx').stat().st_size:,} bytes")


if __name__ == "__main__":
    with errors_in_one_line():
        typer.run(main)
