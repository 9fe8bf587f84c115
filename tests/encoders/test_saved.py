"""Folders that sentence-transformers saved, and folders that are no sparse encoders.

`record.py` in tests/integrations/sentence_transformers_models recorded models and vectors of the library itself.
"""

import json
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest
from safetensors.numpy import load_file, save_file

import seismic
from seismic import EncoderError, load_encoder
from seismic.encoders.adding import add_encoder
from tests.encoders.small import TOKENS, table_model, write_tokenizer

MODELS = Path(__file__).parents[1] / "data" / "models"
EXPECTED: dict[str, Any] = json.loads((MODELS / "expected.json").read_text())
TEXTS: list[str] = EXPECTED.pop("texts")
FOLDERS = sorted({name.partition("/")[0] for name in EXPECTED})


def rows(encode: Callable[[list[str]], Any]) -> np.ndarray:
    return encode(TEXTS).vectors.to_scipy().toarray()


@pytest.mark.parametrize("name", FOLDERS)
def test_vectors_are_those_of_the_library(name: str) -> None:
    encoder = load_encoder(MODELS / name)
    documents, queries = (np.array(EXPECTED[f"{name}/{kind}"], np.float32) for kind in ("documents", "queries"))
    np.testing.assert_allclose(rows(encoder.encode_documents), documents, atol=1e-4)
    np.testing.assert_allclose(rows(encoder.encode_queries), queries, atol=2e-6 if name.endswith("router") else 1e-4)
    assert encoder.encode_documents(TEXTS).cut.any()
    assert encoder.encode_documents(["", " "]).vectors.nnz == encoder.encode_queries(["", " "]).vectors.nnz == 0


@pytest.mark.parametrize("name", FOLDERS)
def test_an_added_encoder_is_the_same(name: str, tmp_path: Path) -> None:
    own, added = (
        load_encoder(MODELS / name),
        load_encoder(add_encoder(MODELS / name, "a", tmp_path, precision="float32")),
    )
    for encode in ("encode_documents", "encode_queries"):
        np.testing.assert_array_equal(rows(getattr(added, encode)), rows(getattr(own, encode)))
    halved = load_encoder(add_encoder(MODELS / name, "b", tmp_path))
    np.testing.assert_allclose(rows(halved.encode_documents), rows(own.encode_documents), atol=0.05)


def test_a_collection_is_built_with_a_saved_folder(tmp_path: Path) -> None:
    """Prompts and truncation of both sides are those of the folder, through the collection."""
    folder = shutil.copytree(MODELS / "bert-router", tmp_path / "model")
    encoder = load_encoder(folder)
    encoded = encoder.encode_documents(TEXTS)
    seismic.build(encoded.vectors, tmp_path / "collection", encoder=encoder)
    scores = rows(encoder.encode_queries) @ rows(encoder.encode_documents).T
    with seismic.open(tmp_path / "collection") as index:
        for row, text in enumerate(TEXTS):
            hit = index.search(text, k=1)[0]
            assert hit.score == pytest.approx(scores[row].max(), rel=2e-3)


def test_every_door_takes_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = MODELS / "distilbert-router"
    encoder = load_encoder(folder)
    vectors = encoder.encode_documents(["word1 word2", "word3"]).vectors
    seismic.create(tmp_path / "created", encoder=str(folder))
    seismic.build(vectors, tmp_path / "built", encoder=folder)
    seismic.build({"text": vectors}, tmp_path / "fields", fields={"text": {"encoder": str(folder)}})
    seismic.upsert(tmp_path / "created", vectors, pa.table({"id": ["0", "1"]}), encoder=folder)
    hashes = set()
    for name in ("created", "built", "fields"):
        with seismic.open(tmp_path / name) as index:
            hashes.add(index.encoder.entry.hash)
            assert index.search("word1 word2", k=1)[0].id in ("0", 0)
    assert hashes == {encoder.entry.hash}
    monkeypatch.setenv("SEISMIC_ENCODERS", str(MODELS))  # as a service names its encoders
    assert load_encoder("distilbert-router").name == "distilbert-router"


TABLE = np.random.default_rng(5).normal(size=(len(TOKENS), len(TOKENS))).astype(np.float32)


def exported(folder: Path, **pooling: str) -> Path:
    """Write a SparseEncoder whose only network is an export in ONNX, of an architecture that we cannot build."""
    (folder / "onnx").mkdir(parents=True)
    (folder / "1_SpladePooling").mkdir()
    write_tokenizer(folder)
    onnx.save(table_model(TABLE), folder / "onnx" / "model.onnx")
    write(folder / "config.json", model_type="new", max_position_embeddings=16, auto_map={"AutoModel": "x.Y"})
    write(folder / "1_SpladePooling" / "config.json", **pooling)
    modules = [("Transformer", ""), ("SpladePooling", "1_SpladePooling")]
    (folder / "modules.json").write_text(
        json.dumps([{"type": f"sentence_transformers.models.{kind}", "path": path} for kind, path in modules])
    )
    return folder


def write(path: Path, **content: Any) -> None:
    path.write_text(json.dumps(content))


def edit(path: Path, **changes: Any) -> None:
    write(path, **{**json.loads(path.read_text()), **changes})


def test_exports_are_used_as_they_are(tmp_path: Path) -> None:
    pieces = [2, 5, 6, 3]  # [CLS] word1 word2 [SEP]
    once = np.log1p(np.maximum(TABLE[pieces], 0))
    twice = np.log1p(once)
    for number, (strategy, function, expected) in enumerate(
        [
            ("max", "relu", once.max(axis=0)),
            ("max", "log1p_relu", twice.max(axis=0)),
            ("sum", "relu", once.sum(axis=0)),
            ("sum", "log1p_relu", twice.sum(axis=0)),
        ]
    ):
        pooling = {"pooling_strategy": strategy, "activation_function": function}
        folder = exported(tmp_path / str(number), **pooling)
        for one in (folder, add_encoder(folder, f"added-{number}", tmp_path)):
            found = load_encoder(one).encode_documents(["word1 word2", "word3 " * 9]).vectors
            np.testing.assert_allclose(found.to_scipy().toarray()[0], expected, rtol=1e-6)


def test_settings_of_the_folder(tmp_path: Path) -> None:
    folder = shutil.copytree(MODELS / "bert-alone", tmp_path / "model")
    before = load_encoder(folder).entry.hash
    edit(folder / "sentence_bert_config.json", max_seq_length=6)
    edit(
        folder / "config_sentence_transformers.json",
        max_active_dims=3,
        prompts={"document": "word9 ", "query": "word8 ", "passage": "word7 "},
    )
    changed = load_encoder(shutil.copytree(folder, tmp_path / "changed"))
    assert changed.entry.hash != before
    found, plain = changed.encode_documents(["word1 word2"]), load_encoder(MODELS / "bert-alone")
    whole = plain.encode_documents(["word9 word1 word2"]).vectors.to_scipy().toarray()[0]
    kept = np.sort(np.argsort(-whole)[:3])
    assert found.vectors.components.tolist() == kept.tolist()
    np.testing.assert_allclose(found.vectors.values, whole[kept], rtol=1e-6)
    assert changed.encode_documents(["word1 " * 9]).cut.tolist() == [6]  # with the prompt 10 pieces, of 4 that fit
    assert changed.encode_queries(["word1 " * 9]).cut.tolist() == [6]
    edit(folder / "tokenizer.json", normalizer=None)
    cased = load_encoder(shutil.copytree(folder, tmp_path / "cased"))
    edit(folder / "sentence_bert_config.json", do_lower_case=True)
    lower = load_encoder(shutil.copytree(folder, tmp_path / "lower"))
    found, expected = (one.encode_queries(["WORD1"]).vectors.values.tolist() for one in (lower, changed))
    assert found == expected != cased.encode_queries(["WORD1"]).vectors.values.tolist()


def test_queries_may_be_split_in_another_way(tmp_path: Path) -> None:
    folder = shutil.copytree(MODELS / "bert-router", tmp_path / "model")
    edit(folder / "query_0_SparseStaticEmbedding" / "tokenizer.json", normalizer=None)
    for one in (folder, add_encoder(folder, "added", tmp_path)):
        encoder, before = load_encoder(one), load_encoder(MODELS / "bert-router")
        assert encoder.entry.hash != before.entry.hash
        found, expected = (each.encode_queries(["WORD1"]).vectors for each in (encoder, before))
        assert found.components.tolist() != expected.components.tolist()
        found, expected = (each.encode_documents(["WORD1"]).vectors for each in (encoder, before))
        assert found.components.tolist() == expected.components.tolist()


def test_a_network_at_the_root_of_a_router(tmp_path: Path) -> None:
    """As OpenSearch publishes its models, for transformers to load them too."""
    folder = shutil.copytree(MODELS / "bert-router", tmp_path / "model")
    for path in (folder / DOCUMENT).iterdir():
        path.rename(folder / path.name)
    content = (folder / ROUTER).read_text()
    (folder / ROUTER).write_text(content.replace(f'"{DOCUMENT}"', '""'))
    found, expected = load_encoder(folder), load_encoder(MODELS / "bert-router")
    np.testing.assert_array_equal(rows(found.encode_documents), rows(expected.encode_documents))


def test_weights_of_16_bits_are_read(tmp_path: Path) -> None:
    import ml_dtypes

    folder = shutil.copytree(MODELS / "modernbert-alone", tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    for kind in (np.float16, ml_dtypes.bfloat16):
        save_file({name: one.astype(kind) for name, one in weights.items()}, folder / "model.safetensors")
        copy = shutil.copytree(folder, tmp_path / np.dtype(kind).name)
        own, found = load_encoder(MODELS / "modernbert-alone"), load_encoder(copy)
        np.testing.assert_allclose(rows(found.encode_documents), rows(own.encode_documents), atol=0.5)


def _remove(*names: str) -> Callable[[Path], object]:
    return lambda folder: [(folder / name).unlink() for name in names]


def _change(name: str, **changes: Any) -> Callable[[Path], object]:
    return lambda folder: edit(folder / name, **changes)


def _modules(*kinds: str, library: str = "sentence_transformers.models") -> Callable[[Path], object]:
    content = json.dumps([{"type": f"{library}.{kind}", "path": ""} for kind in kinds])
    return lambda folder: (folder / "modules.json").write_text(content)


def _old_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _static_weight(value: float) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / "query_0_SparseStaticEmbedding" / "model.safetensors"
        weights = load_file(path)["weight"].copy()
        weights[7] = value
        save_file({"weight": weights}, path)

    return change


def _other_pieces(folder: Path) -> None:
    path = folder / "query_0_SparseStaticEmbedding" / "tokenizer.json"
    path.write_text(path.read_text().replace("word7", "word99"))


def _raw_opensearch(folder: Path) -> None:
    (folder / "modules.json").unlink()
    (folder / "idf.json").write_text("{}")


def _plain(**network: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        for name in ("modules.json", "config_sentence_transformers.json"):
            (folder / name).unlink()
        edit(folder / "config.json", **network)

    return change


SETTINGS, ROUTER = "config_sentence_transformers.json", "router_config.json"
POOLING, DOCUMENT = "1_SpladePooling/config.json", "document_0_MLMTransformer"


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "bert-alone",
            _modules("Transformer", "Pooling", "Normalize"),
            "found the modules Transformer, Pooling, Normal",
        ),
        ("bert-alone", _modules("Transformer", "Pooling"), "modules like these make dense vectors"),
        (
            "bert-alone",
            _modules("Transformer", "Pooling", "SparseAutoEncoder"),
            "build the collection from the vectors",
        ),
        ("bert-alone", _modules("Own", library="custom"), "found a module of the class 'custom.Own'.*never run here"),
        ("bert-alone", _modules("SpladePooling"), "found the modules SpladePooling for documents, expected a transf"),
        ("bert-alone", _modules("SparseStaticEmbedding"), "found the modules SparseStaticEmbedding for documents"),
        ("bert-alone", _modules("Router", "Normalize"), "expected a Router alone"),
        ("bert-alone", _change(SETTINGS, model_type="SentenceTransformer"), "found a model of dense vectors, expected"),
        ("bert-alone", _change(SETTINGS, model_type="CrossEncoder"), "found a cross-encoder, which reranks"),
        ("bert-alone", _change(SETTINGS, similarity_fn_name="cosine"), "similarity_fn_name: found 'cosine', expected"),
        ("bert-alone", _change(SETTINGS, prompts=["a"]), "prompts: found"),
        ("bert-alone", _change(SETTINGS, prompts={"query": 3}), "prompts: query: found 3, expected text"),
        ("bert-alone", _change(SETTINGS, max_active_dims=0), "max_active_dims: found 0, expected a positive integer"),
        ("bert-alone", _plain(architectures=["BertForSequenceClassification"]), "found a cross-encoder"),
        ("bert-alone", _plain(architectures=["BertModel"]), "found the architectures .*expected one that ends with"),
        ("bert-alone", _plain(architectures=None), "expected one that ends with ForMaskedLM"),
        ("bert-alone", _remove("tokenizer.json"), "found no tokenizer.json, expected a fast tokenizer; write one with"),
        ("bert-alone", _remove("model.safetensors"), "found no model.safetensors; load the model with"),
        (
            "bert-alone",
            _old_weights,
            "found pytorch_model.bin and no model.safetensors; load the model with sentence-t",
        ),
        ("bert-alone", _remove("config.json"), "config.json: No such file"),
        ("bert-alone", _remove(POOLING), "config.json: No such file"),
        ("bert-alone", _change("config.json", auto_map={"AutoModel": "x"}), r"code of its own \(auto_map\)"),
        ("bert-alone", _change("config.json", model_type="mpnet"), "network of type 'mpnet', expected one of bert"),
        ("bert-alone", _change("config.json", num_hidden_layers=2), "found no weights 'bert.encoder.layer.1.att"),
        ("bert-alone", _change("sentence_bert_config.json", transformer_task="feature-extraction"), "transformer_task"),
        ("bert-alone", _change("tokenizer_config.json", truncation_side="left"), "truncation_side: found 'left'"),
        ("bert-alone", _change("tokenizer_config.json", model_max_length="x"), "model_max_length: found 'x', expected"),
        (
            "bert-alone",
            _change(POOLING, pooling_strategy="mean"),
            "pooling_strategy: found 'mean', expected max or sum",
        ),
        (
            "bert-alone",
            _change(POOLING, activation_function="gelu"),
            "activation_function: found 'gelu', expected relu",
        ),
        (
            "bert-alone",
            lambda folder: (folder / "modules.json").write_text("["),
            "modules.json: cannot be read as JSON",
        ),
        ("bert-alone", lambda folder: (folder / "modules.json").write_text("{}"), "modules.json: found a JSON dict"),
        (
            "bert-alone",
            lambda folder: (folder / "config.json").write_text("[1]"),
            "config.json: found a JSON list, exp",
        ),
        ("modernbert-alone", _change("config.json", layer_types=["full_attention"]), "layer_types: found 1 types"),
        ("modernbert-alone", _change("config.json", rope_scaling={"factor": 2}), "config.json: rope_scaling: input sh"),
        (
            "bert-router",
            _change(ROUTER, structure={"query": []}),
            "found the routes query, expected query and document",
        ),
        ("bert-router", _change(ROUTER, structure=[]), "found no objects types, structure and parameters"),
        ("bert-router", _change(ROUTER, parameters={"route_mappings": {"a": "b"}}), "found route_mappings, expected"),
        ("bert-router", _remove(ROUTER), "config.json: No such file"),
        ("bert-router", _static_weight(-1), "found the weight -1 of 'a', expected 0 to"),
        ("bert-router", _static_weight(float("nan")), "found the weight nan of 'a', expected 0 to"),
        ("bert-router", _other_pieces, "tokenizer.json: found other word pieces than in .*expected the same"),
        ("bert-router", _remove("query_0_SparseStaticEmbedding/tokenizer.json"), "found no tokenizer.json, expected"),
        ("bert-alone", _raw_opensearch, "found idf.json, weights of queries, but no modules.json"),
        ("bert-router", _remove("query_0_SparseStaticEmbedding/model.safetensors"), "found no model.safetensors"),
    ],
)
def test_folders_that_are_no_sparse_encoders(
    name: str, change: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    folder = shutil.copytree(MODELS / name, tmp_path / "model")
    change(folder)
    with pytest.raises(EncoderError, match=message) as caught:
        load_encoder(folder)
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(EncoderError):
        add_encoder(folder, "added", tmp_path / "encoders")
    assert not list((tmp_path / "encoders").glob("*"))


@pytest.mark.parametrize("package", ["onnx", "safetensors"])
def test_missing_packages_are_named_with_their_extra(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("seismic.encoders.networks")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    folder = shutil.copytree(MODELS / "bert-alone", tmp_path / "model")
    with pytest.raises(EncoderError, match=rf"needs the package {package} of the extra `convert`: pip install"):
        load_encoder(folder)


def test_no_damage_ends_in_another_error(tmp_path: Path) -> None:
    """Files cut anywhere, and bytes that are something else."""
    rng = np.random.default_rng(2)
    for number in range(60):
        folder = shutil.copytree(MODELS / FOLDERS[number % len(FOLDERS)], tmp_path / str(number))
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        path = files[rng.integers(len(files))]
        content = bytearray(path.read_bytes())
        place = int(rng.integers(len(content)))
        path.write_bytes(content[:place] if number % 2 else content[:place] + b"\xff" + content[place + 1 :])
        with suppress(EncoderError):
            load_encoder(folder).encode_documents(["word1 word2"])
