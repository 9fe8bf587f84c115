import json
import shutil
from pathlib import Path

import pytest

from seismic.encoders.folder import VARIABLE
from tests.encoders.small import TOKENS, table_model, write_encoder
from tests.encoders.test_saved import MODELS, TABLE, edit, exported
from tests.index_tools.conftest import Run


@pytest.fixture
def encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of encoders, which is empty."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "seismic" / "encoders"


def test_add_list_check_and_use(encoders: Path, tmp_path: Path, run: Run) -> None:
    source = shutil.copytree(MODELS / "bert-router", tmp_path / "model")
    (source / "LICENSE").write_text("free")
    added = run("encoder", "add", source, "mine", "--max-length", "9")
    assert added.exit_code == 0, added.stderr
    assert added.stdout.endswith(f": {encoders / 'mine'}\n")
    assert {path.name for path in (encoders / "mine").iterdir()} == {
        *("LICENSE", "encoder.json", "idf.json", "model.onnx", "tokenizer.json")
    }
    listed = {one["name"]: one for one in json.loads(run("encoder", "list", "--json").stdout)}
    assert set(listed) == {"bm25", "splade-tiny", "mine"}
    assert (listed["mine"]["max_length"], listed["mine"]["queries"]) == (9, "weights")
    assert "mine" in run("encoder", "list").stdout
    texts = tmp_path / "texts.tsv"
    texts.write_text("1\tword1 word2\n2\tword3\n")
    assert run("build", texts, tmp_path / "collection", "--encoder", "mine").exit_code == 0
    found = run("search", tmp_path / "collection", "word3", "--json")
    assert found.exit_code == 0, found.stderr
    again = run("encoder", "add", source, "mine")
    assert again.exit_code == 2
    assert "exists; choose another name or remove it" in again.stderr


@pytest.mark.parametrize("name", ["bm25", "splade-tiny", "a/b", ".hidden", ""])
def test_names_that_cannot_be_added(encoders: Path, run: Run, name: str) -> None:
    result = run("encoder", "add", MODELS / "bert-alone", name)
    assert result.exit_code == 2
    assert f"name is {name!r}, expected a name without slashes" in result.stderr


def test_lengths_beyond_the_positions(encoders: Path, run: Run) -> None:
    result = run("encoder", "add", MODELS / "bert-alone", "mine", "--max-length", "18")
    assert result.exit_code == 2
    assert "max_length is 18, expected 1 to 17" in result.stderr
    assert not encoders.exists()


def test_a_folder_that_does_not_load_is_listed_with_its_problem(encoders: Path, run: Run) -> None:
    (encoders / "broken").mkdir(parents=True)
    (encoders / "broken" / "modules.json").write_text("[]")
    (one,) = (one for one in json.loads(run("encoder", "list", "--json").stdout) if one["name"] == "broken")
    assert "expected a SparseEncoder" in one["problem"]


def test_check_explains_what_it_finds(encoders: Path, tmp_path: Path, run: Run) -> None:
    fine = run("encoder", "check", "splade-tiny")
    assert fine.exit_code == 0, fine.stdout
    assert "how long does sunlight travel -> long " in fine.stdout
    assert fine.stdout.endswith("found no problem\n")
    zero = write_encoder(tmp_path / "zero", model=table_model(-abs(TABLE)))
    empty = run("encoder", "check", zero, "--json")
    assert empty.exit_code == 1
    assert json.loads(empty.stdout)["problems"] == [
        f"4 of 4 {kind} texts have empty vectors; the model may be damaged" for kind in ("document", "query")
    ]
    assert "bm25 counts words" in run("encoder", "check", "bm25").stderr


def test_check_compares_an_export_with_the_weights(encoders: Path, tmp_path: Path, run: Run) -> None:
    folder = shutil.copytree(MODELS / "bert-alone", tmp_path / "model")
    other = exported(tmp_path / "other")
    shutil.copytree(other / "onnx", folder / "onnx")
    edit(folder / "config.json", vocab_size=len(TOKENS))
    shutil.copyfile(other / "tokenizer.json", folder / "tokenizer.json")
    result = run("encoder", "check", folder)
    assert result.exit_code == 1
    assert "onnx/model.onnx and model.safetensors differ by up to" in result.stdout


def test_bench_times_documents_and_queries(run: Run) -> None:
    result = run("encoder", "bench", "splade-tiny", "--texts", "4", "--json")
    assert result.exit_code == 0, result.stderr
    timing = json.loads(result.stdout)
    assert min(timing["documents_per_second"], timing["queries_per_second"], timing["load_seconds"]) > 0
    assert 100 < timing["pieces"] < 256
