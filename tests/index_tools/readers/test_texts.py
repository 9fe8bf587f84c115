import gzip
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import seismic
from seismic import SparseVectors, load_encoder
from tests.index_tools.conftest import Run, write_lines

NEWS = [
    {"id": "a", "title": "Mars", "text": "Mars is a planet.", "year": 1999},
    {"id": "b", "title": "Venus", "text": None, "year": 2001},
    {"id": "c", "title": None, "text": "The sun is a star.", "year": 2003},
    {"id": "d", "title": None, "text": " ", "year": 2003},
    {"id": "e", "title": "Orbits", "text": "around the sun " * 100, "year": None},
]
JOINED = ["Mars Mars is a planet.", "Venus", "The sun is a star.", " ", "Orbits " + "around the sun " * 100]


@pytest.fixture
def news(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "news.jsonl", *NEWS)


@pytest.fixture
def index(run: Run, news: Path) -> Path:
    """The texts with their titles, encoded."""
    out = news.with_name("index")
    result = run("build", news, out, "--encoder", "splade-tiny", "--text-fields", "title, text", "--workers", 2)
    assert result.exit_code == 0, result.output
    shown = result.stdout.splitlines()
    assert shown[0].startswith("encoded 5 texts (title, text), ")
    assert shown[0].endswith("1 too long: 47 word pieces were cut off; 1 were blank and have empty vectors")
    assert '{"stage":"encode","done":5,"total":null' in result.stderr or '"read"' in result.stderr
    return out


def stored(path: Path) -> dict[str, dict[int, float]]:
    """id -> vector, as `encode` wrote them."""
    table = pq.read_table(path)
    pairs = zip(table["indices"].to_pylist(), table["values"].to_pylist(), strict=True)
    return dict(zip(table["id"].to_pylist(), (dict(zip(*pair, strict=True)) for pair in pairs), strict=True))


def test_built_of_texts(index: Path) -> None:
    encoder = load_encoder("splade-tiny")
    with seismic.open(index) as opened:
        entry = opened.manifest.encoder
        assert entry is not None
        assert (entry.name, entry.fields, entry.queries) == ("splade-tiny", ("title", "text"), "own")
        assert (entry.documents_cut, entry.pieces_cut) == (1, 47)
        assert set(opened.columns) == {"title", "text", "year"}
        expected = encoder.encode_documents(JOINED).vectors
        for query in ("which planets are there", "stars", "Venus"):
            vector = encoder.encode_queries([query]).vectors
            scores = (expected.to_scipy() @ vector.to_scipy().T).toarray().ravel()
            hits = opened.search({"text": query})
            assert [hit.score for hit in hits] == pytest.approx(sorted(scores[scores > 0], reverse=True), rel=1e-3)


@pytest.mark.parametrize("ending", ["parquet", "arrow", "tsv", "tsv.gz"])
def test_every_format_may_hold_texts(ending: str, run: Run, news: Path) -> None:
    texts = {"id": ["x", "y"], "text": ["Mars is a planet.", "The sun is a star."]}
    path = news.with_name(f"texts.{ending}")
    table = pa.table(texts)
    if ending == "parquet":
        pq.write_table(table, path)
    elif ending == "arrow":
        with pa.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table)
    else:
        lines = "".join(f"{id}\t{text}\n" for id, text in zip(*texts.values(), strict=True)).encode()
        path.write_bytes(gzip.compress(lines) if ending.endswith("gz") else lines)
    assert run("encode", path, news.with_name("out.parquet")).exit_code == 0
    found = stored(news.with_name("out.parquet"))
    expected = load_encoder("splade-tiny").encode_documents(texts["text"]).vectors
    for row, vector in enumerate(found.values()):
        components, values = expected[row]
        assert vector == pytest.approx(dict(zip(components.tolist(), values.tolist(), strict=True)), abs=1e-4)


def test_encoded_files_are_built_as_texts_are(run: Run, news: Path, index: Path) -> None:
    encoded = news.with_name("encoded.parquet")
    result = run("encode", news, encoded, "--text-fields", "title,text")
    assert result.stdout.startswith("encoded 5 texts (title, text)")
    assert run("encode", news, encoded).exit_code == 2  # it exists
    again = run("build", encoded, news.with_name("again"), "--encoder", "splade-tiny")
    assert len(again.stdout.splitlines()) == 1  # nothing had to be encoded
    with seismic.open(index) as one, seismic.open(news.with_name("again")) as other:
        assert one.search({"text": "planets"}) == other.search({"text": "planets"})


def test_texts_come_into_a_collection_with_its_encoder(run: Run, index: Path) -> None:
    new = write_lines(
        index.with_name("new.jsonl"), {"id": "f", "text": "Pluto is no planet."}, {"id": "a", "text": "x"}
    )
    result = run("upsert", index, new)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].startswith("encoded 2 texts (title, text)")
    with seismic.open(index) as opened:
        assert opened.search({"text": "is pluto a planet"})[0].id == "f"
    wrong = write_lines(index.with_name("wrong.jsonl"), {"id": "f", "year": 7})
    result = run("upsert", index, wrong)
    assert "wrong.jsonl, field 'title': column is missing; expected a vector or a text" in result.stderr


def test_inspect_tells_of_the_encoder(run: Run, index: Path) -> None:
    assert orjson.loads(run("inspect", index, "--json").stdout)["encoder"] == {
        "name": "splade-tiny",
        "hash": load_encoder("splade-tiny").entry.hash,
        "queries": "own",
        "fields": ["title", "text"],
        "documents_cut": 1,
        "pieces_cut": 47,
        "bm25": None,
        "chunks": None,
    }
    assert "title, text" in run("inspect", index).stdout


def test_search_by_text(run: Run, index: Path) -> None:
    result = run("search", index, "--text", "planets", "--json")
    assert orjson.loads(result.stdout.splitlines()[0])["id"] == "a"
    assert "cut off" not in result.stderr
    result = run("search", index, "--text", "sun " * 300)
    assert "the text is too long: its last 46 word pieces were cut off" in result.stderr


def test_queries_are_encoded_on_the_fly(run: Run, index: Path) -> None:
    queries = index.with_name("queries.tsv")
    queries.write_text("1\twhat is a planet\n2\tsun and stars\n")
    qrels = index.with_name("qrels.tsv")
    qrels.write_text("1 0 a 1\n2 0 c 1\n")
    for encoder in (None, "idf", "splade-tiny"):
        chosen = ["--query-encoder", encoder] if encoder else []
        result = run("evaluate", index, "--queries", queries, "--qrels", qrels, *chosen)
        assert result.exit_code == 0, result.output
        assert "encoded 2 texts (text)" in result.stderr
        assert "1.0000" in result.stdout
    assert run("tune", index, "--queries", queries, "-k", 1).exit_code == 0


def test_given_vectors_are_not_used_if_an_encoder_is_named(run: Run, index: Path) -> None:
    text = "which planet"
    wrong = {"id": "q", "text": text, "indices": [1], "values": [1.0]}
    queries = write_lines(index.with_name("queries.jsonl"), wrong)
    assert "encoded" not in run("evaluate", index, "--queries", queries).stderr
    assert "encoded 1 texts" in run("evaluate", index, "--queries", queries, "--query-encoder", "idf").stderr
    assert run("encode", queries, index.with_name("q.parquet"), "--queries").exit_code == 0
    components, _ = load_encoder("splade-tiny").encode_queries([text]).vectors[0]
    assert list(stored(index.with_name("q.parquet"))["q"]) == components.tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "field 'text'"),
        (["--text-fields", "title"], "--text-fields needs --encoder"),
        (["--query-encoder", "idf"], "--query-encoder needs --encoder"),
        (["--encoder", "splade-tiny", "--dimension", "9"], "--dimension: remove it; --encoder brings its own"),
        (["--encoder", "splade-tiny", "--text-fields", "titel"], "news.jsonl, field 'titel': column is missing"),
        (["--encoder", "splade-tiny", "--text-fields", "title,year"], "field 'year': found int64, expected strings"),
        (["--encoder", "bert"], "found no encoder 'bert', expected bm25, splade-tiny"),
    ],
)
def test_builds_that_cannot_be(options: list[str], message: str, run: Run, news: Path) -> None:
    result = run("build", news, news.with_name("out"), *options)
    assert result.exit_code == 2
    assert (message if options else "found none of them, and no encoder for texts") in result.stderr


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"a b", "line 2: found 1 fields, expected an id, a tab and a text"),
        (b"a\tb\tc", "line 2: found 3 fields"),
        (b"\tb", "line 2: found 2 fields"),
        (b"a\t\xff", "line 2: byte 2 is not UTF-8"),
    ],
)
def test_wrong_lines(line: bytes, message: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_bytes(b"0\tgood\n" + line + b"\n")
    result = run("encode", tmp_path / "x.tsv", tmp_path / "out.parquet")
    assert message in result.stderr
    assert not (tmp_path / "out.parquet").exists()


def test_vectors_of_an_encoder_fit_its_collection(run: Run, index: Path) -> None:
    encoder = load_encoder("splade-tiny")
    with seismic.open(index) as opened:
        assert opened.dimension == len(encoder.vocabulary)
        assert opened.search(SparseVectors.from_dicts([{30521: 1.0}])) == []
