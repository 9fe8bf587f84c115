"""Inputs of commands as people have them: standard input, byte order marks, plain texts, deep values."""

import subprocess
from pathlib import Path

import orjson
import pytest

import seismic
from tests.index_tools.conftest import COMMAND, PLANETS, Run, shell, write_lines


def piped(content: str | bytes, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    data = content.encode() if isinstance(content, str) else content
    return subprocess.run([*COMMAND, *map(str, arguments)], input=data, capture_output=True, timeout=600)


def test_standard_input(planets: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    built = piped(planets.read_bytes(), "build", "-", out)
    assert built.returncode == 0, built.stderr
    assert b"documents 3" in built.stdout
    added = piped('{"id": "d", "vector": {"mars": 1.0}}', "upsert", out, "-")
    assert added.returncode == 0, added.stderr
    gone = piped("\ufeffa\r\nb\n", "delete", out, "--ids", "-")
    assert gone.stdout == b"documents 2: change 2 of generation 000001\n"
    queries = piped('{"id": 1, "vector": {"mars": 1.0}}', "evaluate", out, "--queries", "-", "-k", "1")
    assert queries.returncode == 0, queries.stderr
    converted = piped("1,2\n", "convert", "-", tmp_path / "x.parquet")
    assert converted.returncode == 2
    assert b"error: /dev/stdin, line 1: not valid JSON" in converted.stderr


def test_ids_are_lines_and_nothing_else_splits_them(run: Run, tmp_path: Path) -> None:
    names = ["a", "b", "a\u2028b", "\x85", "c"]
    path = write_lines(tmp_path / "x.jsonl", *({"id": name, "vector": {"t": 1.0}} for name in names))
    assert run("build", path, tmp_path / "out").exit_code == 0
    (tmp_path / "gone").write_text("\ufeffa\u2028b\r\n\x85\n", newline="")
    result = run("delete", tmp_path / "out", "--ids", tmp_path / "gone")
    assert result.stdout == "documents 2: change 1 of generation 000001\n"
    with seismic.open(tmp_path / "out") as index:
        assert sorted(hit.id for hit in index.search({"tokens": {"t": 1.0}}, 10)) == ["a", "b", "c"]


def test_plain_texts_are_queries(run: Run, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "x.jsonl", *({"id": one["id"], "text": one["contents"]} for one in PLANETS))
    assert run("build", path, tmp_path / "out", "--encoder", "splade-tiny").exit_code == 0
    plain = run("search", tmp_path / "out", "the red planet Mars", "-k", 1)
    assert plain.exit_code == 0, plain.output
    assert plain.stdout == run("search", tmp_path / "out", "--text", "the red planet Mars", "-k", 1).stdout
    assert plain.stdout.splitlines()[1].split()[2] == "a"
    both = run("search", tmp_path / "out", "x", "--text", "y")
    assert both.exit_code == 2
    assert "found TEXT and --text, expected one of TEXT, --text, --tokens, --vector, --like" in both.stderr


def test_control_characters_of_documents_do_not_reach_the_terminal(run: Run, tmp_path: Path) -> None:
    """Escape sequences, and characters that reverse the direction of text: escaped in JSON, replaced elsewhere."""
    nasty = "\x1b[31m\x9b2J\u202egnp.exe\u2066\x7f\u2028"
    path = write_lines(tmp_path / "x.jsonl", {"id": nasty, "title": nasty, "vector": {nasty: 1.0}})
    assert run("build", path, tmp_path / "out").exit_code == 0
    query = orjson.dumps({nasty: 1.0}).decode()
    shown = [
        run("search", tmp_path / "out", "--tokens", query, "--json").stdout,
        run("search", tmp_path / "out", "--tokens", query, "--explain").stdout,
        run("search", tmp_path / "out", "--tokens", orjson.dumps({"y" + nasty: 1.0}).decode()).stderr,
        run("search", tmp_path / "out", "--tokens", query, "--facet", "title").stdout,
    ]
    assert all(all(text) for text in shown)
    for text in shown:
        assert not set(nasty) & set(text) - set("[31m2Jgnp.exe")
    hit = orjson.loads(shown[0])
    assert (hit["id"], hit["payload"]["title"]) == (nasty, nasty)
    wrong = write_lines(
        tmp_path / "y.jsonl", f'{{"id": 1, "vector": {{}}, "x": 1, "{nasty[6:]}": 2, "id": 3}}'.encode()
    )
    said = run("build", wrong, tmp_path / "other").stderr
    assert "\u202e" not in said


@pytest.mark.parametrize("verb", ["build", "upsert", "convert"])
def test_deep_metadata_is_refused_in_words(run: Run, planets_index: Path, tmp_path: Path, verb: str) -> None:
    deep = '{"a":' * 200 + "1" + "}" * 200
    path = write_lines(tmp_path / "deep.jsonl", f'{{"id": "x", "vector": {{}}, "m": {deep}}}'.encode())
    arguments = {
        "build": (path, tmp_path / "out"),
        "upsert": (planets_index, path),
        "convert": (path, tmp_path / "x.csr"),
    }
    result = run(verb, *arguments[verb])
    assert result.exit_code == 2
    assert "deep.jsonl, line 1: nested more than 48 deep, expected flatter metadata" in result.stderr


def test_vectors_without_ids_are_named_by_a_file(run: Run, tmp_path: Path) -> None:
    vectors = write_lines(tmp_path / "x.jsonl", *({"id": n, "indices": [n], "values": [1.0]} for n in range(3)))
    assert run("convert", vectors, tmp_path / "x.csr").exit_code == 0
    (tmp_path / "ids").write_text("n1\nn2\nn3\n")
    built = run("build", tmp_path / "x.csr", tmp_path / "out", "--ids", tmp_path / "ids")
    assert built.exit_code == 0, built.output
    with seismic.open(tmp_path / "out") as index:
        assert index.document_ids([0, 1, 2]) == ["n1", "n2", "n3"]
    (tmp_path / "ids").write_text("n4\nn2\nn5\n")
    assert "documents 3" in run("upsert", tmp_path / "out", tmp_path / "x.csr", "--ids", tmp_path / "ids").stdout
    with seismic.open(tmp_path / "out") as index:
        assert len(index) == 5


def test_errors_of_the_system_end_in_one_line(planets: Path, tmp_path: Path) -> None:
    """Missing permissions would not stop root, so folders stand where files are expected, and the reverse."""
    (tmp_path / "file").touch()
    for arguments in [
        ("convert", planets, tmp_path / "file" / "x.parquet"),
        ("build", planets, tmp_path / "file" / "out"),
        ("encode", planets, tmp_path / "file" / "x.parquet"),
        ("search", tmp_path / "file", "--tokens", "{}"),
        ("delete", tmp_path / "file", "--id", "x"),
        ("verify", tmp_path / "file"),
        ("gc", tmp_path / "file"),
        ("snapshot", "restore", tmp_path, tmp_path / "out"),
        ("evaluate", tmp_path / "file", "--queries", planets),
        ("scale", tmp_path / "file" / "out", "--from", planets, "--queries", planets),
    ]:
        result = shell(*arguments)
        assert result.returncode == 2, arguments
        assert result.stderr.splitlines()[-1].startswith("error: "), result.stderr
        assert "Traceback" not in result.stderr
