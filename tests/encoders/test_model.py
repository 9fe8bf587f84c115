import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from seismic import DeadlineError, EncoderError, InputError, SparseVectors, StoppedError, encode_texts, load_encoder
from seismic.encoders.adding import add_encoder
from seismic.encoders.folder import BUNDLED
from seismic.encoders.pieces import Pieces
from seismic.encoders.weights import TokenWeights
from seismic.stop import Stop, stoppable_by, time_limit
from tests.encoders.small import (
    HEADS,
    LAYERS,
    PLACES,
    TOKENS,
    WORDS,
    random_bert,
    table_model,
    write_bert,
    write_encoder,
)
from tests.naive_bert import naive_splade

TABLE = np.random.default_rng(1).normal(size=(len(TOKENS), len(TOKENS))).astype(np.float32)

texts_of_words = st.lists(st.lists(st.sampled_from([*WORDS, "unknown"]), max_size=2 * PLACES).map(" ".join), max_size=6)


def dense(vectors: SparseVectors) -> npt.NDArray[np.float64]:
    rows = np.zeros((len(vectors), vectors.dimension))
    for row in range(len(vectors)):
        components, values = vectors[row]
        rows[row, components] = values
    return rows


def pieces(text: str) -> list[int]:
    words = [TOKENS.index(word) if word in TOKENS else 1 for word in text.split()]
    return [2, *words[: PLACES - 2], 3]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoders")
    add_encoder(write_bert(folder / "source", random_bert()), "bert", folder)
    return folder / "bert"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoders") / "table", model=table_model(TABLE))


@given(texts=texts_of_words)
@settings(max_examples=60, deadline=None)
def test_bert_encodes_as_the_naive_one(bert: Path, texts: list[str]) -> None:
    encoded = load_encoder(str(bert)).encode_documents(texts)
    weights = random_bert()
    for text, found, cut in zip(texts, dense(encoded.vectors), encoded.cut, strict=True):
        expected = naive_splade(weights, pieces(text), HEADS, LAYERS) if text else np.zeros(len(TOKENS))
        np.testing.assert_allclose(found, expected, atol=2e-5)
        assert cut == max(0, len(text.split()) - (PLACES - 2))


@given(texts=texts_of_words)
@settings(max_examples=60, deadline=None)
def test_logits_of_every_piece_are_pooled_without_paddings(table: Path, texts: list[str]) -> None:
    encoded = load_encoder(str(table)).encode_queries(texts)
    for text, found in zip(texts, dense(encoded.vectors), strict=True):
        expected = np.log1p(np.maximum(TABLE[pieces(text)], 0)).max(axis=0) if text else np.zeros(len(TOKENS))
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_texts_are_encoded_alike_on_any_number_of_threads(bert: Path) -> None:
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(WORDS, rng.integers(0, 20))) for _ in range(300)]
    encode, seen = load_encoder(str(bert)).encode_documents, []
    alone, together = encode_texts(encode, texts), encode_texts(encode, texts, 3, seen.append)
    assert sum(seen) == 300
    assert np.array_equal(alone.cut, together.cut)
    for array in ("indptr", "components", "values"):
        assert np.array_equal(getattr(alone.vectors, array), getattr(together.vectors, array))
    np.testing.assert_allclose(dense(encode(texts).vectors), dense(alone.vectors), atol=1e-5)  # other runs
    assert len(encode_texts(encode, []).vectors) == 0


def test_encoding_ends_when_it_is_told_to(bert: Path) -> None:
    encode = load_encoder(str(bert)).encode_documents
    stop = Stop()
    stop.set()
    with stoppable_by(stop), pytest.raises(StoppedError):
        encode(["a text"])
    with time_limit(0), pytest.raises(DeadlineError):
        encode(["a text"])
    assert len(encode(["a text"]).vectors) == 1


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([None], "found a NoneType, expected text"),
        ([["a"]], "found a list"),
        (["a\ud800"], r"found the lone surrogate '\\ud800' at character 1"),
    ],
)
def test_what_is_no_text(table: Path, texts: Any, message: str) -> None:
    encoder = load_encoder(str(table))
    for encode in (encoder.encode_queries, encoder.by_idf(np.ones(len(TOKENS), np.float32)).encode_queries):
        with pytest.raises(InputError, match=message):
            encode(texts)


def _other_input(parts: dict[str, Any]) -> None:
    parts["inputs"].append("pixels")


def _two_outputs(parts: dict[str, Any]) -> None:
    parts["nodes"] = [helper.make_node("Gather", ["table", "input_ids"], [name]) for name in ("a", "b")]
    parts["outputs"] = [(name, parts["outputs"][0][1]) for name in ("a", "b")]


def _one_axis(parts: dict[str, Any]) -> None:
    parts["nodes"] = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("ReduceMax", ["rows"], ["logits"], keepdims=0),
    ]
    parts["outputs"] = [("logits", [])]


def _infinite(parts: dict[str, Any]) -> None:
    parts["nodes"] = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Exp", ["rows"], ["logits"]),
    ]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (table_model(TABLE, edit=_other_input), "found an input 'pixels', expected only input_ids"),
        (table_model(TABLE, edit=_two_outputs), "found outputs a, b, expected one named 'logits'; if"),
        (table_model(TABLE, edit=_one_axis), r"found an output of float32 \[\] for 1 texts of 2 pieces"),
        (table_model(TABLE * 1000, edit=_infinite), "found a logit that is infinite or NaN"),
        (table_model(TABLE[:3]), "cannot encode texts: .*out of data bounds"),
        (
            table_model(TABLE[:, :5]),
            "the model's output has 5 components, expected one for each of the tokenizer's 16 word pieces",
        ),
    ],
)
def test_models_that_are_no_encoders(model: onnx.ModelProto, message: str, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=message):
        load_encoder(str(write_encoder(tmp_path / "wrong", model=model)))


def test_components_beyond_the_tokenizer_have_names(tmp_path: Path) -> None:
    wide = np.concatenate([TABLE, np.ones((len(TOKENS), 2), np.float32)], axis=1)
    encoder = load_encoder(str(write_encoder(tmp_path / "wide", model=table_model(wide))))
    assert encoder.vocabulary.tokens.to_pylist() == [*TOKENS, "[component 16]", "[component 17]"]
    assert encoder.encode_queries(["word1"]).vectors.dimension == 18


def _edit(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "expected JSON such as"),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(b"x"),
            "model.safetensors: cannot be read as weights",
        ),
        (lambda folder: _edit(folder, hidden_size=None), "config.json: hidden_size: input should be a valid integer"),
        (
            lambda folder: _edit(folder, hidden_act="selu"),
            "found the activation 'selu', expected one of gelu, gelu_new",
        ),
        (lambda folder: _edit(folder, num_attention_heads=3), "found 3 attention heads for 8 values"),
        (
            lambda folder: _edit(folder, model_type="mpnet"),
            "found a network of type 'mpnet', expected one of bert, dist",
        ),
        (lambda folder: _edit(folder, hidden_size=16), r"found the shape \[16, 8\], expected \[any, 16\]"),
    ],
)
def test_sources_that_cannot_be_converted(change: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    source = write_bert(tmp_path / "source", random_bert())
    change(source)
    with pytest.raises(EncoderError, match=message):
        add_encoder(source, "out", tmp_path)
    assert not (tmp_path / "out").exists()


def test_weights_that_are_missing(tmp_path: Path) -> None:
    weights = random_bert()
    del weights["cls.predictions.bias"]
    with pytest.raises(EncoderError, match=r"found no weights 'cls.predictions.bias'"):
        add_encoder(write_bert(tmp_path / "source", weights), "out", tmp_path)


def test_a_decoder_of_its_own_is_used(tmp_path: Path) -> None:
    weights = random_bert()
    weights["cls.predictions.decoder.weight"] = weights["bert.embeddings.word_embeddings.weight"][::-1].copy()
    add_encoder(write_bert(tmp_path / "source", weights), "own", tmp_path)
    found = dense(load_encoder(str(tmp_path / "own")).encode_queries(["word1 word2"]).vectors)[0]
    logits = (
        np.expm1(
            naive_splade(
                {**random_bert(), "cls.predictions.bias": np.full(len(TOKENS), 1e3)},
                pieces("word1 word2"),
                HEADS,
                LAYERS,
            )
        )
        - 1e3
    )
    np.testing.assert_allclose(
        found, np.log1p(np.maximum(logits[::-1] + weights["cls.predictions.bias"], 0)), atol=1e-3
    )


def test_splitting_texts_stops_too():
    pieces, stop = Pieces(BUNDLED / "splade-tiny" / "tokenizer.json", 256), Stop()
    weights = TokenWeights(pieces, np.ones(len(pieces.tokens()), np.float32))
    stop.set()
    with stoppable_by(stop):
        for split in (pieces.bare, pieces.for_model, lambda text: weights([text])):
            with pytest.raises(StoppedError):
                split("a.*b" * 1000)
