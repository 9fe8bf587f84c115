"""`seismic convert`: what goes in comes out."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic_tools.readers import Batch, Reading, Rows, Tokens, read_collection
from seismic_tools.writers import WRITERS, Writing
from seismic_tools.writers.parts import kept_parts
from tests import naive, samples
from tests.index_tools.conftest import Run, names, write_lines
from tests.index_tools.formats import DATA, DOCUMENTS, ROWS, TOKENS, read, write_csr
from tests.index_tools.readers.test_formats import ids_of, rows_of

ENDINGS = list(WRITERS)
SOURCES = ["documents.jsonl", "documents.bin", "documents.ciff", "dataset", "matrix.npz"]
TEXTS = [document["content"] for document in DOCUMENTS]
VOCABULARY = "\n".join(TOKENS)


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    path = tmp_path / "vocabulary"
    path.write_text(VOCABULARY, encoding="utf-8")
    return path


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("source", SOURCES)
def test_from_every_format_into_every_other(
    run: Run, tmp_path: Path, vocabulary: Path, source: str, ending: str
) -> None:
    """64 x weight is an integer in all of them."""
    out = tmp_path / f"x{ending}"
    result = run("convert", DATA / source, out, "--vocabulary", vocabulary, "--scale", 1 if "ciff" in source else 64)
    assert result.exit_code == 0, result.output
    assert "documents 12, components 30" in result.stdout
    assert names(tmp_path) == ["vocabulary", out.name]
    factor = 64 if "ciff" in source + ending else 1
    batches = read(out)
    assert rows_of(batches) == [{component: factor * value for component, value in row.items()} for row in ROWS]
    ids = [str(identity) for identity in ids_of(batches)]
    assert ids == (
        [f"D{row:02d}" for row in range(12)]
        if "ciff" in source and WRITERS[ending].ids
        else [str(row) for row in range(12)]
    )
    if WRITERS[ending].payload and source in ("documents.jsonl", "dataset"):
        assert [text for batch in batches for text in batch.documents["text"].to_pylist()] == TEXTS


def test_what_is_lost_is_said(run: Run, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "x.jsonl", {"id": 7, "indices": [3], "values": [0.004], "year": 1, "title": "x"})
    said = run("convert", source, tmp_path / "x.ciff").stderr
    assert "note: x.ciff: holds ids as text" in said
    assert "note: x.ciff: holds only vectors and ids: year, title left out" in said
    assert "note: x.ciff: weights are stored as integers: 100 x weight, rounded to nearest, at least 1" in said
    assert "note: x.ciff: 1 of 1 weights were raised to 1, because they would round to 0" in said
    said = run("convert", source, tmp_path / "x.csr").stderr
    assert "note: x.csr: cannot hold ids: documents are named by their numbers, from 0" in said
    assert "note: x.csr: holds only vectors: year, title left out" in said
    assert "note" not in run("convert", source, tmp_path / "x.parquet").stderr


def test_tokens_without_a_vocabulary(run: Run, tmp_path: Path) -> None:
    """They stay tokens where the format has such; else their numbering is written beside."""
    for ending in (".parquet", ".jsonl", ".ciff"):
        out = tmp_path / f"x{ending}"
        assert run("convert", DATA / "documents.jsonl", out, "--scale", 1).exit_code == 0
        assert all(batch.by_token for batch in read(out))
    assert rows_of(read(tmp_path / "x.parquet")) == rows_of(read(tmp_path / "x.jsonl")) == ROWS
    assert names(tmp_path) == ["x.ciff", "x.jsonl", "x.parquet"]
    said = run("convert", DATA / "documents.jsonl", tmp_path / "x.bin").stderr
    assert "x.bin.vocabulary.txt lists them, for --vocabulary" in said
    tokens = (tmp_path / "x.bin.vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert sorted(tokens) == TOKENS
    named = [
        {tokens[component]: value for component, value in row.items()} for row in rows_of(read(tmp_path / "x.bin"))
    ]
    assert named == [document["vector"] for document in DOCUMENTS]


def test_objects_without_fields_are_nulls_in_parquet(run: Run, tmp_path: Path) -> None:
    """Parquet cannot hold them: the conversion ended with a traceback."""
    objects = [{}, {"of": {}, "in": [{"of": {}}], "year": 1}]
    lines = [{"id": "a", "indices": [1], "values": [1.0], "x": objects[0], "y": value} for value in objects]
    result = run("convert", write_lines(tmp_path / "x.jsonl", *lines), tmp_path / "x.parquet")
    assert result.exit_code == 0, result.output
    assert "note: x.parquet: Parquet cannot hold objects without fields: those of x, y are nulls" in result.stderr
    (batch,) = read(tmp_path / "x.parquet")
    assert batch.documents["x"].to_pylist() == [None, None]
    assert batch.documents["y"].to_pylist()[1] == {"of": None, "in": [{"of": None}], "year": 1}


@pytest.mark.parametrize("token", ["", "a\nb", "a\r"])
def test_tokens_that_are_no_lines(run: Run, tmp_path: Path, token: str) -> None:
    source = write_lines(tmp_path / "x.jsonl", {"id": "a", "vector": {token: 1.0}})
    result = run("convert", source, tmp_path / "x.csr")
    assert result.exit_code == 2
    assert "cannot be a line of a vocabulary file" in result.stderr
    assert names(tmp_path) == ["x.jsonl"]


def test_names_of_formats(run: Run, tmp_path: Path) -> None:
    source = write_csr(tmp_path / "vectors.dat")
    assert run("convert", source, tmp_path / "out.dat", "--from", "csr", "--to", ".bin").exit_code == 0
    assert rows_of(read(tmp_path / "out.dat", ending=".bin")) == ROWS


def test_files_of_several_inputs(run: Run, tmp_path: Path) -> None:
    assert run("convert", DATA / "documents.bin", DATA / "matrix.npz", tmp_path / "x.parquet").exit_code == 0
    assert ids_of(read(tmp_path / "x.parquet")) == list(range(24))
    result = run("convert", DATA / "documents.bin", DATA / "documents.jsonl", tmp_path / "y.parquet")
    assert result.exit_code == 2
    assert "documents.jsonl has vectors of tokens, but" in result.stderr


REFUSED: dict[str, tuple[list[str], str]] = {
    "no such input": (["none.csr", "x.bin"], "none.csr: no such file"),
    "no such input format": (["vocabulary", "x.bin"], "vocabulary: unsupported ending"),
    "no such --from": (["x.jsonl", "x.bin", "--from", "docx"], "unsupported ending .docx"),
    "no such output format": (["x.jsonl", "x.npz"], "cannot write this format; expected .parquet"),
    "no such --to": (["x.jsonl", "x.bin", "--to", "npz"], "cannot write .npz; expected .parquet"),
    "output is there": (["x.jsonl", "vocabulary"], "vocabulary exists; choose another name, or add --replace"),
    "runs are of ground truth": (["x.gt", "x.parquet"], "expected a single input and .trec or .run as output"),
    "bad input": (["bad.jsonl", "x.bin"], "bad.jsonl, line 2: not valid JSON"),
    "a weight too large": (["x.jsonl", "x.ciff", "--scale", "1e12"], "choose a smaller --scale"),
    "no scale": (["x.jsonl", "x.ciff", "--scale", "nan"], "'--scale': found nan, expected a finite number"),
    "a scale of nothing": (["x.jsonl", "x.ciff", "--scale", "0"], "--scale 0.0: expected a number above 0"),
    "no folder": (["x.jsonl", "none/x.bin"], "cannot write"),
    "given twice": (["x.jsonl", "x.jsonl", "x.bin"], "x.jsonl: given twice"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_refusals_leave_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vocabulary: Path, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(DATA / "documents.jsonl", "x.jsonl")
    Path("bad.jsonl").write_bytes(b'{"id": "a", "vector": {}}\n{"id": \n')
    Path("x.gt").write_bytes(bytes(8))
    before = names(tmp_path)
    result = run("convert", *arguments)
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split())
    assert names(tmp_path) == before


def test_replacing(run: Run, tmp_path: Path) -> None:
    shutil.copy(DATA / "documents.bin", tmp_path / "x.bin")
    assert run("convert", DATA / "documents.jsonl", tmp_path / "x.bin", "--replace").exit_code == 0
    assert (tmp_path / "x.bin").read_bytes() != (DATA / "documents.bin").read_bytes()
    assert sum(map(len, rows_of(read(tmp_path / "x.bin")))) == 30


# ---- round trips -------------------------------------------------------------------------------------------------


def convert_vectors(folder: Path, ending: str, vectors: SparseVectors, scale: float = 1.0) -> SparseVectors:
    """Written and read again, with tokens as long as the format wants them."""
    tokens = Tokens(f"{component:06d}" for component in range(vectors.dimension))
    rows = Rows(folder / "none", "row", range(len(vectors)))
    documents = pa.table({"id": np.arange(len(vectors))})
    out = folder / f"x{ending}"
    with kept_parts(out, {}, [folder / "none"], tokens, resume=False) as parts:
        parts.add(Batch(rows, vectors, documents, False, 1.0))
        parts.finish()
        WRITERS[ending].write(out, parts, Writing(list(tokens), False, scale, parts.folder, lambda *_: None))
    batches = list(read_collection([out], Reading(Tokens(tokens, growing=False), vectors.dimension)))
    assert [str(identity) for identity in ids_of(batches)] == [str(row) for row in range(len(vectors))]
    return SparseVectors.concatenate([batch.vectors for batch in batches])


@given(
    samples.sparse_vectors(st.floats(2**-40, 2**40, width=32)), st.sampled_from([e for e in ENDINGS if e != ".ciff"])
)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, vectors: SparseVectors, ending: str) -> None:
    again = convert_vectors(tmp_path_factory.mktemp("round"), ending, vectors)
    assert naive.rows(again) == naive.rows(vectors)


@given(samples.sparse_vectors(st.floats(2**-20, 2**10, width=32)), st.sampled_from([1.0, 0.3, 100.0, 1000.0]))
def test_what_becomes_integers(tmp_path_factory: pytest.TempPathFactory, vectors: SparseVectors, scale: float) -> None:
    again = convert_vectors(tmp_path_factory.mktemp("round"), ".ciff", vectors, scale)
    assert naive.rows(again) == [
        {component: max(1, round(value * scale)) for component, value in row.items()} for row in naive.rows(vectors)
    ]


# ---- ground truth ------------------------------------------------------------------------------------------------


def write_neighbours(path: Path, numbers: list[list[int]], scores: list[list[float]]) -> Path:
    """Write the format that big-ann-benchmarks defines."""
    found = np.array(numbers, "<i4")
    path.write_bytes(np.array(found.shape, "<u4").tobytes() + found.tobytes() + np.array(scores, "<f4").tobytes())
    return path


@pytest.mark.parametrize("ending", [".gt", ".ibin"])
def test_ground_truth_becomes_a_run(run: Run, tmp_path: Path, ending: str) -> None:
    source = write_neighbours(tmp_path / f"x{ending}", [[3, 1], [0, -1]], [[2.5, 1.0], [0.25, 0.0]])
    result = run("convert", source, tmp_path / "x.trec")
    assert result.exit_code == 0, result.output
    assert "queries 2" in result.stdout
    assert (tmp_path / "x.trec").read_text().splitlines() == [
        "0 Q0 3 1 2.5 truth",
        "0 Q0 1 2 1 truth",
        "1 Q0 0 1 0.25 truth",
    ]
    assert names(tmp_path) == sorted([f"x{ending}", "x.trec"])


def test_damaged_ground_truth(run: Run, tmp_path: Path) -> None:
    source = write_neighbours(tmp_path / "x.gt", [[3, 1]], [[2.5, 1.0]])
    data = source.read_bytes()
    nan, below = np.float32("nan").tobytes(), np.int32(-2).tobytes()
    for changed in (
        *(data[:cut] for cut in range(len(data))),
        data + b"\0",
        data[:-4] + nan,
        data[:8] + below + data[12:],
    ):
        source.write_bytes(changed)
        result = run("convert", source, tmp_path / "x.trec")
        assert result.exit_code == 2
        assert "x.gt: cannot be read as ground truth of BigANN" in " ".join(result.stderr.split())
        assert names(tmp_path) == ["x.gt"]
