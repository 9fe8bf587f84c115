"""Outputs of models, and all files that a model reads."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from seismic import EncoderError, load_encoder

from .small import TOKENS, table_model, write_encoder

TABLE = np.abs(np.random.default_rng(0).standard_normal((len(TOKENS), len(TOKENS)))).astype(np.float32) + 0.5


def _named(name: str, *others: str) -> onnx.ModelProto:
    def edit(parts: dict[str, Any]) -> None:
        nodes = [helper.make_node("Gather", ["table", "input_ids"], [one]) for one in (name, *others)]
        parts["nodes"] = nodes
        parts["outputs"] = [(one, ["texts", "pieces", len(TOKENS)]) for one in (name, *others)]

    return table_model(TABLE, edit=edit)


def _write(folder: Path, model: onnx.ModelProto, **config: Any) -> Path:
    write_encoder(folder, model=model)
    given = json.loads((folder / "encoder.json").read_text())
    (folder / "encoder.json").write_text(json.dumps({**given, **config}))
    return folder


def _values(folder: Path) -> np.ndarray:
    return load_encoder(str(folder)).encode_documents(["word1"]).vectors.values


def test_finished_weights_are_not_squashed_again(tmp_path: Path) -> None:
    logits = _values(_write(tmp_path / "logits", _named("logits")))
    double = _values(_write(tmp_path / "double", _named("logits"), activation="double_log"))
    weights = _values(_write(tmp_path / "weights", _named("logits", "sentence_embedding"), output="weights"))
    np.testing.assert_allclose(logits, np.log1p(weights), rtol=1e-6)
    np.testing.assert_allclose(double, np.log1p(logits), rtol=1e-6)


@pytest.mark.parametrize(
    ("outputs", "config", "message"),
    [
        (["sentence_embedding"], {}, "found outputs sentence_embedding, expected one named 'logits'; if the output is"),
        (["logits"], {"output": "weights"}, "found outputs logits, expected one of finished weights, such as"),
        (["a", "b"], {"output": "weights"}, "found outputs a, b, expected one of finished weights"),
        (
            ["logits"],
            {"output": "weights", "activation": "log1p"},
            "activation applies to logits, found output",
        ),
        (["logits"], {"activation": "relu"}, "encoder.json: activation: input should be 'log1p' or 'double_log'"),
    ],
)
def test_outputs_that_do_not_fit(outputs: list[str], config: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=message):
        load_encoder(str(_write(tmp_path / "wrong", _named(*outputs), **config)))


def test_external_weights_are_part_of_the_hash(tmp_path: Path) -> None:
    folder = _write(tmp_path / "one", _named("logits"))
    model = onnx.load(str(folder / "model.onnx"))
    onnx.save(
        model, str(folder / "model.onnx"), save_as_external_data=True, location="model.onnx.data", size_threshold=0
    )
    assert (folder / "model.onnx.data").exists()
    other, noted = tmp_path / "other", tmp_path / "noted"
    shutil.copytree(folder, other)
    shutil.copytree(folder, noted)
    (other / "model.onnx.data").write_bytes((TABLE + 1).tobytes())
    (noted / "README.md").write_text("not read by the model")
    assert load_encoder(str(other)).entry.hash != load_encoder(str(folder)).entry.hash
    assert load_encoder(str(noted)).entry.hash == load_encoder(str(folder)).entry.hash


def test_a_length_beyond_the_positions_is_refused(tmp_path: Path) -> None:
    def edit(parts: dict[str, Any]) -> None:
        parts["nodes"] = [
            helper.make_node("Shape", ["input_ids"], ["length"], start=1, end=2),
            helper.make_node("Constant", [], ["zero"], value_int=0),
            helper.make_node("Constant", [], ["one"], value_int=1),
            helper.make_node("Squeeze", ["length"], ["scalar"]),
            helper.make_node("Range", ["zero", "scalar", "one"], ["positions"]),
            helper.make_node("Gather", ["table", "positions"], ["position_rows"]),
            helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
            helper.make_node("Add", ["rows", "position_rows"], ["logits"]),
        ]

    fits = _write(tmp_path / "fits", table_model(TABLE, edit=edit), max_length=len(TABLE))
    assert load_encoder(str(fits)).encode_documents(["word1 " * 100]).cut.tolist() != [0]
    long = _write(tmp_path / "long", table_model(TABLE, edit=edit), max_length=len(TABLE) + 1)
    with pytest.raises(EncoderError, match=rf"fails on {len(TABLE) + 1} word pieces, the max_length of encoder.json"):
        load_encoder(str(long))


def test_telemetry_of_the_runtime_is_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    calls: list[str] = []
    monkeypatch.setattr(onnxruntime, "disable_telemetry_events", lambda: calls.append("off"))
    session = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *a, **k: (calls.append("session"), session(*a, **k))[1])
    folder = _write(tmp_path / "model", _named("logits"))
    load_encoder(folder).encode_documents(["word1"])
    assert calls[0] == "off"
    assert "session" in calls
