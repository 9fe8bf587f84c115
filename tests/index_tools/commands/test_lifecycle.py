from pathlib import Path

import orjson
import pytest

from tests.index_tools.conftest import Run


@pytest.fixture
def books(run: Run, tmp_path: Path) -> Path:
    options = ("--column", "title=string", "--column", "tags=list<string>", "--dimension", 4, "--ids", "int64")
    result = run("create", tmp_path / "books", *options)
    assert result.stdout == f"generation 000001 in {tmp_path / 'books' / 'generations' / '000001'}\n"
    return tmp_path / "books"


def test_create_and_upsert(run: Run, books: Path) -> None:
    documents = books.with_name("documents.jsonl")
    documents.write_text('{"id": 1, "indices": [0, 3], "values": [1, 2], "title": "A", "tags": ["x"]}\n')
    assert run("upsert", books, documents).stdout == "documents 1: change 1 of generation 000001\n"
    hit = orjson.loads(run("search", books, "--vector", '{"indices": [3], "values": [1]}', "--json").stdout)
    assert (hit["id"], hit["payload"]) == (1, {"title": "A", "tags": ["x"]})


def test_columns(run: Run, books: Path) -> None:
    assert run("columns", books).stdout == "id  int64\ntitle  string\ntags  list<item: string>\n"
    types = orjson.loads(run("columns", books, "--add", "year=int32", "--json").stdout)
    assert types == {"id": "int64", "title": "string", "tags": "list<item: string>", "year": "int32"}
    assert "column 'year' is int32, found string" in run("columns", books, "--add", "year=string").output
    assert "--add: found 'x' twice" in run("columns", books, "--add", "x=int8", "--add", "x=int8").output
    documents = books.with_name("more.jsonl")
    documents.write_text('{"id": 2, "indices": [9], "values": [1], "year": 2.5, "new": {"a": 1}}\n')
    assert run("upsert", books, documents).exit_code == 0
    assert orjson.loads(run("columns", books, "--json").stdout)["new"] == "struct<a: int64>"
    assert orjson.loads(run("inspect", books, "--json").stdout)["index"]["dimension"] == 10


def test_wrong_options(run: Run, books: Path) -> None:
    for options, message in (
        (("--column", "title"), "--column: found 'title', expected NAME=TYPE"),
        (("--column", "year=int"), "columns: column 'year': found type 'int'"),
        (("--text-fields", "title"), "--text-fields needs --encoder"),
        (("--strict",), "strict: found no dimension, vocabulary or encoder"),
    ):
        result = run("create", books.with_name("other"), *options)
        assert result.exit_code == 2
        assert message in result.output
    assert "exists" in run("create", books).output


def test_list_alias_rename_and_drop(run: Run, books: Path) -> None:
    folder = books.parent
    assert run("alias", folder / "library", "books").stdout == f"{folder / 'library'} is books\n"
    text = run("list", folder).stdout
    assert [line.split() for line in text.splitlines()][1:] == [["books", "0", "4", "000001", "library"]]
    assert run("rename", books, "new").stdout == f"renamed to {folder / 'new'}\n"
    [one] = orjson.loads(run("list", folder, "--json").stdout)
    assert (one["name"], one["aliases"], one["documents"], one["sequence"]) == ("new", ["library"], 0, 0)
    assert run("alias", folder / "library").exit_code == 2
    assert run("alias", folder / "library", "--remove").stdout == f"removed {folder / 'library'}\n"
    assert run("drop", folder / "new").exit_code == 1  # nobody answers
    assert run("drop", folder / "new", "--yes").stdout == f"removed {folder / 'new'}\n"
    assert list(folder.iterdir()) == []
