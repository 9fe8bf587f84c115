"""Long documents on the command line."""

from pathlib import Path

import orjson
import pytest

import seismic
from tests.index_tools.conftest import Run, write_lines

LONG = "The sun is a star. It shines every day. The planets move around it. Mars has two moons. "
DOCUMENTS = [
    {"id": "sun", "title": "Sun", "text": LONG * 2, "lang": "en"},
    {"id": "mars", "title": "Mars", "text": "Mars is red.", "lang": "en"},
    {"id": "none", "title": "None", "text": "", "lang": "de"},
]


@pytest.mark.parametrize("encoder", ["bm25", "splade-tiny"])
def test_chunks_follow_their_documents(run: Run, tmp_path: Path, encoder: str) -> None:
    corpus, out = write_lines(tmp_path / "corpus.jsonl", *DOCUMENTS), tmp_path / "out"
    options = ["--encoder", encoder, "--text-fields", "title,text", "--chunk", 20, "--overlap", 5]
    result = run("build", corpus, out, *options)
    assert result.exit_code == 0, result.output
    with seismic.open(out) as index:
        stored = {one.id: one.payload for one in index.scroll().documents}
    parts = [id for id in stored if id.startswith("sun#")]
    assert len(parts) > 2
    assert f"cut 3 documents into {len(parts) + 2} chunks; encoded" in result.stdout
    for payload in stored.values():
        text = next(one["text"] for one in DOCUMENTS if one["id"] == payload["parent"])
        assert payload["text"] == text[payload["start"] : payload["end"]]
    found = run("search", out, "moons of mars", "--group-by", "parent", "--json")
    hits = [orjson.loads(line) for line in found.stdout.splitlines()]
    assert {"mars", "sun"} <= {hit["group"] for hit in hits}  # titles are part of each chunk

    changed = write_lines(tmp_path / "changed.jsonl", {**DOCUMENTS[0], "text": "Short now."})
    result = run("upsert", out, changed)
    assert result.exit_code == 0, result.output
    assert "cut 1 documents into 1 chunks" in result.stdout
    with seismic.open(out) as index:
        assert [one.id for one in index.scroll().documents] == ["mars#0", "none#0", "sun#0"]
    assert "documents 1: change" in run("delete", out, "--id", "sun").stdout


def test_empty_collections_cut_what_comes(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("create", out, "--encoder", "bm25", "--chunk", 10, "--average-length", 10).exit_code == 0
    result = run("upsert", out, write_lines(tmp_path / "corpus.jsonl", *DOCUMENTS))
    assert result.exit_code == 0, result.output
    with seismic.open(out) as index:
        assert len(index) > 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--chunk", 9], "--chunk needs --encoder, or a single --field with one"),
        (["--encoder", "bm25", "--overlap", 9], "--overlap needs --chunk"),
        (["--encoder", "bm25", "--chunk", 9, "--overlap", 9], "overlap is 9, expected less than 9"),
        (["--encoder", "splade-tiny", "--chunk", 300], "chunk is 300, expected at most 254"),
        (["--field", "a=bm25", "--field", "b=splade-tiny", "--chunk", 9], "--chunk needs --encoder"),
    ],
    ids=str,
)
def test_impossible_chunks_are_refused(run: Run, tmp_path: Path, options: list[object], said: str) -> None:
    result = run("build", write_lines(tmp_path / "corpus.jsonl", *DOCUMENTS), tmp_path / "out", *options)
    assert result.exit_code == 2
    assert said in result.output


def test_columns_of_chunks_are_named_with_their_place(run: Run, tmp_path: Path) -> None:
    corpus = write_lines(tmp_path / "corpus.jsonl", {"id": "a", "text": "b", "parent": "c"})
    result = run("build", corpus, tmp_path / "out", "--encoder", "bm25", "--chunk", 9)
    assert "corpus.jsonl, field 'parent': chunks have a column of this name; rename it" in result.output
