"""`seismic upsert`, `delete` and `compact`."""

from pathlib import Path

import orjson
import pytest

import seismic
from tests.index_tools.conftest import Run, write_lines

TOKENS = '{"planet": 1.0, "sun": 1.0}'


def found(run: Run, collection: Path) -> list[str]:
    return [
        orjson.loads(line)["id"] for line in run("search", collection, "--tokens", TOKENS, "--json").stdout.splitlines()
    ]


def test_documents_come_and_go(run: Run, planets_index: Path) -> None:
    changed = write_lines(
        planets_index.with_name("changed.jsonl"),
        {"id": "d", "contents": "Earth", "year": 2020, "vector": {"planet": 9.0}},
        {"id": "c", "contents": "Our sun", "vector": {"sun": 2.0}},
    )
    assert found(run, planets_index) == ["c", "b", "a"]
    assert "documents 2: change 1 of generation 000001" in run("upsert", planets_index, changed).stdout
    assert found(run, planets_index) == ["d", "c", "b", "a"]
    gone = planets_index.with_name("gone.txt")
    gone.write_text("b\nnever\n")
    result = run("delete", planets_index, "--id", "a", "--ids", gone)
    assert "documents 2: change 2 of generation 000001" in result.stdout
    assert found(run, planets_index) == ["d", "c"]
    facts = orjson.loads(run("inspect", planets_index, "--json").stdout)["index"]
    assert (facts["documents"], facts["documents_of_the_generation"], facts["last_change"]) == (2, 3, 2)
    assert "generation 000002 in" in run("compact", planets_index).stdout
    assert "nothing to do" in run("compact", planets_index).stdout
    assert found(run, planets_index) == ["d", "c"]
    with seismic.open(planets_index) as index:
        assert index.payloads(index.find(["c"]).tolist()) == [{"year": None, "text": "Our sun"}]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"id": "d", "vector": {"moon": 1.0}}, "moon"),
        ({"id": "d", "vector": {"sun": -1.0}}, "line 2"),
        ({"id": "d", "colour": "red", "vector": {"sun": 1.0}}, "colour"),
        ({"id": "d", "year": "soon", "vector": {"sun": 1.0}}, "field 'year': found string, expected int64"),
        ({"id": 7, "vector": {"sun": 1.0}}, "7"),
    ],
)
def test_wrong_documents_change_nothing(run: Run, planets: Path, line: dict, message: str) -> None:
    good, strict = {"id": "e", "vector": {"sun": 1.0}}, planets.with_name("strict")
    assert run("build", planets, strict, "--strict").exit_code == 0
    result = run("upsert", strict, write_lines(planets.with_name("bad.jsonl"), good, line))
    assert result.exit_code == 2
    assert message in result.output
    assert not (strict / "log").exists()


def test_wrong_ids(run: Run, planets_index: Path, tmp_path: Path) -> None:
    for arguments, message in (
        ([], "found no ids; expected --id, --ids or --filter"),
        (["--ids", tmp_path / "missing"], "expected one id per line"),
    ):
        result = run("delete", planets_index, *arguments)
        assert result.exit_code == 2
        assert message in result.output
    lines = write_lines(tmp_path / "numbers.jsonl", {"id": 7, "vector": {"x": 1.0}}, {"id": 8, "vector": {"x": 2.0}})
    assert run("build", lines, tmp_path / "numbers").exit_code == 0
    assert "expected int64" in run("delete", tmp_path / "numbers", "--id", "seven").output
    assert "documents 1" in run("delete", tmp_path / "numbers", "--id", "7").output
