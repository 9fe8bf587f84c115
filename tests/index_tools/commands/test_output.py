"""Conditions by --where, formats of hits, many queries, snippets, and completion."""

import csv
import io
import os
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest

import seismic
from tests.index_tools.conftest import COMMAND, Run, write_lines

NEWS = [
    {"id": "a", "text": "Mars is a planet.", "year": 1999, "lang": "en", "tags": ["red"], "seen": True, "mass": 0.1},
    {"id": "b", "text": "Venus is a\nhot planet.", "year": 2001, "lang": "en", "tags": [], "seen": False, "mass": 0.8},
    {"id": "c", "text": "Die Sonne, ein Stern.", "year": 2003, "lang": "de", "tags": ["hot"], "seen": None, "mass": 9},
]


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("news") / "news"
    documents: dict[str, Any] = {name: [one[name] for one in NEWS] for name in NEWS[0] if name not in ("id", "text")}
    texts, ids = [str(one["text"]) for one in NEWS], [str(one["id"]) for one in NEWS]
    seismic.build(folder, texts=texts, ids=ids, documents=documents, encoder="bm25")
    return folder


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        (["lang=en"], "ab"),
        (["lang!=en"], "c"),
        (["year>=2001"], "bc"),
        (["year>1999", "year<2003"], "b"),
        (["year <= 1999"], "a"),
        (["mass<0.5"], "a"),
        (["seen=true"], "a"),
        (["seen!=true"], "bc"),
        (["tags=hot"], "c"),
        (["text~Planet hot"], "b"),
        (["text=Mars is a planet."], "a"),
        (["id=b"], "b"),
        (["id!=b", "lang=en"], "a"),
    ],
    ids=str,
)
def test_conditions_choose_documents(run: Run, news: Path, conditions: list[str], ids: str) -> None:
    options = [option for one in conditions for option in ("--where", one)]
    result = run("scroll", news, "--ids", *options)
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == list(ids)


def test_every_verb_with_a_filter_takes_conditions(run: Run, news: Path, tmp_path: Path) -> None:
    found = run("search", news, "planet", "--where", "year>2000", "--filter", '{"lang": "en"}', "--json").stdout
    assert [orjson.loads(line)["id"] for line in found.splitlines()] == ["b"]
    assert "excluded by filter.must[0]" in run("why", news, "planet", "c", "--where", "lang=en").stdout
    assert run("export", news, tmp_path / "out.jsonl", "--where", "lang=de", "--no-vectors").exit_code == 0
    assert orjson.loads((tmp_path / "out.jsonl").read_bytes())["id"] == "c"
    seismic.build(tmp_path / "c", texts=["a", "b"], ids=["a", "b"], documents={"n": [1, 2]}, encoder="bm25")
    assert "documents 1:" in run("patch", tmp_path / "c", "--where", "n>1", "--set", '{"n": 7}').stdout
    assert "documents 1:" in run("delete", tmp_path / "c", "--where", "n=7").stdout


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("year>=x", "--where year>=x: column 'year' is int64, found 'x', expected a number"),
        ("nope=1", "--where nope=1: unknown column 'nope'; this collection has id, text, year, lang"),
        ("lang>en", "column 'lang' is string, expected numbers, dates or times to compare"),
        ("year~x", "column 'year' is int64, expected strings to look for words in"),
        ("seen=yes", "column 'seen' is bool, found 'yes', expected true or false"),
        ("lang", "--where lang: expected column=value, or !=, >=, >, <=, < or ~ in place of ="),
        ("=x", "expected column=value"),
    ],
)
def test_wrong_conditions_show_the_type(run: Run, news: Path, condition: str, said: str) -> None:
    result = run("scroll", news, "--where", condition)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_formats_of_hits(run: Run, news: Path) -> None:
    table = run("search", news, "hot planet", "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [(row["rank"], row["id"], row["text"], row["tags"], row["seen"]) for row in rows] == [
        ("1", "b", "Venus is a\nhot planet.", "[]", "false"),
        ("2", "a", "Mars is a planet.", '["red"]', "true"),
    ]
    lines = run("search", news, "hot planet", "--format", "trec").stdout.splitlines()
    assert [line.split()[:4] for line in lines] == [["1", "Q0", "b", "1"], ["1", "Q0", "a", "2"]]
    as_json = run("search", news, "hot planet", "--format", "json").stdout
    assert as_json == run("search", news, "hot planet", "--json").stdout
    assert "found --json and --format csv" in run("search", news, "hot", "--json", "--format", "csv").output


def test_snippets_are_shown(run: Run, news: Path) -> None:
    shown = run("search", news, "hot planet", "--snippets").stdout
    assert [line.split() for line in shown.splitlines()][:2] == [
        ["rank", "score", "id", "passage"],
        ["1", "0.6204", "b", "Venus", "is", "a", "hot", "planet."],
    ]
    (first, *_) = run("search", news, "hot planet", "--snippets", "--json").stdout.splitlines()
    assert orjson.loads(first)["snippet"]["highlights"] == [[11, 14], [15, 21]]


def test_many_queries_make_a_run(run: Run, news: Path, tmp_path: Path) -> None:
    queries = write_lines(tmp_path / "q.jsonl", {"id": "q1", "text": "hot planet"}, {"id": "q2", "text": "Stern"})
    out = tmp_path / "out.trec"
    result = run("search", news, "--queries", queries, "--run", out, "-k", 2)
    assert result.exit_code == 0, result.output
    found = [line.split() for line in out.read_text().splitlines()]
    assert [line[:4] for line in found] == [["q1", "Q0", "b", "1"], ["q1", "Q0", "a", "2"], ["q2", "Q0", "c", "1"]]
    assert run("search", news, "--queries", queries, "-k", 2).stdout == out.read_text()
    lines = run("search", news, "--queries", queries, "--where", "lang=de", "--format", "json").stdout.splitlines()
    assert [(one["query"], one["id"]) for one in map(orjson.loads, lines)] == [("q2", "c")]
    for options, said in (
        (["--queries", queries, "planet"], "TEXT is for one query"),
        (["--queries", queries, "--facet", "lang"], "--facet is for one query"),
        (["--queries", queries, "--format", "csv"], "--format csv is for one query"),
        (["planet", "--run", out], "--run needs --queries"),
    ):
        refused = run("search", news, *options)
        assert refused.exit_code == 2
        assert said in refused.output


def test_shells_complete_options(tmp_path: Path) -> None:
    variables = {"_SEISMIC_COMPLETE": "complete_bash", "COMP_WORDS": "seismic scroll c --wh", "COMP_CWORD": "3"}
    done = subprocess.run(COMMAND, env={**os.environ, **variables}, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.split() == ["--where"]
    assert done.stderr == ""
