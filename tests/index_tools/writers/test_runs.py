from itertools import pairwise
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from ir_measures import ScoredDoc

import seismic
from seismic import InputError, SparseVectors
from seismic_tools.writers.runs import check_words, write_run


def test_runs_are_read_back_by_ir_measures(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    run = [ScoredDoc("1", "a", 2.5), ScoredDoc("1", "b", 1.25), ScoredDoc("2", "a", 0.5)]
    write_run(path, run, tag="seismic")
    assert path.read_text().splitlines()[1:] == ["1 Q0 b 2 1.25 seismic", "2 Q0 a 1 0.5 seismic"]
    assert list(ir_measures.read_trec_run(str(path))) == run


def test_scores_keep_the_order_of_hits_in_float32(tmp_path: Path) -> None:
    """Ties and scores that differ in the last bit: tools sort by score, and would break ties by id."""
    close = float(np.nextafter(np.float32(12.3), np.float32(0)))
    scores = [float(np.float32(12.3)), close, close, close, 0.1, 0.1, 0.0, 0.0]
    path = tmp_path / "run.trec"
    write_run(path, [ScoredDoc("1", f"{9 - at}", score) for at, score in enumerate(scores)], tag="seismic")
    fields = [line.split() for line in path.read_text().splitlines()]
    written = [np.float32(field[4]) for field in fields]
    assert all(after < before for before, after in pairwise(written))
    assert [int(field[3]) for field in fields] == list(range(1, 9))
    assert written == pytest.approx(scores, rel=1e-6)
    by_tool = sorted(ir_measures.read_trec_run(str(path)), key=lambda hit: -hit.score)
    assert [hit.doc_id for hit in by_tool] == [f"{9 - at}" for at in range(8)]


@pytest.mark.parametrize("name", ["two words", "", "a\u2028b"])
def test_ids_that_a_run_cannot_hold(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"document id .*: expected one word without blanks, as TREC runs need it"):
        write_run(tmp_path / "run.trec", [ScoredDoc("1", name, 1.0)], tag="seismic")
    with pytest.raises(InputError, match=r"query id .*: expected one word"):
        write_run(tmp_path / "run.trec", [ScoredDoc(name, "1", 1.0)], tag="seismic")


def test_ids_of_a_collection_are_checked_at_once(tmp_path: Path) -> None:
    for name, ids in (("good", ["a", "b-\u00e9"]), ("bad", ["a", "b c"]), ("numbers", [1, 2])):
        seismic.build(SparseVectors.from_dicts([{0: 1.0}, {0: 2.0}]), tmp_path / name, documents={"id": ids})
    for name in ("good", "numbers"):
        with seismic.open(tmp_path / name) as index:
            check_words(index)
    with seismic.open(tmp_path / "bad") as index, pytest.raises(InputError, match="document id 'b c'"):
        check_words(index)
