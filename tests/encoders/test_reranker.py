"""Cross-encoders: scores of pairs, and folders that hold none."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import DeadlineError, EncoderError, InputError, Reranker, load_reranker
from seismic.stop import time_limit
from tests.encoders.cross import cross_model, naive_score, write_reranker
from tests.encoders.small import WORDS

TEXTS = st.lists(st.sampled_from([*WORDS, "unknown"]), max_size=40).map(" ".join)


@pytest.fixture(scope="module")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> Reranker:
    return load_reranker(write_reranker(tmp_path_factory.mktemp("cross"), max_length=20))


@given(query=TEXTS, texts=st.lists(TEXTS, max_size=8))
def test_scores_are_those_of_the_obvious_form(reranker: Reranker, query: str, texts: list[str]) -> None:
    scores = reranker.score(query, texts)
    assert scores.dtype == np.float32
    assert scores.tolist() == pytest.approx([naive_score(query, text, 20) for text in texts], rel=1e-4, abs=1e-4)


def test_many_pairs_need_several_runs(reranker: Reranker) -> None:
    texts = [" ".join(WORDS[: 1 + at % 12]) for at in range(300)]
    assert reranker.score("word1", texts).tolist() == pytest.approx(
        [naive_score("word1", text, 20) for text in texts], rel=1e-4, abs=1e-4
    )


def test_the_deadline_is_checked_between_runs(reranker: Reranker) -> None:
    with time_limit(0.001), pytest.raises(DeadlineError):
        reranker.score("word1", ["word2"] * 10_000)


@pytest.mark.parametrize(("query", "texts"), [(1, ["a"]), ("a", [None]), ("a", "text"), ("\ud800", ["a"])])
def test_what_is_no_text(reranker: Reranker, query: Any, texts: Any) -> None:
    with pytest.raises(InputError, match=r"found .*, expected"):
        reranker.score(query, texts)


def test_a_folder_as_optimum_writes_it(tmp_path: Path) -> None:
    folder = write_reranker(tmp_path / "model", max_length=1e30)  # how tokenizers say that they know no limit
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx" / "model.onnx")
    loaded = load_reranker(str(folder))
    assert (loaded.name, loaded.max_length) == ("model", 512)
    (folder / "tokenizer_config.json").unlink()
    assert load_reranker(folder).max_length == 512


def _without(name: str) -> Any:
    return lambda folder: (folder / name).unlink()


def _with(name: str, content: str) -> Any:
    return lambda folder: (folder / name).write_text(content)


def _model(model: onnx.ModelProto) -> Any:
    return lambda folder: onnx.save(model, folder / "model.onnx")


def _two_outputs() -> onnx.ModelProto:
    model = cross_model(name="score_a")
    model.graph.output.append(onnx.helper.make_tensor_value_info("each", onnx.TensorProto.FLOAT, None))
    return model


def _another_input() -> onnx.ModelProto:
    model = cross_model()
    model.graph.input.append(onnx.helper.make_tensor_value_info("pixels", onnx.TensorProto.INT64, None))
    return model


BROKEN: dict[str, tuple[Any, str]] = {
    "no model": (_without("model.onnx"), "found no model.onnx, nor onnx/model.onnx; expected the folder of a cross-"),
    "no tokenizer": (_without("tokenizer.json"), "found no tokenizer.json; expected the folder of a cross-encoder"),
    "broken tokenizer": (_with("tokenizer.json", "{"), "tokenizer.json: cannot be read as a tokenizer"),
    "broken model": (_with("model.onnx", "x"), "model.onnx: cannot be read as an ONNX model"),
    "broken configuration": (
        _with("tokenizer_config.json", "["),
        "tokenizer_config.json: cannot be read as a JSON obj",
    ),
    "no length": (_with("tokenizer_config.json", json.dumps({"model_max_length": "x"})), "model_max_length: found 'x'"),
    "two labels": (_model(cross_model(outputs=2)), r"found an output of float32 \[1, 2\] for 1 pairs, expected one"),
    "two outputs": (_model(_two_outputs()), "found outputs score_a, each, expected one, or one named 'logits'"),
    "another input": (_model(_another_input()), "found an input 'pixels', expected only input_ids"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_folders_that_hold_no_cross_encoder(tmp_path: Path, case: str) -> None:
    damage, message = BROKEN[case]
    folder = write_reranker(tmp_path / "model")
    damage(folder)
    with pytest.raises(EncoderError, match=message):
        load_reranker(folder)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="none: found no model"):
        load_reranker(tmp_path / "none")
