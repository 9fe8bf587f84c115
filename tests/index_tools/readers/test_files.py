"""Files as people have them: other endings, BEIR folders, files of ids, and files that are not ours beside them."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from seismic import InputError, SparseVectors, VectorError
from seismic_tools.readers import Reading, Start, Tokens, find_files, find_named, read_collection
from seismic_tools.readers.batch import DEEPEST
from seismic_tools.readers.ids import read_ids
from tests import naive
from tests.index_tools.conftest import write_lines
from tests.index_tools.formats import DATA, DOCUMENTS, ROWS, VECTORS, read, write_csr

VECTOR = {"vector": {"a": 1.0}}


def ids_of(path: Path, **options: Any) -> list[str | int]:
    batches = read_collection([path], Reading(Tokens(), **options))
    return [name for batch in batches for name in batch.documents["id"].to_pylist()]


@pytest.mark.parametrize("name", ["x.ndjson", "x.JSONL", "X.NdJson.GZ", "x.Jsonl.gz"])
def test_endings_of_any_case(tmp_path: Path, name: str) -> None:
    path = write_lines(tmp_path / name.replace("GZ", "gz"), {"id": 1, **VECTOR}).rename(tmp_path / name)
    assert ids_of(path) == [1]
    assert find_files([tmp_path]) == [path]
    assert find_named(tmp_path, "x") == path


def test_files_beside_ours_are_passed_over(tmp_path: Path) -> None:
    """What desktops, editors, file systems and jobs leave in folders."""
    ours = write_lines(tmp_path / "a.jsonl", {"id": 1, **VECTOR})
    for name in (
        ".DS_Store",
        "._a.jsonl",
        "a.jsonl~",
        "#a.jsonl#",
        "Thumbs.db",
        "desktop.ini",
        "_SUCCESS",
        "README.md",
    ):
        (tmp_path / name).write_bytes(b"\0\0\0")
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "broken.jsonl").symlink_to(tmp_path / "nowhere")
    assert find_files([tmp_path]) == [ours]


def test_byte_order_marks_and_separators_inside_texts(tmp_path: Path) -> None:
    lines = "\ufeff" + '{"id": "a\u2028b", "vector": {"x\x85y": 1}}\r\n' + '{"id": "c\u2029", "vector": {"x\x85y": 2}}'
    (tmp_path / "x.jsonl").write_text(lines, newline="")
    assert ids_of(tmp_path / "x.jsonl") == ["a\u2028b", "c\u2029"]
    (tmp_path / "wide.jsonl").write_bytes('{"id": 1}'.encode("utf-16"))
    with pytest.raises(InputError, match=r"wide\.jsonl: found text in UTF-16, expected UTF-8"):
        ids_of(tmp_path / "wide.jsonl")


def test_files_of_ids(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("\ufeffa\u2028b\r\n\r\n 7\x0b\n", newline="")
    assert read_ids(path).to_pylist() == ["a\u2028b", " 7\x0b"]
    path.write_text("1\n22\n")
    assert read_ids(path, pa.int64()).to_pylist() == [1, 22]
    path.write_text("1\nx\n")
    with pytest.raises(InputError, match=r"ids\.txt, line 2: found id 'x', expected int64"):
        read_ids(path, pa.int64())


def test_ids_for_formats_without(tmp_path: Path) -> None:
    ids = pa.array([f"n{row}" for row in range(2 * len(ROWS))])
    files = [write_csr(tmp_path / "a.csr"), shutil.copy(DATA / "documents.bin", tmp_path / "b.bin")]
    batches = list(read_collection(files, Reading(Tokens(), ids=ids)))
    assert [name for batch in batches for name in batch.documents["id"].to_pylist()] == ids.to_pylist()
    with pytest.raises(InputError, match=r"--ids: found 23 ids, expected one per document; .*b\.bin has more"):
        list(read_collection(files, Reading(Tokens(), ids=ids.slice(0, 23))))
    with pytest.raises(InputError, match="--ids: found 24 ids for 12 documents, expected one per document"):
        list(read_collection(files[:1], Reading(Tokens(), ids=ids)))
    with pytest.raises(InputError, match=r"documents\.jsonl: found ids in the file in addition to --ids; remove --ids"):
        list(read_collection([DATA / "documents.jsonl"], Reading(Tokens(), ids=ids)))


def test_fields_of_ids(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "x.jsonl", {"_id": "a", "docno": "d", **VECTOR})
    table = pa.table({"_id": ["a"], "docno": ["d"], "indices": [[1]], "values": [[1.0]]})
    pq.write_table(table, tmp_path / "x.parquet")
    for file in (path, tmp_path / "x.parquet"):
        assert ids_of(file) == ["a"]
        assert ids_of(file, id_field="docno") == ["d"]
        with pytest.raises(VectorError, match=r"field 'nr': field is missing \(found _id, docno.*see --id-field"):
            ids_of(file, id_field="nr")
    both = write_lines(tmp_path / "both.jsonl", {"id": "a", "_id": "b", **VECTOR})
    assert ids_of(both) == ["a"]
    with pytest.raises(VectorError, match="found 'id' in addition to --id-field _id; rename or remove one of them"):
        ids_of(both, id_field="_id")


def test_folders_of_beir_have_a_corpus_and_queries(tmp_path: Path) -> None:
    for name in ("corpus", "queries"):
        write_lines(tmp_path / f"{name}.jsonl", {"_id": name, "text": "x", "metadata": {}, **VECTOR})
    (tmp_path / "qrels").mkdir()
    assert ids_of(tmp_path) == ["corpus"]
    (batch,) = read_collection([tmp_path], Reading(Tokens()), role="queries")
    assert batch.documents["id"].to_pylist() == ["queries"]
    (tmp_path / "corpus.jsonl").unlink()
    assert ids_of(tmp_path) == ["queries"]  # an ordinary folder


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
def test_forms_of_scipy_matrices(tmp_path: Path, form: str) -> None:
    matrix = sp.csr_matrix((VECTORS.values, VECTORS.components, VECTORS.indptr), (len(ROWS), VECTORS.dimension))
    sp.save_npz(tmp_path / "x.npz", matrix.asformat(form))
    batches = read(tmp_path / "x.npz")
    assert naive.rows(SparseVectors.concatenate([batch.vectors for batch in batches])) == ROWS
    assert [n for batch in batches for n in batch.documents["id"].to_pylist()] == list(range(len(DOCUMENTS)))
    skipped = list(read_collection([tmp_path / "x.npz"], Reading(Tokens()), start=Start(0, 5, 5)))
    assert naive.rows(SparseVectors.concatenate([batch.vectors for batch in skipped])) == ROWS[5:]


def test_scipy_matrices_that_are_wrong(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    good = {"format": b"coo", "shape": [2, 3], "row": [0, 1], "col": [0, 2], "data": [1.0, 2.0]}
    for change, message in [
        ({"row": [0, 2]}, "found a row outside of 0 to 1"),
        ({"col": [-1, 2]}, "found a column outside of 0 to 2"),
        ({"row": [0]}, "found 1 row, 2 col, 2 data, expected equal numbers"),
        ({"format": b"dia"}, "found a matrix in format 'dia', expected csr, csc or coo"),
        ({"row": [0.0, 1.0]}, "found row of float64, expected integers"),
    ]:
        np.savez(path, **{name: np.array(value) for name, value in {**good, **change}.items()})
        with pytest.raises(InputError, match=f"x.npz: cannot be read as npz of scipy: {message}"):
            read(path, tokens=None)
    np.savez(path, **{name: np.array(value) for name, value in {**good, "row": [1, 1], "col": [2, 2]}.items()})
    with pytest.raises(VectorError, match="row 1, field 'indices'"):
        read(path, tokens=None)
    repaired = read(path, tokens=None, repair=True)
    assert naive.rows(repaired[0].vectors) == [{}, {2: 3.0}]


@pytest.mark.parametrize("deep", ['{"a":', "["], ids=["objects", "lists"])
@pytest.mark.parametrize("depth", [DEEPEST, DEEPEST + 1, 200, 900, 5000])
def test_deep_metadata(tmp_path: Path, deep: str, depth: int) -> None:
    nested = deep * depth + "1" + {"[": "]", '{"a":': "}"}[deep] * depth
    path = write_lines(
        tmp_path / "x.jsonl", {"id": 0, **VECTOR}, b'{"id": 1, "vector": {"a": 1}, "m": %b}' % nested.encode()
    )
    if depth < DEEPEST:
        assert ids_of(path) == [0, 1]
        return
    with pytest.raises(VectorError, match=r"x\.jsonl, line 2.*: (nested more than \d+ deep|not valid JSON: depth)"):
        ids_of(path)
