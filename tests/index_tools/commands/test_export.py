"""`seismic export`, and an index as input."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import seismic
from seismic import SparseVectors, Vocabulary
from tests.index_tools.conftest import PLANETS, Run, write_lines
from tests.naive import rows


@pytest.fixture
def planets(run: Run, tmp_path: Path) -> Path:
    write_lines(tmp_path / "planets.jsonl", *PLANETS)
    assert run("build", tmp_path / "planets.jsonl", tmp_path / "planets").exit_code == 0
    return tmp_path / "planets"


def answers(path: Path) -> list[tuple[str | int, float, dict]]:
    with seismic.open(path) as index:
        hits = index.search({"tokens": {"planet": 1.0, "sun": 1.0, "mars": 0.5}}, 10)
        return [(hit.id, hit.score, index.payloads([hit.number])[0]) for hit in hits]


def test_a_round_trip(run: Run, planets: Path, tmp_path: Path) -> None:
    for name in ("x.parquet", "x.jsonl.zst"):
        result = run("export", planets, tmp_path / name)
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith("documents 3, size ")
        words = tmp_path / f"{name}.vocabulary.txt"
        assert f"note: {words} lists the tokens of the components, for --vocabulary" in result.stderr
        again = tmp_path / f"{name}-again"
        assert run("build", tmp_path / name, again, "--vocabulary", words).exit_code == 0
        assert answers(again) == answers(planets)
    result = run("export", planets, tmp_path / "t.jsonl", "--tokens")
    assert (result.exit_code, "note" in result.stderr) == (0, False)
    assert run("build", tmp_path / "t.jsonl", tmp_path / "t").exit_code == 0
    assert answers(tmp_path / "t") == answers(planets)


def test_options(run: Run, planets: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("c\na\n")
    out, wanted = tmp_path / "x.jsonl.gz", '{"must": [{"key": "year", "range": {"gte": 1000}}]}'
    assert run("export", planets, out, "--ids", tmp_path / "ids.txt", "--columns", "year").exit_code == 0
    lines = [json.loads(line) for line in gzip.decompress(out.read_bytes()).splitlines()]
    assert [(line["id"], sorted(line)) for line in lines] == [
        ("a", ["id", "indices", "values", "year"]),
        ("c", ["id", "indices", "values", "year"]),
    ]
    assert run("export", planets, out, "--filter", wanted, "--no-vectors", "--replace").exit_code == 0
    lines = [json.loads(line) for line in gzip.decompress(out.read_bytes()).splitlines()]
    assert [sorted(line) for line in lines] == [["id", "text", "year"]] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x.csv"], "x.csv: cannot export to this format, expected a file name with .parquet"),
        (["planets.jsonl"], "planets.jsonl exists; choose another name, or replace it (--replace)"),
        (["x.jsonl", "--filter", "{"], "--filter: not valid JSON"),
        (["x.jsonl", "--filter", "[]"], "--filter: found a JSON list, expected an object"),
        (["x.jsonl", "--columns", "when"], "unknown payload column 'when'; this collection has "),
        (["x.jsonl", "--tokens", "--no-vectors"], "--tokens and --no-vectors: expected only one of them"),
        (["x.jsonl", "--ids", "ids.txt"], "ids: found no document with the id 'z'"),
    ],
)
def test_wrong_arguments(run: Run, planets: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "ids.txt").write_text("a\nz\n")
    paths = [tmp_path / one if one.endswith((".csv", ".jsonl", ".txt")) else one for one in arguments]
    result = run("export", planets, *paths)
    assert result.exit_code == 2
    assert message in result.stderr.replace(f"{tmp_path}/", "")
    assert not list(tmp_path.glob("x.*"))


def test_tokens_that_no_line_can_hold(run: Run, tmp_path: Path) -> None:
    vectors = SparseVectors.from_dicts([{0: 1.0, 1: 2.0}])
    seismic.build(vectors, tmp_path / "c", documents=pa.table({"id": [1]}), vocabulary=Vocabulary(["a\nb", "c"]))
    result = run("export", tmp_path / "c", tmp_path / "x.jsonl")
    assert "cannot be a line of a vocabulary file; add --tokens" in result.stderr
    assert run("export", tmp_path / "c", tmp_path / "x.jsonl", "--tokens").exit_code == 0
    assert json.loads((tmp_path / "x.jsonl").read_text()) == {"id": 1, "tokens": {"a\nb": 1.0, "c": 2.0}}


@pytest.mark.parametrize("vocabulary", [None, Vocabulary(["a", "b", "c", "d"])])
def test_an_index_is_an_input(run: Run, tmp_path: Path, vocabulary: Vocabulary | None) -> None:
    documents = pa.table({"id": ["x", "y", "z"], "year": [1, 2, 3]})
    vectors = SparseVectors.from_dicts([{2: 3.0}, {}, {0: 1.0, 2: 2.0}], 4)
    seismic.build(vectors, tmp_path / "c", documents=documents, vocabulary=vocabulary)
    seismic.upsert(tmp_path / "c", SparseVectors.from_dicts([{1: 5.0}]), pa.table({"id": ["x"], "year": [9]}))
    seismic.delete(tmp_path / "c", ["z"])
    assert run("convert", tmp_path / "c", tmp_path / "x.parquet").exit_code == 0
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.select(["id", "year"]).to_pylist() == [{"id": "y", "year": 2}, {"id": "x", "year": 9}]
    assert run("convert", tmp_path / "c", tmp_path / "x.ciff").exit_code == 0
    result = run("build", tmp_path / "c", tmp_path / "again", "--layout", "full")
    assert result.exit_code == 0, result.output
    with seismic.open(tmp_path / "again") as index:
        assert (index.dimension, index.manifest.layout) == (4, "full")
        assert rows(index.vectors([0, 1])) == [{}, {1: 5.0}]
        assert index.payloads([0, 1]) == [{"year": 2}, {"year": 9}]
        found = index.vocabulary
        assert (found and found.tokens.to_pylist()) == (vocabulary and vocabulary.tokens.to_pylist())


def test_parquet_notes_the_dimension(run: Run, tmp_path: Path) -> None:
    seismic.build(SparseVectors.from_dicts([{2: 3.0}], 900), tmp_path / "c")
    assert run("export", tmp_path / "c", tmp_path / "x.parquet").exit_code == 0
    assert run("build", tmp_path / "x.parquet", tmp_path / "again").exit_code == 0
    with seismic.open(tmp_path / "again") as index:
        assert index.dimension == 900
    for noted in (b"{", b"[]", b'{"dimension": -1}', b'{"dimension": 1e9}', b'{"dimension": 99999999999}'):
        table = pq.read_table(tmp_path / "x.parquet").replace_schema_metadata({"seismic": noted})
        pq.write_table(table, tmp_path / "odd.parquet")
        result = run("build", tmp_path / "odd.parquet", tmp_path / "odd")
        assert "odd.parquet: cannot be read as Parquet: metadata 'seismic': " in result.stderr


def test_an_interrupted_conversion_of_an_index_that_changed(run: Run, planets: Path, tmp_path: Path) -> None:
    """Parts of an earlier state are not continued with those of a later one."""
    from seismic_tools.commands.convert import _state

    before = _state(planets)
    seismic.delete(planets, ["a"])
    assert _state(planets) != before
