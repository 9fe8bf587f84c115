"""`seismic get` and `scroll`."""

from pathlib import Path

import orjson
import pytest

from tests.index_tools.conftest import Run


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
