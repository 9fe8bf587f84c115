from pathlib import Path

import pytest
from ir_measures import Qrel

from seismic import InputError
from seismic_tools.readers.qrels import read_qrels

JUDGED = [Qrel("1", "a", 1), Qrel("2", "b", 0)]


@pytest.mark.parametrize(
    "content",
    [
        "1\t0\ta\t1\n\n2 Q0 b 0\n",
        "1 a 1\n2 b 0\n",
        "query-id\tcorpus-id\tscore\n1\ta\t1\n2\tb\t0\n",
        "\ufeffquery-id\tcorpus-id\tscore\r\n1\ta\t1.0\r\n2\tb\t0.0\r\n",
        "\ufeff1 0 a 1\n2 0 b 0",
    ],
    ids=["trec", "three fields", "beir", "beir of a spreadsheet", "byte order mark"],
)
def test_forms_of_judgements(tmp_path: Path, content: str) -> None:
    path = tmp_path / "qrels.tsv"
    path.write_text(content, newline="")
    assert read_qrels(path) == JUDGED


def test_ids_may_have_blanks_between_tabs(tmp_path: Path) -> None:
    path = tmp_path / "qrels.tsv"
    path.write_text("q 1\t0\td\u2028 \x0b1\t2\n")
    assert read_qrels(path) == [Qrel("q 1", "d\u2028 \x0b1", 2)]


def test_folders_of_beir(tmp_path: Path) -> None:
    splits = tmp_path / "qrels"
    splits.mkdir()
    with pytest.raises(InputError, match=r"qrels: found no \.tsv file, expected test\.tsv"):
        read_qrels(tmp_path)
    (splits / "dev.tsv").write_text("q\td\tscore\n1\ta\t1\n2\tb\t0\n")
    assert read_qrels(tmp_path) == JUDGED
    (splits / "train.tsv").write_text("q\td\tscore\n1\ta\t0\n")
    with pytest.raises(InputError, match=r"found dev\.tsv, train\.tsv, expected test\.tsv"):
        read_qrels(tmp_path)
    (splits / "test.tsv").write_text("q\td\tscore\n1\ta\t2\n")
    assert read_qrels(tmp_path) == [Qrel("1", "a", 2)] == read_qrels(splits)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1 0 a 1\nquery-id corpus-id score\n", r"qrels\.tsv, line 2: found 'query-id corpus-id score', expected"),
        (b"1 0 a high 7\n", "line 1: found '1 0 a high 7'"),
        (b"1 a 0.5\n", "line 1: found '1 a 0.5', expected .*an integer"),
        (b"1 a nan\n", "line 1: found '1 a nan'"),
        (b"1\n", "line 1: found '1'"),
        (b"\n", "found no judgements"),
        (b"1 0 a 1\n1 0 \xff 1\n", "qrels.tsv, line 2: byte 4 is not UTF-8, expected judgements"),
        ("1 0 a 1\n".encode("utf-16"), "found text in UTF-16, expected UTF-8"),
        (None, "No such file or directory, expected judgements"),
    ],
)
def test_broken_qrels(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "qrels.tsv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_qrels(path)
