import math
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from ir_measures import Qrel, R, ScoredDoc

from seismic import InputError
from seismic_tools.measure.metrics import effectiveness, latencies, recall, summary
from seismic_tools.writers.runs import read_qrels, write_run


def test_recall_by_hand() -> None:
    exact = np.array([[1, 2, 3], [4, 5, -1], [-1, -1, -1]])
    found = np.array([[3, 9, 1], [5, 8, 7], [6, -1, -1]])
    assert recall(found, exact) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert recall(exact, exact) == 1.0
    assert recall(np.full((3, 3), -1), exact) == 0.0
    assert math.isnan(recall(found[2:], exact[2:]))


def test_recall_is_that_of_ir_measures() -> None:
    generator = np.random.default_rng(0)
    exact, found = (np.stack([generator.permutation(20)[:10] for _ in range(30)]) for _ in range(2))
    qrels = [Qrel(str(query), str(document), 1) for query, row in enumerate(exact) for document in row]
    run = [
        ScoredDoc(str(query), str(document), -rank)
        for query, row in enumerate(found)
        for rank, document in enumerate(row)
    ]
    assert recall(found, exact) == pytest.approx(ir_measures.calc_aggregate([R @ 10], qrels, run)[R @ 10])


def test_effectiveness_by_hand() -> None:
    qrels = [Qrel("1", "a", 1), Qrel("1", "b", 1), Qrel("2", "c", 1), Qrel("3", "z", 1)]
    ranking = {"1": "xaybzw", "2": "c", "4": "a"}
    depths = []

    def run(k: int) -> list[ScoredDoc]:
        depths.append(k)
        return [
            ScoredDoc(query, document, -rank) for query, row in ranking.items() for rank, document in enumerate(row)
        ]

    first = (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3))
    assert effectiveness(qrels, run) == pytest.approx(
        {"nDCG@10": (first + 1 + 0) / 3, "RR@10": (1 / 2 + 1 + 0) / 3, "R@10": 2 / 3, "R@100": 2 / 3, "R@1000": 2 / 3}
    )
    assert depths == [10, 10, 10, 100, 1000]


def test_latency_is_of_each_query() -> None:
    seen: list[int] = []
    times = latencies(seen.append, range(50))
    assert seen == list(range(50))
    assert times.shape == (50,)
    assert times.min() > 0


def test_summary_of_times() -> None:
    result = summary(np.arange(101.0))
    assert (result.p50, result.p95, result.p99, result.mean) == (50, 95, 99, 50)


def test_qrels(tmp_path: Path) -> None:
    path = tmp_path / "qrels.tsv"
    path.write_text("1\t0\ta\t1\n\n2 Q0 b 0\n")
    assert read_qrels(path) == [Qrel("1", "a", 1), Qrel("2", "b", 0)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"1 0 a 1\nquery-id corpus-id score\n",
            r"qrels\.tsv, line 2: found 'query-id corpus-id score', expected query id",
        ),
        (b"1 0 a high\n", r"line 1: found '1 0 a high'"),
        (b"\n", "no judgements in it"),
        (b"1 0 \xff 1\n", "cannot be read as qrels"),
        (None, "cannot be read as qrels: .*No such file"),
    ],
)
def test_broken_qrels(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "qrels.tsv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_qrels(path)


def test_runs_are_read_back_by_ir_measures(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    run = [ScoredDoc("1", "a", 2.5), ScoredDoc("1", "b", 1.25), ScoredDoc("2", "a", 0.5)]
    write_run(path, run, tag="seismic")
    assert path.read_text().splitlines()[1] == "1 Q0 b 2 1.250000 seismic"
    assert path.read_text().splitlines()[2] == "2 Q0 a 1 0.500000 seismic"
    assert list(ir_measures.read_trec_run(str(path))) == run


@pytest.mark.parametrize("name", ["two words", ""])
def test_ids_that_a_run_cannot_hold(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is not one word, which a TREC run needs"):
        write_run(tmp_path / "run.trec", [ScoredDoc("1", name, 1.0)], tag="seismic")
