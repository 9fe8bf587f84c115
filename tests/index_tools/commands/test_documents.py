"""`seismic get`, `scroll`, `patch` and `delete --filter`."""

from pathlib import Path

import orjson
import pytest

import seismic
from tests.index_tools.conftest import Run, write_lines


def test_documents_by_id(run: Run, planets_index: Path) -> None:
    result = run("get", planets_index, "c", "a", "--column", "year", "--vectors")
    shown = [orjson.loads(line) for line in result.stdout.splitlines()]
    assert [(one["id"], one["payload"]) for one in shown] == [("c", {"year": None}), ("a", {"year": 1999})]
    assert sorted(shown[1]["vector"]["values"]) == [1.0, 2.0]
    result = run("get", planets_index, "a", "none", "b")
    assert result.exit_code == 2
    assert "found no document 'none'" in result.output
    assert [orjson.loads(line)["id"] for line in result.stdout.splitlines()[:2]] == ["a", "b"]


def test_lists(run: Run, planets_index: Path) -> None:
    assert run("scroll", planets_index, "--ids").stdout == "a\nb\nc\n"
    assert run("scroll", planets_index, "--ids", "--desc").stdout == "c\nb\na\n"
    assert run("scroll", planets_index, "--ids", "--order-by", "year", "--desc").stdout == "b\na\nc\n"
    wanted = '{"must": [{"key": "year", "range": {"gte": 2000}}]}'
    lines = run("scroll", planets_index, "--filter", wanted, "--jsonl", "--column", "year").stdout.splitlines()
    assert [orjson.loads(line) for line in lines] == [{"id": "b", "payload": {"year": 2001}}]
    table = run("scroll", planets_index).stdout.splitlines()
    assert table[0].split() == ["id", "text"]
    assert table[1].rstrip().split(maxsplit=1) == ["a", "Mars is a planet."]
    result = run("scroll", planets_index, "--ids", "--limit", "2", "--order-by", "year")
    assert result.stdout == "a\nb\n"
    cursor = result.stderr.rpartition(" ")[2].strip()
    assert run("scroll", planets_index, "--ids", "--cursor", cursor).stdout == "c\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--limit", "0"), "--limit is 0, expected at least 1"),
        (("--jsonl", "--ids"), "found --jsonl and --ids, expected only one of them"),
        (("--vectors",), "--vectors needs --jsonl"),
        (("--filter", "["), "--filter: not valid JSON"),
        (("--order-by", "none"), "order_by.key: unknown column 'none'; this collection has id"),
        (("--cursor", "none"), "cursor: found 'none', expected the cursor of a page"),
        (("--column", "none"), "unknown payload column 'none'"),
    ],
)
def test_wrong_options(run: Run, planets_index: Path, options: tuple[str, ...], message: str) -> None:
    result = run("scroll", planets_index, *options)
    assert result.exit_code == 2
    assert message in result.output


def payloads(collection: Path) -> dict[str, dict]:
    with seismic.open(collection) as index:
        return {one.id: one.payload for one in index.scroll().documents}


NEWER = '{"must": [{"key": "year", "range": {"gte": 2000}}]}'


def test_patches(run: Run, planets_index: Path, tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "changed.jsonl", {"id": "a", "year": 7}, {"id": "c", "text": None}, {"id": "no"})
    assert run("patch", planets_index, lines).stdout == "documents 2: change 1 of generation 000001\n"
    assert payloads(planets_index)["a"]["year"] == 7
    assert payloads(planets_index)["c"]["text"] is None
    result = run("patch", planets_index, "--id", "a", "--id", "b", "--set", '{"text": "T"}', "--unset", "year")
    assert result.stdout == "documents 2: change 2 of generation 000001\n"
    assert payloads(planets_index)["b"] == {"year": None, "text": "T"}
    refused = run("patch", planets_index, "--id", "a", "--set", '{"year": 1}', "--if-sequence", "1")
    assert refused.exit_code == 2
    assert "document 'a': change 2 is later than 1 (if_sequence)" in refused.output
    assert run("patch", planets_index, "--id", "a", "--set", '{"year": 2001}', "--replace").exit_code == 0
    assert payloads(planets_index)["a"] == {"year": 2001, "text": None}
    assert run("patch", planets_index, "--filter", NEWER, "--set", '{"year": 9}').stdout.startswith("documents 1: ")
    assert payloads(planets_index)["a"]["year"] == 9


def test_deletes_by_filter(run: Run, planets_index: Path) -> None:
    assert run("delete", planets_index, "--filter", NEWER).stdout == "documents 1: change 1 of generation 000001\n"
    assert sorted(payloads(planets_index)) == ["a", "c"]
    assert "found --filter and ids" in run("delete", planets_index, "--filter", NEWER, "--id", "a").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "found none, expected one of FILE, --id or --ids, and --filter"),
        (("--id", "a", "--filter", "{}"), "found ids and --filter, expected one of"),
        (("--id", "a"), "found neither values nor unset"),
        (("--id", "a", "--set", "["), "--set: not valid JSON"),
        (("--id", "a", "--unset", "none"), "unset: found column 'none'"),
        (("--id", "a", "--set", '{"year": "x"}'), "field 'year': found string, expected int64"),
    ],
)
def test_wrong_patches(run: Run, planets_index: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run("patch", planets_index, *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert not list((planets_index / "log").glob("*.log"))


def test_wrong_lines_of_patches(run: Run, planets_index: Path, tmp_path: Path) -> None:
    for line, message in ((b"{", "line 1: not valid JSON"), ([1], "line 1: expected an object with `id`")):
        result = run("patch", planets_index, write_lines(tmp_path / "bad.jsonl", line))
        assert result.exit_code == 2
        assert message in result.output
