from datetime import date
from decimal import Decimal
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import seismic
from seismic import Feedback, SearchRequest
from tests.index_tools.conftest import Run, write_lines


def test_search_shows_a_table(run: Run, planets_index: Path) -> None:
    result = run("search", planets_index, "--tokens", '{"planet": 2, "pluto": 1}')
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["rank", "score", "id", "text"]
    assert lines[1][:3] == ["1", "3.0000", "b"]
    assert lines[2] == ["2", "2.0000", "a", "Mars", "is", "a", "planet."]
    assert lines[3][:2] == ["plan", "exact,"]
    assert lines[3][2:4] == ["exact", "answer,"]
    assert lines[3][6:] == ["1", "blocks", "visited,", "3", "documents", "scored"]
    assert result.stderr == "not in the index: pluto\n"


def test_search_by_components(run: Run, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "x.jsonl", {"id": 7, "indices": [1], "values": [0.5], "title": "[bold] \n news"})
    assert run("build", path, tmp_path / "out").exit_code == 0
    result = run("search", tmp_path / "out", "--vector", '{"indices": [1, 9], "values": [2, 1]}')
    assert result.stdout.splitlines()[1].split() == ["1", "1.0000", "7", "[bold]", "news"]
    assert result.stderr == "not in the index: 9\n"
    assert run("search", tmp_path / "out", "--vector", '{"indices": [9], "values": [1]}', "--json").stdout == ""


def test_documents_do_not_control_the_terminal(run: Run, tmp_path: Path) -> None:
    text = "\x1b]0;title\x07 \x1b[31mred \u202eneerg \U0001f600"
    line = {"id": "\x1b[2J", "indices": [1], "values": [0.5], "title": text, "kind": text}
    assert run("build", write_lines(tmp_path / "x.jsonl", line), tmp_path / "out").exit_code == 0
    query = ["--vector", '{"indices": [1], "values": [2]}']
    for more in (["--explain"], ["--facet", "kind"], ["--group-by", "kind"]):
        result = run("search", tmp_path / "out", *query, *more)
        assert "\x1b" not in result.stdout
        assert "\u202e" not in result.stdout
        assert "[31mred" in result.stdout
        assert "\U0001f600" in result.stdout
    hit = orjson.loads(run("search", tmp_path / "out", *query, "--json").stdout)
    assert hit["payload"]["title"] == text


def test_search_as_json(run: Run, tmp_path: Path) -> None:
    vectors = {"indices": [[1]], "values": [[0.5]]}
    payload = {"day": [date(2020, 1, 2)], "price": [Decimal("1.50")], "text": ["one\ntwo"]}
    pq.write_table(pa.table({"id": [7], **vectors, **payload}), tmp_path / "x.parquet")
    assert run("build", tmp_path / "x.parquet", tmp_path / "out").exit_code == 0
    result = run("search", tmp_path / "out", "--vector", '{"indices": [1], "values": [2]}', "--json")
    hit = orjson.loads(result.stdout)
    assert hit == {
        "rank": 1,
        "id": 7,
        "score": pytest.approx(1.0),
        "payload": {"day": "2020-01-02", "price": "1.50", "text": "one\ntwo"},
    }
    assert result.stderr.endswith("documents scored\n")


def test_search_without_payload(run: Run, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "x.jsonl", {"id": 7, "indices": [1], "values": [0.5]})
    assert run("build", path, tmp_path / "out").exit_code == 0
    result = run("search", tmp_path / "out", "--vector", '{"indices": [1], "values": [2]}')
    assert [line.split() for line in result.stdout.splitlines()[:2]] == [["rank", "score", "id"], ["1", "1.0000", "7"]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "found none, expected one of TEXT, --text, --tokens, --vector"),
        (["--tokens", "{}", "--vector", "{}"], "found --tokens and --vector"),
        (["--tokens", "{"], "--tokens: not valid JSON"),
        (["--vector", "[1]"], "--vector: found a JSON list, expected an object"),
        (["--vector", '{"indices": [1]}'], "found indices, expected either 'indices' and 'values'"),
        (["--tokens", '{"mars": -1}'], "found -1"),
        (["--tokens", '{"mars": 1}', "-k", "-1"], "k is -1, expected at least 0"),
        (["--tokens", '{"mars": 1}', "--query-cut", "0"], "parameter 'query_cut'"),
    ],
)
def test_wrong_queries(run: Run, planets_index: Path, options: list[str], message: str) -> None:
    result = run("search", planets_index, *options)
    assert result.exit_code == 2
    assert "error: " in result.stderr
    assert message in result.stderr


def test_search_under_a_filter(run: Run, tmp_path: Path) -> None:
    documents = [{"id": number, "indices": [1], "values": [number + 1], "year": 1990 + number} for number in range(5)]
    path = write_lines(tmp_path / "x.jsonl", *documents)
    assert run("build", path, tmp_path / "out").exit_code == 0
    query = ("search", tmp_path / "out", "--vector", '{"indices": [1], "values": [2]}', "-k", "3", "--json")
    result = run(*query, "--filter", '{"must": [{"key": "year", "range": {"lt": 1992}}]}')
    assert [orjson.loads(line)["id"] for line in result.stdout.splitlines()] == [1, 0]
    assert result.stderr.splitlines()[0] == "only 2 documents match the filter"
    assert result.stderr.splitlines()[1].startswith("2 documents match the filter, plan exact")
    assert run(*query, "--filter", "[]").stderr == "error: --filter: found a JSON list, expected an object\n"
    wrong = run(*query, "--filter", '{"must": [{"key": "yaer", "range": {"lt": 1992}}]}')
    expected = "error: filter.must[0].key: unknown column 'yaer'; this collection has id, year\n"
    assert (wrong.exit_code, wrong.stderr) == (2, expected)


def test_documents_are_listed_without_a_query(run: Run, tmp_path: Path) -> None:
    documents = [{"id": f"d{at}", "indices": [1], "values": [1], "year": 1990 + at % 3} for at in range(5)]
    assert run("build", write_lines(tmp_path / "x.jsonl", *documents), tmp_path / "out").exit_code == 0
    listing = ("search", tmp_path / "out", "--json")
    result = run(*listing, "--order-by", "year", "--desc", "-k", "3")
    assert [orjson.loads(line)["id"] for line in result.stdout.splitlines()] == ["d2", "d1", "d4"]
    assert result.stderr == "3 listed without a query\n"
    result = run(*listing, "--filter", '{"year": [1990, 1992]}')
    assert [orjson.loads(line)["id"] for line in result.stdout.splitlines()] == ["d0", "d2", "d3"]
    assert result.stderr == "3 documents match the filter, 3 listed without a query\n"
    counted = run("search", tmp_path / "out", "--facet", "year", "-k", "0").stdout
    assert [line.split() for line in counted.splitlines()[-4:-1]] == [["1990", "2"], ["1991", "2"], ["1992", "1"]]
    assert "--desc needs --order-by" in run(*listing, "--facet", "year", "--desc").stderr
    assert (
        "order_by orders documents"
        in run(*listing, "--vector", '{"indices": [1], "values": [1]}', "--order-by", "year").stderr
    )


def test_explanations_are_printed(run: Run, planets_index: Path) -> None:
    result = run("search", planets_index, "--tokens", '{"planet": 2}', "--explain", "--facet", "text")
    assert result.exit_code == 0
    words = " ".join(result.stdout.split())
    assert "planet 2.0000 1.0000 2.0000" in words
    assert "inner product 2.0000" in words
    assert "why this plan no recall was asked for, so the answer is exact" in words
    assert "text matches" in words
    line = orjson.loads(
        run("search", planets_index, "--tokens", '{"planet": 2}', "-k", "1", "--explain", "--json").stdout
    )
    assert [part["token"] for part in line["explanation"]] == ["planet"]


def test_documents_like_one_from_the_second_on(run: Run, planets_index: Path) -> None:
    whole = run("search", planets_index, "--like", "a", "--json").stdout.splitlines()
    assert "a" not in [orjson.loads(line)["id"] for line in whole]
    assert run("search", planets_index, "--like", "a", "--json", "--offset", "1").stdout.splitlines() == whole[1:]
    result = run("search", planets_index, "--like", "nope")
    assert "found no document 'nope'" in result.stderr


def test_groups_feedback_and_fusion(run: Run, tmp_path: Path) -> None:
    documents = [
        {"id": f"d{at}", "indices": [1, 2 + at], "values": [4 - at, 1], "year": 1990 + at % 2} for at in range(4)
    ]
    path = write_lines(tmp_path / "x.jsonl", *documents)
    assert run("build", path, tmp_path / "out").exit_code == 0
    query = ("search", tmp_path / "out", "--vector", '{"indices": [1], "values": [1]}')
    grouped = run(*query, "--group-by", "year", "--group-size", "2", "-k", "1", "--json")
    found = [orjson.loads(line) for line in grouped.stdout.splitlines()]
    assert [(one["rank"], one["group"], one["id"]) for one in found] == [(1, 1990, "d0"), (1, 1990, "d2")]
    shown = [line.split() for line in run(*query, "--group-by", "year").stdout.splitlines()]
    assert shown[:3] == [["rank", "score", "year", "id"], ["1", "4.0000", "1990", "d0"], ["2", "3.0000", "1991", "d1"]]
    widened = [orjson.loads(line) for line in run(*query, "--feedback", "--json").stdout.splitlines()]
    with seismic.open(tmp_path / "out") as index:
        request = SearchRequest(query={"indices": [1], "values": [1]}, feedback=Feedback())
        assert [(one["id"], one["score"]) for one in widened] == [
            (hit.id, hit.score) for hit in index.ask(request).hits
        ]
    dense = write_lines(tmp_path / "dense.jsonl", {"rank": 1, "id": "d3", "score": 7}, {"id": "d2", "score": 0.5})
    for method, expected in (("rrf", ["d3", "d2", "d0", "d1"]), ("weighted", ["d3", "d0", "d1", "d2"])):
        fused = run(*query, "--fuse", dense, "--fuse-by", method, "--json").stdout.splitlines()
        assert [orjson.loads(line)["id"] for line in fused] == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--group-size", "2"], "--group-size needs --group-by"),
        (["--group-by", "text", "--offset", "1"], "--offset counts hits"),
        (["--group-by", "nope"], "group_by.key: unknown column 'nope'"),
        (["--group-by", "text", "--group-size", "0"], "'size'"),
        (["--fuse", "nowhere.jsonl"], "nowhere.jsonl: No such file"),
    ],
)
def test_wrong_groups_and_runs(run: Run, planets_index: Path, options: list[str], message: str) -> None:
    result = run("search", planets_index, "--tokens", '{"planet": 1}', *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_wrong_run_names_its_line(run: Run, planets_index: Path, tmp_path: Path) -> None:
    query = ("search", planets_index, "--tokens", '{"planet": 1}', "--fuse")
    for wrong in (b"{", {"id": "a"}, [], {"id": 1.5, "score": 1}, {"id": "a", "score": "x"}):
        path = write_lines(tmp_path / "run.jsonl", {"id": "a", "score": 1}, wrong)
        result = run(*query, path)
        assert result.exit_code == 2
        assert f"error: {path}, line 2: found " in result.stderr
    path = write_lines(tmp_path / "run.jsonl", {"id": "a", "score": 1})
    assert "'method'" in run(*query, path, "--fuse-by", "magic").stderr
