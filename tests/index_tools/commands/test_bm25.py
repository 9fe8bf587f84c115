"""BM25 on the command line."""

from pathlib import Path

import orjson
import pyarrow as pa
import pytest

import seismic
from seismic import Bm25, SearchRequest, fit_bm25
from tests.index_tools.conftest import Run, write_lines

NEWS = [
    {"id": "a", "title": "Mars", "text": "Mars is a planet.", "year": 1999},
    {"id": "b", "title": "Venus", "text": "Planets are hot.", "year": 2001},
    {"id": "c", "title": "Stars", "text": "The sun is a star.", "year": 2003},
]
JOINED = [f"{one['title']} {one['text']}" for one in NEWS]


@pytest.fixture
def news(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "news.jsonl", *NEWS)


@pytest.fixture
def index(run: Run, news: Path) -> Path:
    out = news.with_name("index")
    options = ["--encoder", "bm25", "--text-fields", "title,text", "--stemmer", "english", "--k1", 0.9]
    result = run("build", news, out, *options, "--workers", 2)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("encoded 3 texts (title, text)")
    return out


def test_a_build_is_that_of_python(run: Run, index: Path) -> None:
    fitted = fit_bm25(JOINED, Bm25(stemmer="english", k1=0.9))
    documents = pa.table({"id": ["a", "b", "c"]})
    seismic.build(fitted.vectors, index.with_name("python"), documents=documents, encoder=fitted.encoder)
    with seismic.open(index) as one, seismic.open(index.with_name("python")) as other:
        assert one.search("a hot planet") == other.search("a hot planet")
        entry = one.manifest.encoder
        assert entry is not None
        assert entry.bm25 == Bm25(k1=0.9, stemmer="english", average_length=5.0)
        assert entry.fields == ("title", "text")
    shown = run("inspect", index, "--json")
    assert orjson.loads(shown.stdout)["encoder"]["bm25"]["k1"] == 0.9
    assert "'stemmer': 'english'" in run("inspect", index, "--all").stdout


def test_upserts_add_words(run: Run, index: Path) -> None:
    new = write_lines(index.with_name("new.jsonl"), {"id": "d", "title": "Pluto", "text": "no planet, frozen"})
    result = run("upsert", index, new)
    assert result.exit_code == 0, result.output
    assert "not in the vocabulary" not in result.stdout
    with seismic.open(index) as opened:
        assert {hit.id for hit in opened.search("planets")} == {"a", "b", "d"}
        assert {hit.id for hit in opened.search("is it frozen")} == {"a", "c", "d"}
        assert opened.vocabulary is not None
        assert opened.vocabulary.tokens.to_pylist()[-3:] == ["pluto", "no", "frozen"]
    tokens = write_lines(index.with_name("t.jsonl"), {"id": "e", "tokens": {"io": 1.0, "planet": 0.5}})
    assert run("upsert", index, tokens).exit_code == 0
    with seismic.open(index) as opened:
        assert [hit.id for hit in opened.search("Io")] == ["e"]


def test_upserts_into_a_strict_collection_name_unknown_words(run: Run, index: Path, news: Path) -> None:
    options = ["--encoder", "bm25", "--text-fields", "title,text", "--stemmer", "english", "--strict", "--replace"]
    assert run("build", news, index, *options).exit_code == 0
    new = write_lines(index.with_name("new.jsonl"), {"id": "d", "title": "Pluto", "text": "no planet, frozen"})
    result = run("upsert", index, new)
    assert result.exit_code == 0, result.output
    assert "3 words are not in the vocabulary and match nothing: pluto, no, frozen" in result.stdout
    with seismic.open(index) as opened:
        assert {hit.id for hit in opened.search("planets")} == {"a", "b", "d"}


def test_texts_are_preferred_to_vectors_of_another_encoder(run: Run, index: Path) -> None:
    foreign = {"indices": [1, 2], "values": [9.0, 9.0]}
    queries = write_lines(index.with_name("q.jsonl"), {"id": "1", "text": "hot planets", **foreign})
    qrels = index.with_name("qrels.tsv")
    qrels.write_text("1\t0\tb\t1\n")
    result = run("evaluate", index, "--queries", queries, "--qrels", qrels, "-k", 3, "--threads", 1)
    assert "encoded 1 texts" in result.stderr
    assert "1.0000" in result.stdout
    tokens = write_lines(index.with_name("t.jsonl"), {"id": "1", "tokens": {"hot": 1.0}})
    assert "1.0000" in run("evaluate", index, "--queries", tokens, "--qrels", qrels, "-k", 3, "--threads", 1).stdout
    document = {"id": "b", "title": "x", "contents": "Mars Mars", **foreign}
    result = run("upsert", index, write_lines(index.with_name("new.jsonl"), document))
    assert result.exit_code == 0, result.output
    with seismic.open(index) as opened:
        assert [hit.id for hit in opened.search("mars")] == ["b", "a"]


def test_vectors_of_the_input_are_not_used(run: Run, tmp_path: Path) -> None:
    given = [{"id": "x", "text": "Mars", "indices": [7], "values": [1.0]}, {"id": "y", "text": "Venus", "tokens": {}}]
    for number, document in enumerate(given):
        out = tmp_path / str(number)
        result = run("build", write_lines(tmp_path / f"{number}.jsonl", document), out, "--encoder", "bm25")
        assert result.exit_code == 0, result.output
        with seismic.open(out) as index:
            assert index.dimension == 1
            assert index.search(document["text"])[0].id == document["id"]


def test_part_of_the_documents(run: Run, news: Path) -> None:
    options = ["--encoder", "bm25", "--keep", 0.67, "--quality-column", "year", "--shards", 2]
    assert run("build", news, news.with_name("out"), *options).exit_code == 0
    texts = [str(one["text"]) for one in NEWS[1:]]
    with seismic.open(news.with_name("out")) as index:
        assert len(index) == 2
        assert index.manifest.encoder is not None
        assert index.manifest.encoder.bm25 == fit_bm25(texts).encoder.entry.bm25
        assert {hit.id for hit in index.search("is hot")} == {"b", "c"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--k1", 2.0], "--k1, --b, --stemmer, --stop-words, --average-length need --encoder bm25"),
        (["--encoder", "splade-tiny", "--stemmer", "english"], "need --encoder bm25"),
        (["--encoder", "bm25", "--k1", -1], "parameter 'k1'"),
        (["--encoder", "bm25", "--stemmer", "klingon"], "stemmer is 'klingon', expected one of"),
        (["--encoder", "bm25", "--query-encoder", "own"], "queries is 'own', expected 'idf'"),
        (["--encoder", "bm25", "--text-fields", "titel"], "field 'titel': column is missing"),
        (["--encoder", "bm25", "--dimension", 9], "--dimension: remove it"),
    ],
)
def test_builds_that_cannot_be(options: list[object], message: str, run: Run, news: Path) -> None:
    result = run("build", news, news.with_name("out"), *options)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert not news.with_name("out").exists()


def test_files_of_vectors_alone(run: Run, tmp_path: Path) -> None:
    result = run(
        "build",
        write_lines(tmp_path / "v.jsonl", {"id": "x", "tokens": {"a": 1.0}}),
        tmp_path / "out",
        "--encoder",
        "bm25",
    )
    assert result.exit_code == 2
    assert "field 'text'" in result.stderr


def test_encode_needs_a_collection(run: Run, news: Path) -> None:
    result = run("encode", news, news.with_name("out.parquet"), "--encoder", "bm25")
    assert result.exit_code == 2
    assert "--encoder bm25: its vectors depend on all documents of a collection" in result.stderr


def test_frequencies_within_a_filter(run: Run, index: Path) -> None:
    wanted = {"must": [{"key": "year", "range": {"lt": 2002}}]}
    result = run("search", index, "mars planet", "--json", "--idf-filter", orjson.dumps(wanted).decode())
    assert result.exit_code == 0, result.output
    with seismic.open(index) as opened:
        expected = opened.ask(SearchRequest(query="mars planet", idf_filter=wanted)).hits
    assert [orjson.loads(line)["score"] for line in result.stdout.splitlines()] == [hit.score for hit in expected]
    assert "--idf-filter: not valid JSON" in run("search", index, "mars", "--idf-filter", "{").stderr


def test_a_collection_may_start_empty(run: Run, news: Path) -> None:
    out = news.with_name("out")
    options = ["--encoder", "bm25", "--stemmer", "english", "--average-length", 5.0]
    assert run("create", out, *options, "--text-fields", "title,text").exit_code == 0
    assert run("upsert", out, news).exit_code == 0
    fitted = fit_bm25(JOINED, Bm25(stemmer="english", average_length=5.0))
    documents = pa.table({"id": ["a", "b", "c"]})
    seismic.build(fitted.vectors, news.with_name("built"), documents=documents, encoder=fitted.encoder)
    with seismic.open(out) as one, seismic.open(news.with_name("built")) as other:
        assert one.search("hot planets") == other.search("hot planets")
    for wrong in (["--k1", 2.0], ["--encoder", "splade-tiny", "--b", 0.5]):
        assert "need --encoder bm25" in run("create", news.with_name("wrong"), *wrong).stderr
