"""Several fields on the command line: build, search, export, upsert, inspect, evaluate."""

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

import seismic
from seismic_tools.cli import app

DOCUMENTS: list[dict[str, Any]] = [
    {
        "id": "mars",
        "title": "Mars",
        "text": "the red planet",
        "fields": {"raw": {"indices": [7, 4_000_000_000], "values": [2, 1.5]}},
    },
    {"id": "earth", "title": "Earth", "text": "the blue planet", "raw.indices": [8], "raw.values": [1]},
    {"id": "halley", "title": None, "text": "a comet", "fields": {"tags": {"tokens": {"ice": 2, "tail": 0.5}}}},
]
FIELDS = ("--field", "bm25=bm25:title,text", "--field", "raw", "--field", "tags=tokens", "--weight", "raw=0.5")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def lines(path: Path, documents: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(one) + "\n" for one in documents))
    return str(path)


@pytest.fixture(scope="module")
def planets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planets")
    result = run("build", lines(folder / "in.jsonl", DOCUMENTS), str(folder / "planets"), *FIELDS)
    assert result.exit_code == 0, result.output
    return folder / "planets"


def stored(path: Path) -> dict[str, Any]:
    with seismic.open(path) as index:
        ids = [document.id for document in index.scroll().documents]
        found = [document for document in index.fetch(ids, with_vectors=True) if document]
        return {one.id: ((one.vector or {})["fields"], one.payload) for one in found}


def test_build(planets: Path) -> None:
    assert seismic.verify(planets).damages == []
    with seismic.open(planets) as index:
        bm25, raw, tags = index.fields
        assert (bm25.columns, raw.weight, tags.numbered) == (("title", "text"), 0.5, False)
        assert bm25.encoder is not None
        assert bm25.encoder.bm25 is not None
        assert bm25.encoder.bm25.average_length == pytest.approx((4 + 4 + 2) / 3)
        assert index.columns == ["title", "text"]
        fitted = seismic.fit_bm25(["Mars the red planet", "Earth the blue planet", "a comet"])
        seismic.build(
            fitted.vectors,
            planets.with_name("alone"),
            encoder=fitted.encoder,
            replace=planets.with_name("alone").exists(),
        )
        with seismic.open(planets.with_name("alone")) as alone:
            expected = [hit.score for hit in alone.search("red planet")]
        found = [hit.score for hit in index.search({"fields": {"bm25": "red planet"}})]
        assert found == pytest.approx(expected, rel=1e-4)
    assert stored(planets)["mars"][0]["raw"] == {"indices": [7, 4_000_000_000], "values": [2.0, 1.5]}


@pytest.mark.parametrize("several", [False, True])
def test_idf(tmp_path: Path, several: bool) -> None:
    documents = [{"id": name, "tags": tags} for name, tags in (("a", {"x": 1, "y": 1}), ("b", {"y": 1}), ("c", {}))]
    given = [{"id": one["id"], "fields": {"tags": {"tokens": one["tags"]}}} for one in documents]
    if not several:
        given = [{"id": one["id"], "tokens": one["tags"]} for one in documents]
    options = ("--field", "tags=tokens", "--idf", "tags", *(("--field", "raw") if several else ()))
    assert run("create", str(tmp_path / "made"), *options).exit_code == 0
    for name, verb in (("made", "upsert"), ("built", "build")):
        path, source = str(tmp_path / name), lines(tmp_path / "in.jsonl", given)
        result = run("upsert", path, source) if verb == "upsert" else run("build", source, path, *options)
        assert result.exit_code == 0, result.output
        with seismic.open(path) as index:
            assert [field.idf for field in index.fields] == [True, False][: len(index.fields)]
            scores = {hit.id: hit.score for hit in index.search({"fields": {"tags": {"tokens": {"x": 1.0, "y": 1.0}}}})}
        of_x, of_y = (math.log(1 + (2 - n + 0.5) / (n + 0.5)) for n in (1, 2))
        assert scores == pytest.approx({"a": of_x + of_y, "b": of_y}, abs=1e-3)


def test_search(planets: Path) -> None:
    result = run("search", str(planets), "red planet", "--field", "bm25", "--weight", "bm25=2", "--explain")
    assert result.exit_code == 0, result.output
    assert "field bm25" in result.output
    assert "bm25: red" in result.output
    result = run("search", str(planets), "--tokens", '{"ice": 1}', "--field", "tags", "--json")
    assert json.loads(result.stdout.splitlines()[0])["id"] == "halley"
    assert run("search", str(planets), "planet", "--fusion", "rrf").exit_code == 0
    for options, words in (
        (("--field", "absent"), "found field 'absent', expected bm25, raw, tags"),
        (("--weight", "bm25=-1"), "--weight bm25: found -1.0"),
        (("--weight", "bm25=nan"), "--weight bm25: found nan"),
        (("--weight", "bm25"), "expected NAME=NUMBER"),
        (("--weight", "raw=1"), "found field 'raw', which the query does not search"),
        (("--fusion", "max"), "fusion: found 'max'"),
    ):
        refused = run("search", str(planets), "planet", *options)
        assert refused.exit_code != 0
        assert words in refused.output


@pytest.mark.parametrize("verb", ["export", "convert"])
@pytest.mark.parametrize("ending", ["parquet", "jsonl.gz"])
def test_exports_are_read_again(planets: Path, tmp_path: Path, ending: str, verb: str) -> None:
    file = tmp_path / f"out.{ending}"
    result = run(verb, str(planets), str(file))
    assert result.exit_code == 0, result.output
    assert "documents 3, size" in result.output
    result = run("build", str(file), str(tmp_path / "again"), *FIELDS)
    assert result.exit_code == 0, result.output
    assert stored(tmp_path / "again") == stored(planets)
    with seismic.open(planets) as index, seismic.open(tmp_path / "again") as again:
        query = {"fields": {"bm25": "the red planet", "raw": {"indices": [8], "values": [1.0]}}}
        expected = [(hit.id, hit.score) for hit in index.search(query)]
        assert [(hit.id, hit.score) for hit in again.search(query)] == expected


def test_a_collection_is_read_as_input(planets: Path, tmp_path: Path) -> None:
    result = run("build", str(planets), str(tmp_path / "again"), *FIELDS)
    assert result.exit_code == 0, result.output
    assert stored(tmp_path / "again") == stored(planets)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            ("convert", "PLANETS", "out.ciff"),
            "found several fields, which out.ciff cannot hold; expected a name that ends",
        ),
        (("convert", "PLANETS", "out.parquet", "--to", "jsonl"), "which out.parquet cannot hold"),
        (("convert", "PLANETS", "PLANETS", "out.parquet"), "next to other inputs, expected it alone"),
        (("convert", "PLANETS", "out.parquet", "--repair"), "found several fields and --repair"),
        (
            ("build", "PLANETS", "new"),
            "found the fields bm25, raw, tags, expected a single vector; build with a --field",
        ),
    ],
)
def test_where_several_fields_do_not_fit(planets: Path, tmp_path: Path, command: tuple[str, ...], words: str) -> None:
    places = {"PLANETS": planets, **{name: tmp_path / name for name in ("out.ciff", "out.parquet", "new")}}
    result = run(*(str(places.get(one, one)) for one in command))
    assert result.exit_code != 0
    assert words in " ".join(result.output.split())


def test_upsert(planets: Path, tmp_path: Path) -> None:
    assert run("create", str(tmp_path / "new"), *FIELDS, "--column", "title=string").exit_code == 0
    more = [
        *DOCUMENTS,
        {"id": "pluto", "title": "Pluto", "text": "a dwarf", "fields": {"raw": {"indices": [7], "values": [1]}}},
    ]
    result = run("upsert", str(tmp_path / "new"), lines(tmp_path / "more.jsonl", more))
    assert result.exit_code == 0, result.output
    found = stored(tmp_path / "new")
    assert found["pluto"][0]["raw"] == {"indices": [7], "values": [1.0]}
    assert found["mars"][0]["raw"] == stored(planets)["mars"][0]["raw"]
    with seismic.open(tmp_path / "new") as index:
        assert [hit.id for hit in index.search("dwarf")] == ["pluto"]


def test_inspect(planets: Path) -> None:
    report = json.loads(run("inspect", str(planets), "--json").stdout)
    assert report["fields"]["raw"] == {
        "encoder": None,
        "columns": [],
        "weight": 0.5,
        "idf": False,
        "documents": 2,
        "components": 3,
    }
    assert "field bm25" in run("inspect", str(planets)).output


def test_evaluate(planets: Path, tmp_path: Path) -> None:
    queries = lines(tmp_path / "queries.jsonl", [{"id": "q1", "text": "red planet"}])
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tmars\t1\n")
    options = ("--queries", queries, "--qrels", str(tmp_path / "qrels.tsv"), "-k", "2", "--threads", "1")
    result = run("evaluate", str(planets), *options, "--field", "bm25", "--weight", "bm25=2")
    assert result.exit_code == 0, result.output
    assert "1.0000" in result.output or "1.000" in result.output
    refused = run("evaluate", str(planets), *options, "--query-encoder", "idf")
    assert "fields have encoders of their own" in refused.output
    assert run("tune", str(planets), "--queries", queries, "--sample", "1").exit_code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--field", "a", "--field", "a"), "--field: found 'a' twice"),
        (("--field", "a="), "expected NAME, NAME=ENCODER"),
        (("--field", "a=bm25:"), "expected NAME, NAME=ENCODER"),
        (("--field", "values"), "which is a column of vectors"),
        (("--field", "a", "--weight", "b=1"), "--weight: found field 'b', expected a"),
        (("--field", "a", "--idf", "b"), "--idf: found field 'b', expected a"),
        (("--idf", "b"), "--idf: found field 'b', expected those of --field"),
        (("--field", "a", "--idf", "a", "--idf", "a"), "--idf: found 'a' twice"),
        (("--field", "a=bm25:title", "--idf", "a"), "--idf: found field 'a' with bm25, which weighs queries by idf"),
        (("--field", "a", "--field", "b", "--encoder", "bm25"), "--encoder needs no --field"),
        (("--field", "a", "--field", "b", "--dimension", "3"), "--dimension needs no --field"),
        (("--field", "raw", "--field", "tags"), "declare the field as tags=tokens"),
    ],
)
def test_options_that_are_refused(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    result = run("build", lines(tmp_path / "in.jsonl", DOCUMENTS), str(tmp_path / "new"), *options)
    assert result.exit_code != 0
    assert words in " ".join(result.output.split())


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_a_vector_without_a_name(tmp_path: Path, ending: str) -> None:
    """It is that of the first field other than BM25."""
    documents = [{"id": "a", "indices": [1], "values": [1.0], "text": "x"}]
    file = tmp_path / f"in.{ending}"
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(documents), file)
    else:
        lines(file, documents)
    result = run("build", str(file), str(tmp_path / "new"), *FIELDS)
    assert result.exit_code == 0, result.output
    assert stored(tmp_path / "new")["a"][0]["raw"] == {"indices": [1], "values": [1.0]}
    bm25 = ("--field", "one=bm25", "--field", "two=bm25")
    assert run("build", str(file), str(tmp_path / "words"), *bm25).exit_code == 0  # BM25 leaves it unused
    assert set(stored(tmp_path / "words")["a"][0]) == {"one", "two"}
    lines(tmp_path / "both.jsonl", [documents[0] | {"raw.indices": [2], "raw.values": [1.0]}])
    refused = run("build", str(tmp_path / "both.jsonl"), str(tmp_path / "both"), *FIELDS)
    assert "found next to a vector without a name" in " ".join(refused.output.split())
