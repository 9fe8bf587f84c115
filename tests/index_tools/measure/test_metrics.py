import math

import ir_measures
import numpy as np
import pytest
from ir_measures import Qrel, R, ScoredDoc

from seismic import ParameterError
from seismic_tools.measure.metrics import effectiveness, latencies, parse_measures, recall, summary, values_by_query


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


def test_the_order_of_hits_is_judged_and_not_that_of_ids() -> None:
    """Libraries sort by score and break ties by id, which would put "z", the relevant one, first or last."""
    qrels = [Qrel("1", "a", 0), Qrel("1", "m", 1), Qrel("1", "z", 0)]
    for place, order in enumerate(("maz", "amz", "zam"), 1):
        run = [ScoredDoc("1", document, 2.0) for document in order]
        found = effectiveness(qrels, lambda k, run=run: run[:k])
        assert found["RR@10"] == pytest.approx(1 / place)
        assert found["nDCG@10"] == pytest.approx(1 / math.log2(place + 1))


def test_measures_are_those_that_are_named() -> None:
    measures = parse_measures("nDCG@20 AP(rel=2), P@5 nDCG@20")
    assert [str(measure) for measure in measures] == ["nDCG@20", "AP(rel=2)", "P@5"]
    qrels = [Qrel("1", "a", 2), Qrel("1", "b", 1)]
    depths = []

    def run(k: int) -> list[ScoredDoc]:
        depths.append(k)
        return [ScoredDoc("1", "x", 2.0), ScoredDoc("1", "a", 1.0)]

    assert effectiveness(qrels, run, measures)["AP(rel=2)"] == 0.5
    assert values_by_query(qrels, run, measures)["P@5"] == {"1": 0.2}
    assert depths == [20, 1000, 5] * 2


@pytest.mark.parametrize(
    ("text", "said"),
    [("foo@3", "--measures foo@3: measure not found: foo; expected"), ("", "found none"), ("P@x", "--measures P")],
)
def test_unknown_measures_are_refused(text: str, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        parse_measures(text)
