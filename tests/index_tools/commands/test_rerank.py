"""`seismic search --rerank` and `--reranker`."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

import seismic
from tests.encoders.cross import naive_score, write_reranker
from tests.encoders.small import WORDS
from tests.index_tools.conftest import Run, shell

TEXTS = [" ".join(WORDS[: 1 + row]) for row in range(12)]
BEST = sorted(range(12), key=lambda row: -naive_score("word0", TEXTS[row]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fitted = seismic.fit_bm25(TEXTS)
    documents = pa.table({"id": list(range(12)), "text": TEXTS})
    seismic.build(fitted.vectors, tmp_path / "texts", documents=documents, encoder=fitted.encoder)
    return tmp_path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_reranker(tmp_path / "tiny")


def test_both_ways(run: Run, folder: Path, model: Path, tmp_path: Path) -> None:
    search = "search", folder / "texts", "word0", "-k", 3
    shown = run(*search, "--reranker", model, "--json")
    assert shown.exit_code == 0, shown.output
    lines = [json.loads(line) for line in shown.stdout.splitlines() if line.startswith("{")]
    assert [line["id"] for line in lines] == BEST[:3]
    assert lines[0]["rerank_score"] == lines[0]["score"]
    file = tmp_path / "scores.jsonl"
    file.write_text("".join(f'{{"id": {row}, "score": {row}}}\n' for row in range(12)))
    table = run(*search, "--rerank", file)
    assert [line.split()[3] for line in table.stdout.splitlines()[1:4]] == ["11", "10", "9"]
    assert "in search" in table.stdout
    for options, message in (
        (["--rerank", file, "--reranker", model], "found --rerank and --reranker, expected one of them"),
        (["--rerank-depth", 5], "--rerank-depth and --rerank-column need --reranker, or the former --rerank"),
        (["--reranker", tmp_path], "found no model.onnx"),
        (["--reranker", model, "--rerank-depth", 2], "rerank.depth is 2, expected at least 3"),
    ):
        refused = run(*search, *options)
        assert refused.exit_code == 2
        assert message in refused.stderr


def test_a_service_does_not_start_with_a_broken_reranker(folder: Path) -> None:
    done = shell("serve", folder / "texts", "--port", "0", "--reranker", folder)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"error: {folder}: found no model.onnx")
