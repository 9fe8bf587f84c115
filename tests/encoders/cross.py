"""A tiny cross-encoder for tests, and its obvious form."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.encoders.small import SPECIAL, TOKENS, write_tokenizer

ROOM = 3
"""Special pieces of a pair."""

WEIGHTS = np.random.default_rng(5).normal(size=len(TOKENS)).astype(np.float32)


def cross_model(outputs: int = 1, name: str = "logits", inputs: int = 3) -> onnx.ModelProto:
    """Score a pair by the sum of the query's weights times that of the text's; special pieces count as well."""
    nodes = [
        helper.make_node("Gather", ["weights", "input_ids"], ["each"]),
        helper.make_node("Cast", ["attention_mask"], ["present"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["token_type_ids"], ["second"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["present", "second"], ["first"]),
        *[
            node
            for part in ("first", "second")
            for node in (
                helper.make_node("Mul", ["each", part], [f"of_{part}"]),
                helper.make_node("ReduceSum", [f"of_{part}", "axis"], [f"sum_{part}"], keepdims=1),
            )
        ],
        helper.make_node("Mul", ["sum_first", "sum_second"], ["score"]),
        helper.make_node("Concat", ["score"] * outputs, [name], axis=1),
    ]
    names = ["input_ids", "attention_mask", "token_type_ids"][:inputs]
    graph = helper.make_graph(
        nodes,
        "cross",
        [helper.make_tensor_value_info(one, TensorProto.INT64, ["pairs", "pieces"]) for one in names],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["pairs", outputs])],
        [numpy_helper.from_array(WEIGHTS, "weights"), numpy_helper.from_array(np.array([1], np.int64), "axis")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def write_reranker(folder: Path, max_length: Any = 64, model: onnx.ModelProto | None = None) -> Path:
    """Write the folder of a cross-encoder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder)
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": max_length}))
    onnx.save(model or cross_model(), folder / "model.onnx")
    return folder


def naive_score(query: str, text: str, max_length: int = 64) -> float:
    """What the model answers: [CLS] query [SEP] text [SEP], the longer side cut at its end, or both to about half."""
    sides, room = [query.split(), text.split()], max_length - ROOM
    longer = 0 if len(sides[0]) > len(sides[1]) else 1
    if len(sides[0]) + len(sides[1]) > room:
        shorter = min(len(sides[1 - longer]), room // 2)
        sides[longer], sides[1 - longer] = sides[longer][: room - shorter], sides[1 - longer][:shorter]
    first, second = ([WEIGHTS[_piece(word)] for word in side] for side in sides)
    start, end = (float(WEIGHTS[SPECIAL.index(name)]) for name in ("[CLS]", "[SEP]"))
    return (start + float(sum(first)) + end) * (float(sum(second)) + end)


def _piece(word: str) -> int:
    return TOKENS.index(word) if word in TOKENS else SPECIAL.index("[UNK]")
