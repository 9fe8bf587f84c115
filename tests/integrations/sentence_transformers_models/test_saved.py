"""Saved SparseEncoders, encoded by sentence-transformers itself and by us without torch."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pyarrow.parquet as pq
import pytest
from onnx import numpy_helper
from safetensors.numpy import save_file
from sentence_transformers import SparseEncoder

import seismic
from seismic.encoders.adding import add_encoder
from tests.integrations.sentence_transformers_models.saving import Size, save_all
from tests.integrations.serving import SCIFACT

TINY = Path(seismic.__file__).parent / "encoders" / "models" / "splade-tiny"
NETWORKS = "bert", "distilbert", "xlm-roberta", "modernbert"
FOLDERS = [f"{network}-{kind}" for network in NETWORKS for kind in ("alone", "router")]
LARGEST = 0.004
"""Difference of a weight."""

ODD = ["[UNK] strange 😀 [SEP] words", "word " * 200, "Ünïcödé TEXT", "a", "x" * 300, "[MASK] 12,345.67", "\ttab\nline"]

Dense = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every kind of model, of which the vocabulary is BERT's."""
    folder = tmp_path_factory.mktemp("models")
    save_all(folder, TINY / "tokenizer.json", Size(32, 2, 65))
    return folder


@pytest.fixture(scope="module")
def documents() -> list[str]:
    return pq.read_table(SCIFACT / "documents.parquet", columns=["text"])["text"].slice(0, 80).to_pylist()


@pytest.fixture(scope="module")
def queries() -> list[str]:
    texts: list[str] = pq.read_table(SCIFACT / "queries.parquet", columns=["text"])["text"].to_pylist()
    return [*texts[: 80 - len(ODD)], *ODD]


def ours(folder: Path, documents: list[str], queries: list[str]) -> tuple[Dense, Dense]:
    encoder = seismic.load_encoder(folder)
    return (
        encoder.encode_documents(documents).vectors.to_scipy().toarray(),
        encoder.encode_queries(queries).vectors.to_scipy().toarray(),
    )


def theirs(folder: Path, documents: list[str], queries: list[str]) -> tuple[Dense, Dense]:
    model = SparseEncoder(str(folder), device="cpu")
    return (
        model.encode_document(documents, convert_to_sparse_tensor=False).numpy(),
        model.encode_query(queries, convert_to_sparse_tensor=False).numpy(),
    )


@pytest.mark.parametrize("name", FOLDERS)
def test_160_texts_are_encoded_alike(saved: Path, documents: list[str], queries: list[str], name: str) -> None:
    expected, found = theirs(saved / name, documents, queries), ours(saved / name, documents, queries)
    assert expected[0].max() > 1
    np.testing.assert_allclose(found[0], expected[0], atol=LARGEST)
    if name.endswith("router"):
        np.testing.assert_array_equal(found[1], expected[1])
    else:
        np.testing.assert_allclose(found[1], expected[1], atol=LARGEST)
        assert 0.1 < (expected[1] > 0).mean() < 1
    print(f"{name}: largest differences {[float(np.abs(a - b).max()) for a, b in zip(found, expected, strict=True)]}")


@pytest.mark.parametrize("name", FOLDERS)
def test_added_encoders_are_those_of_their_folders(saved: Path, queries: list[str], name: str, tmp_path: Path) -> None:
    added = add_encoder(saved / name, "added", tmp_path, precision="float32")
    for one, other in zip(ours(saved / name, queries, queries), ours(added, queries, queries), strict=True):
        np.testing.assert_array_equal(one, other)


def test_loaded_and_saved_again_they_stay_the_same(saved: Path, queries: list[str], tmp_path: Path) -> None:
    model = SparseEncoder(str(saved / "bert-alone"), device="cpu", max_active_dims=20)
    model.max_seq_length = 12
    model.prompts = {"query": "find: ", "document": "read: ", "passage": "not this: "}
    model.save_pretrained(str(tmp_path / "again"))
    expected, found = theirs(tmp_path / "again", queries, queries), ours(tmp_path / "again", queries, queries)
    assert set((expected[0] > 0).sum(axis=1)) == {20}
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=LARGEST)


def test_the_bundled_model_is_the_one_of_its_weights(documents: list[str], queries: list[str], tmp_path: Path) -> None:
    folder = published(tmp_path / "splade-tiny")
    bundled = ours(TINY, documents, queries)
    for one, other in ((bundled, theirs(folder, documents, queries)), (ours(folder, documents, queries), bundled)):
        for found, expected in zip(one, other, strict=True):
            np.testing.assert_allclose(found, expected, atol=LARGEST)


def published(folder: Path) -> Path:
    """Write the weights of the bundled model as transformers saves them; they are float16 in its file."""
    arrays = {one.name: numpy_helper.to_array(one) for one in onnx.load(str(TINY / "model.onnx")).graph.initializer}
    embeddings = "bert.embeddings"
    weights = {
        f"{embeddings}.word_embeddings.weight": arrays["words"],
        f"{embeddings}.position_embeddings.weight": arrays["positions"],
        f"{embeddings}.token_type_embeddings.weight": np.zeros((2, arrays["words"].shape[1])),
    }
    for name, array in arrays.items():
        if name.startswith(("bert.", "cls.")):
            weights[name] = array.T
    folder.mkdir()
    save_file(
        {name: np.ascontiguousarray(one, np.float32) for name, one in weights.items()}, folder / "model.safetensors"
    )
    layers = len({name.split(".")[3] for name in weights if ".layer." in name})
    size, heads = arrays["words"].shape[1], 2
    config = {
        "architectures": ["BertForMaskedLM"],
        "model_type": "bert",
        "hidden_size": size,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": len(weights["bert.encoder.layer.0.intermediate.dense.bias"]),
        "vocab_size": len(arrays["words"]),
        "max_position_embeddings": len(arrays["positions"]),
    }
    (folder / "config.json").write_text(json.dumps(config))
    shutil.copyfile(TINY / "tokenizer.json", folder / "tokenizer.json")
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "cls", "sep", "pad", "mask")}
    length = {"model_max_length": 256, "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps({**special, **length}))
    return folder


def test_torch_is_not_imported(saved: Path) -> None:
    code = f"""import seismic, sys
seismic.load_encoder({str(saved / "modernbert-router")!r}).encode_documents(["a text"])
assert not {{"torch", "transformers", "sentence_transformers"}} & set(sys.modules)"""
    subprocess.run([sys.executable, "-c", code], check=True)
