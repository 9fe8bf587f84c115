"""Small encoders, made for tests: a random BERT, and ONNX models of a node or two."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = [f"word{number}" for number in range(12)]
TOKENS = [*SPECIAL, *WORDS]
HIDDEN, HEADS, LAYERS, PLACES = 8, 2, 2, 16

CONFIG = {
    "architectures": ["BertForMaskedLM"],
    "model_type": "bert",
    "max_position_embeddings": PLACES,
    "hidden_act": "gelu",
    "hidden_size": HIDDEN,
    "layer_norm_eps": 1e-12,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
}


def write_tokenizer(folder: Path) -> None:
    """Make a tokenizer of whole words between [CLS] and [SEP] that truncates at 512 pieces by default."""
    tokenizer = Tokenizer(models.WordLevel({token: number for number, token in enumerate(TOKENS)}, unk_token="[UNK]"))
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_truncation(512)
    tokenizer.enable_padding()
    tokenizer.save(str(folder / "tokenizer.json"))


def write_encoder(folder: Path, max_length: int = PLACES, **files: Any) -> Path:
    """Write an encoder's folder: tokenizer, encoder.json and, by `model` and `idf`, the other two files."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder)
    (folder / "encoder.json").write_text(json.dumps({"max_length": max_length}))
    if "model" in files:
        onnx.save(files["model"], folder / "model.onnx")
    if "idf" in files:
        (folder / "idf.json").write_text(json.dumps(files["idf"]))
    return folder


def random_bert(seed: int = 0) -> dict[str, npt.NDArray[np.float32]]:
    """Weights of a BERT masked language model that float16 holds, so that nothing is lost on the way."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> npt.NDArray[np.float32]:
        return rng.normal(size=shape).astype(np.float16).astype(np.float32)

    def dense(name: str, rows: int, columns: int) -> dict[str, npt.NDArray[np.float32]]:
        return {f"{name}.weight": draw(rows, columns), f"{name}.bias": draw(rows)}

    def norm(name: str) -> dict[str, npt.NDArray[np.float32]]:
        return {f"{name}.LayerNorm.gamma": draw(HIDDEN), f"{name}.LayerNorm.beta": draw(HIDDEN)}

    weights = {
        "bert.embeddings.word_embeddings.weight": draw(len(TOKENS), HIDDEN),
        "bert.embeddings.position_embeddings.weight": (draw(PLACES, HIDDEN) * 8).round() / 8,
        "bert.embeddings.token_type_embeddings.weight": (draw(2, HIDDEN) * 8).round() / 8,
        "cls.predictions.bias": draw(len(TOKENS)),
        **norm("bert.embeddings"),
        **dense("cls.predictions.transform.dense", HIDDEN, HIDDEN),
        **norm("cls.predictions.transform"),
    }
    for number in range(LAYERS):
        name = f"bert.encoder.layer.{number}"
        for part in ("query", "key", "value"):
            weights |= dense(f"{name}.attention.self.{part}", HIDDEN, HIDDEN)
        weights |= dense(f"{name}.attention.output.dense", HIDDEN, HIDDEN) | norm(f"{name}.attention.output")
        weights |= dense(f"{name}.intermediate.dense", 3 * HIDDEN, HIDDEN)
        weights |= dense(f"{name}.output.dense", HIDDEN, 3 * HIDDEN) | norm(f"{name}.output")
    return weights


def write_bert(folder: Path, weights: dict[str, npt.NDArray[np.float32]]) -> Path:
    """Write the folder of a model as authors publish it."""
    folder.mkdir()
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({**CONFIG, "more": 1}))
    write_tokenizer(folder)
    return folder


def table_model(
    table: npt.NDArray[np.float32], *, edit: Callable[[dict[str, Any]], None] | None = None
) -> onnx.ModelProto:
    """Logits of a piece are a row of `table`, whatever stands beside it: float32 [texts, pieces, dimension]."""
    parts: dict[str, Any] = {
        "nodes": [helper.make_node("Gather", ["table", "input_ids"], ["logits"])],
        "inputs": ["input_ids", "attention_mask", "token_type_ids"],
        "outputs": [("logits", ["texts", "pieces", table.shape[1]])],
    }
    if edit:
        edit(parts)
    graph = helper.make_graph(
        parts["nodes"],
        "table",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "pieces"]) for name in parts["inputs"]],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in parts["outputs"]],
        [numpy_helper.from_array(table, "table")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
