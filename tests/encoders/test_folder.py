import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from seismic import EncoderError, InputError, ParameterError, load_encoder
from seismic.encoders import EncoderEntry, load_recorded
from seismic.encoders.folder import VARIABLE
from tests.encoders.small import TOKENS, table_model, write_encoder

MODEL = table_model(np.eye(len(TOKENS), dtype=np.float32))


def rows(encoded_by: object, text: str) -> list[tuple[int, float]]:
    components, values = encoded_by([text]).vectors[0]  # type: ignore[operator]
    return list(zip(components.tolist(), values.tolist(), strict=True))


def test_a_folder_with_weights_encodes_queries_without_its_model(tmp_path: Path) -> None:
    idf = {"word1": 2.5, "word2": 1, "word3": 0, "[CLS]": 7, "[UNK]": 9}
    encoder = load_encoder(str(write_encoder(tmp_path / "both", model=MODEL, idf=idf)))
    assert rows(encoder.encode_queries, "word2 word1 word2 word3 word4 strange") == [(5, 2.5), (6, 1.0)]
    assert [component for component, _ in rows(encoder.encode_documents, "word2")] == [2, 3, 6]
    assert encoder.encode_queries(["word1 " * 50]).cut.tolist() == [0]


def test_a_folder_with_weights_only_has_no_documents(tmp_path: Path) -> None:
    encoder = load_encoder(str(write_encoder(tmp_path / "weights", idf={"word1": 2.5})))
    assert rows(encoder.encode_queries, "word1") == [(5, 2.5)]
    assert rows(encoder.encode_queries, " ") == []
    with pytest.raises(EncoderError, match=r"has no model.onnx and encodes queries only; pass document vectors"):
        encoder.encode_documents(["word1"])


def test_encoders_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_encoder(tmp_path / "a" / "one", model=MODEL)
    write_encoder(tmp_path / "b" / "two", model=MODEL)
    monkeypatch.setenv(VARIABLE, f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    two = load_encoder("two")
    assert two.name == "two"
    assert load_encoder("two") is two
    assert load_encoder(str(tmp_path / "b" / "two")).entry.hash == two.entry.hash
    for name in ("three", "", "./three"):
        with pytest.raises(EncoderError, match=rf"found no encoder {name!r}, expected bm25, splade-tiny, one that"):
            load_encoder(name)


def test_a_recorded_encoder_is_the_same_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_encoder(tmp_path / "here" / "mine", model=MODEL)
    entry = load_encoder(str(folder)).recorded(fields=["title"], queries="idf", cut=[0, 3, 0, 4]).entry
    assert (entry.documents_cut, entry.pieces_cut) == (2, 7)
    assert load_recorded(entry).entry == entry
    folder.rename(tmp_path / "mine")
    with pytest.raises(EncoderError, match="found no encoder"):
        load_recorded(entry)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert load_recorded(entry).entry == entry
    other = write_encoder(tmp_path / "other", model=MODEL, max_length=9)
    with pytest.raises(EncoderError, match=r"the files have hash .* but the collection was built with files of"):
        load_recorded(entry.model_copy(update={"name": str(other)}))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("encoder.json", None, r'encoder.json: No such file or directory, expected JSON such as {"max_length": 256}'),
        ("encoder.json", "{", "encoder.json: the file: invalid json"),
        ("encoder.json", '{"max_length": "9"}', "encoder.json: max_length: input should be a valid integer"),
        ("encoder.json", '{"max_length": 9, "lower": true}', "encoder.json: lower: extra inputs are not permitted"),
        ("encoder.json", '{"max_length": 2}', "max_length 2 leaves no room for text"),
        ("tokenizer.json", None, "tokenizer.json: cannot be read as a tokenizer: No such file"),
        ("tokenizer.json", "{}", "tokenizer.json: cannot be read as a tokenizer"),
        ("model.onnx", "x", "model.onnx: cannot be read as an ONNX model"),
        ("model.onnx", None, "found neither model.onnx nor idf.json"),
        ("idf.json", "[1]", "idf.json: found a JSON list, expected an object from token to weight"),
        ("idf.json", "{", "idf.json: cannot be read as JSON"),
        ("idf.json", '{"strange": 1}', "found the token 'strange', expected tokens of tokenizer.json"),
        ("idf.json", '{"word1": -1}', "found the weight -1 of 'word1', expected 0 to 1e\\+15"),
        ("idf.json", '{"word1": true}', "found the weight True"),
    ],
)
def test_folders_that_are_no_encoders(name: str, content: str | None, message: str, tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "wrong", model=MODEL)
    (folder / name).unlink(missing_ok=True)
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(EncoderError, match=message):
        load_encoder(str(folder))


@pytest.mark.parametrize("package", ["onnxruntime", "tokenizers"])
def test_packages_that_are_not_installed(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # which makes importing it fail
    folder = write_encoder_files(tmp_path)
    message = rf"needs the package {package} \(.*\); pip install 'seismic-search\[text\]'"
    with pytest.raises(EncoderError, match=message):
        load_encoder(str(folder))


def write_encoder_files(folder: Path) -> Path:
    """Copy a bundled encoder to a place where it was not loaded before."""
    bundled = Path(sys.modules["seismic.encoders"].__path__[0]) / "models" / "splade-tiny"
    return Path(shutil.copytree(bundled, folder / "copy"))


def test_collections_remember_what_makes_sense(tmp_path: Path) -> None:
    encoder = load_encoder(str(write_encoder(tmp_path / "mine", model=MODEL)))
    for fields in ("text", []):
        with pytest.raises(ParameterError, match=re.escape(f"fields is {fields!r}, expected a list of column names")):
            encoder.recorded(fields=fields)
    with pytest.raises(ParameterError, match="queries is 'bm25', expected 'own' or 'idf'"):
        encoder.recorded(queries="bm25")  # type: ignore[arg-type]
    content = json.loads(encoder.entry.model_dump_json())
    assert EncoderEntry.model_validate({**content, "added later": 1}) == encoder.entry


def test_idf_of_another_length(tmp_path: Path) -> None:
    encoder = load_encoder(str(write_encoder(tmp_path / "mine", model=MODEL)))
    with pytest.raises(InputError, match="found 3 weights, expected 16, one per component"):
        encoder.by_idf(np.ones(3, np.float32))
