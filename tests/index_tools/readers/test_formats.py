"""Every format yields the same documents, also from files that other tools wrote."""

import re
import shutil
from pathlib import Path

import pytest

from seismic import InputError, SparseVectors, VectorError
from seismic_tools.readers import READERS, Batch, Reading, Tokens, csr, find_files, find_named, inner, reader_of
from seismic_tools.readers import arrow as arrow_reader
from seismic_tools.readers import ciff as ciff_reader
from seismic_tools.readers import jsonl as jsonl_reader
from seismic_tools.writers import WRITERS
from tests import naive
from tests.index_tools.conftest import Run
from tests.index_tools.formats import DATA, DOCUMENTS, FORMATS, ROWS, TOKENS, VECTORS, read, write_csr
from tests.naive import Row

NUMBERS = list(range(len(ROWS)))


def rows_of(batches: list[Batch]) -> list[Row]:
    return naive.rows(SparseVectors.concatenate([batch.vectors for batch in batches]))


def ids_of(batches: list[Batch]) -> list[str | int]:
    return [each for batch in batches for each in batch.documents["id"].to_pylist()]


def as_read(path: Path) -> list[Row]:
    """Return the rows that a file must hold; in CIFF, with integer values."""
    if ".ciff" not in path.name:
        return ROWS
    return [{component: 64 * value for component, value in row.items()} for row in ROWS]


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (arrow_reader, ciff_reader, csr, inner, jsonl_reader):
        monkeypatch.setattr(module, "BATCH_ROWS", 5)


def test_every_ending_is_tested() -> None:
    tested = {ending for ending in READERS if any(name.endswith(ending) for name in FORMATS)}
    other_names, of_texts = {".feather", ".json", ".json.gz"}, {".tsv", ".tsv.gz"}
    other_names |= {".ndjson", ".ndjson.gz", ".ndjson.zst"}
    of_texts |= {".md", ".markdown", ".txt", ".html", ".htm", ".pdf", ".csv"}
    assert set(READERS) - tested == other_names | of_texts  # for the latter, readers/test_texts.py and test_folder.py


@pytest.mark.usefixtures("small_batches")
def test_documents_in_every_format(some_file: Path) -> None:
    batches = read(some_file)
    assert rows_of(batches) == as_read(some_file)
    assert ids_of(batches) in ([document["id"] for document in DOCUMENTS], NUMBERS, [f"D{n:02d}" for n in NUMBERS])
    assert [len(batch.vectors) for batch in batches] == [5, 5, 2]
    assert [batch.rows.numbers[0] for batch in batches] in ([0, 5, 10], [1, 6, 11])
    shares = [batch.read for batch in batches]
    assert shares == sorted(shares)
    assert 0 < shares[-1] <= 1


@pytest.mark.parametrize("skip", [1, 4, 5, 7, 11, 12, 100])
@pytest.mark.usefixtures("small_batches")
def test_rows_can_be_left_out(some_file: Path, skip: int) -> None:
    batches = list(reader_of(some_file)(some_file, Reading(Tokens(TOKENS, growing=False), skip=skip)))
    assert rows_of(batches) == as_read(some_file)[skip:]
    places = [number for batch in batches for number in batch.rows.numbers]
    assert places == list(range(12))[skip:] or places == list(range(1, 13))[skip:]


@pytest.mark.parametrize(
    "name", ["documents.bin", "documents.ciff", "merged.ciff", "matrix.npz", "array-stored.npz", "dataset"]
)
def test_files_of_other_tools(name: str) -> None:
    assert rows_of(read(DATA / name)) == as_read(DATA / name)


def test_texts_of_a_dataset() -> None:
    texts = [text for batch in read(DATA / "dataset") for text in batch.documents["text"].to_pylist()]
    assert texts == [document["content"] for document in DOCUMENTS]


def test_one_split_of_a_dataset() -> None:
    assert rows_of(read(DATA / "splits" / "train")) == ROWS[:8]
    with pytest.raises(InputError, match=r"splits: a dataset with splits \(train, test\); expected the folder of one"):
        read(DATA / "splits")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data-00001-of-00002.arrow", None, "no such file, but state.json names it"),
        ("state.json", b"{", "cannot be read as JSON"),
        ("state.json", b"[]", "found a JSON list, expected an object"),
        ("state.json", b"{}", "names no files"),
        ("state.json", b'{"_data_files": [{"filename": "../x.arrow"}]}', "or files elsewhere"),
        ("state.json", b'{"_data_files": [], "_indices_data_files": [{"filename": "x"}]}', "a selection of rows"),
    ],
)
def test_datasets_that_are_not_whole(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    folder = shutil.copytree(DATA / "dataset", tmp_path / "dataset")
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read(folder)


def test_progress_while_postings_are_turned(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add batches without rows, which must make no difference."""
    monkeypatch.setattr(ciff_reader, "LISTS", 2)
    batches = read(DATA / "documents.ciff")
    assert [len(batch.vectors) for batch in batches] == [0, 0, 0, 0, 12]
    assert [batch.read for batch in batches] == sorted(batch.read for batch in batches)
    assert rows_of(batches) == as_read(DATA / "documents.ciff")
    assert run("convert", DATA / "documents.ciff", tmp_path / "x.parquet").exit_code == 0
    assert run("build", DATA / "documents.ciff", tmp_path / "index").exit_code == 0
    assert ids_of(read(tmp_path / "x.parquet")) == ids_of(batches)


def test_tokens_are_numbered_as_they_appear() -> None:
    """Terms of CIFF are sorted, those of JSON lines are not."""
    assert rows_of(read(DATA / "documents.ciff", tokens=None)) == as_read(DATA / "documents.ciff")
    assert rows_of(read(DATA / "documents.jsonl", tokens=None)) != ROWS


def test_rows_without_ids_are_numbered_through_all_files(tmp_path: Path) -> None:
    names = ["a.bin", "b.csr", "c.npz"]
    for name in names:
        FORMATS[f"x{Path(name).suffix}"](tmp_path / name)
    batches = read(tmp_path)
    assert ids_of(batches) == list(range(36))
    assert rows_of(batches) == 3 * ROWS


def test_dimension_of_a_matrix_is_its_width(tmp_path: Path) -> None:
    path = write_csr(tmp_path / "x.csr", columns=100_000)
    assert [batch.vectors.dimension for batch in read(path)] == [100_000]
    assert [batch.vectors.dimension for batch in read(path, dimension=200_000)] == [200_000]
    with pytest.raises(VectorError, match=r"x\.csr, row 11, field 'indices': found component 8, .* the dimension 8"):
        read(path, dimension=8)
    with pytest.raises(VectorError, match=r"x\.csr, row 11, field 'indices': found component 8, .* the dimension 8"):
        read(write_csr(tmp_path / "x.csr", columns=8), dimension=100)


def test_long_rows_come_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csr, "BATCH_NNZ", 4)
    monkeypatch.setattr(inner, "BATCH_NNZ", 4)
    for path in (write_csr(tmp_path / "x.csr"), DATA / "documents.bin"):
        batches = read(path)
        assert rows_of(batches) == ROWS
        assert len(batches) > 5


def test_repair(tmp_path: Path) -> None:
    unsorted = SparseVectors.trusted(VECTORS.indptr, VECTORS.components[::-1], VECTORS.values, 9)
    path = write_csr(tmp_path / "x.csr", unsorted)
    with pytest.raises(VectorError, match=r"x\.csr, row \d+, field 'indices': found component"):
        read(path)
    assert sum(len(row) for row in rows_of(read(path, repair=True))) <= VECTORS.nnz


WRONG_HEADERS = {
    "one row more": ({"rows": 13}, "found 368 bytes, expected 376"),
    "fewer values": ({"nnz": 29}, "found 368 bytes, expected 360"),
    "negative": ({"rows": -1}, "found -1 rows, 9 columns and 30 values, expected 0 to"),
    "beyond all files": ({"nnz": 1 << 62}, "found 12 rows, 9 columns and 4,611,686,018,427,387,904 values"),
    "too wide": ({"columns": 1 << 40}, "found dimension 1099511627776, expected 0 to 4294967296"),
}


@pytest.mark.parametrize(("change", "message"), WRONG_HEADERS.values(), ids=WRONG_HEADERS)
def test_headers_of_csr(tmp_path: Path, change: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(write_csr(tmp_path / "x.csr", **change), **({"dimension": 1 << 40} if "columns" in change else {}))


def test_offsets_that_fall(tmp_path: Path) -> None:
    path = write_csr(tmp_path / "x.csr")
    data = bytearray(path.read_bytes())
    data[24 + 8 : 24 + 16] = (31).to_bytes(8, "little")
    path.write_bytes(data)
    with pytest.raises(InputError, match="found row offsets that do not ascend from 0 to 30"):
        read(path)


def test_matrices_by_columns() -> None:
    assert rows_of(read(DATA / "columns.npz")) == ROWS
    with pytest.raises(InputError, match=r"groundtruth\.npz: .* it has no format; expected"):
        read(DATA.parent / "scifact" / "groundtruth.npz")


def test_json_counts_in_folders_without_better(tmp_path: Path) -> None:
    (tmp_path / "docs00.json").write_bytes((DATA / "documents.jsonl").read_bytes())
    assert rows_of(read(tmp_path)) == ROWS
    FORMATS["x.csr"](tmp_path / "x.csr")
    assert find_files([tmp_path]) == [tmp_path / "x.csr"]


def test_endings_that_are_told(tmp_path: Path) -> None:
    path = write_csr(tmp_path / "vectors.dat")
    with pytest.raises(InputError, match=r"vectors\.dat: unsupported ending"):
        find_files([path])
    assert find_files([path, tmp_path], ending=".csr") == [path, path]
    with pytest.raises(InputError, match=r"unsupported ending \.log; expected \.parquet"):
        find_files([path], ending=".log")


def test_files_by_name(tmp_path: Path) -> None:
    shutil.copytree(DATA / "dataset", tmp_path / "queries")
    FORMATS["x.csr.gz"](tmp_path / "documents.csr.gz")
    assert find_named(tmp_path, "documents") == tmp_path / "documents.csr.gz"
    assert find_named(tmp_path, "queries") == tmp_path / "queries"
    with pytest.raises(InputError, match=r"found no answers\.parquet, nor answers with another supported ending"):
        find_named(tmp_path, "answers")


def test_the_documentation_has_every_format() -> None:
    page = (DATA.parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \| ([^|]+) \| (yes|no) \| (yes|no) \| (yes|no) \|$", page, re.MULTILINE)
    documented = {ending: row[1:] for row in rows for ending in re.findall(r"`(\.[a-z.]+)`", row[0])}
    assert set(documented) == set(READERS)
    for ending, (ids, payload, tokens, written) in documented.items():
        assert written == ("yes" if ending in WRITERS else "no")
        if ending in WRITERS:
            writer = WRITERS[ending]
            assert (ids != "no", payload == "yes", tokens == "yes") == (writer.ids, writer.payload, writer.tokens)
