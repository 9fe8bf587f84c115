import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import seismic
from seismic import BuildParams, InputError, ParameterError, SearchParams, SparseVectors
from seismic.maintenance.tune import last_true
from seismic.measure.recall import shares_found
from tests import samples
from tests.conftest import Scifact

TARGETS = (0.90, 0.95, 0.97, 0.99)


@pytest.fixture(scope="module", params=["shared", "lists"])
def collection(request: pytest.FixtureRequest, scifact: Scifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuned") / request.param
    seismic.build(scifact.vectors, folder, params=BuildParams(layout=request.param))
    return folder


@pytest.fixture(scope="module")
def halves(scifact: Scifact) -> tuple[SparseVectors, SparseVectors]:
    rows = np.random.default_rng(0).permutation(len(scifact.query_vectors))
    middle = len(rows) // 2
    each = [scifact.query_vectors.slice(row, row + 1) for row in rows.tolist()]
    return SparseVectors.concatenate(each[:middle]), SparseVectors.concatenate(each[middle:])


@pytest.fixture(autouse=True)
def deterministic_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace CPU times by a cost model, so that the chosen settings do not depend on the machine."""
    tuning = sys.modules["seismic.maintenance.tune"]  # `seismic.tune` is the function
    search = tuning._search

    def searched(index: Any, queries: SparseVectors, k: int, params: SearchParams) -> tuple[Any, float]:
        numbers, _ = search(index, queries, k, params)
        work = (params.query_cut or 20) / 20 * (params.bound_share or 1.0) / (params.heap_factor or 1.0)
        return numbers, 1e-3 * len(queries) * work

    monkeypatch.setattr(tuning, "_search", searched)


def test_promises_hold_on_queries_that_tuning_did_not_see(
    collection: Path, halves: tuple[SparseVectors, SparseVectors]
) -> None:
    tuned_on, others = halves
    profiles = seismic.tune(collection, tuned_on, depths=(10,), targets=TARGETS)
    assert [(profile.k, profile.target) for profile in profiles] == [(10, target) for target in (*TARGETS, 1.0)]
    with seismic.open(collection) as index:
        assert index.profiles == tuple(profiles)
        for k in (3, 10, 40):  # also deeper and shallower than measured
            exact, _ = index.search_batch(others, k)
            for profile in profiles:
                found, _ = index.search_batch(others, k, recall=profile.target)
                assert shares_found(found, exact).mean() >= profile.target
    for profile in profiles:
        assert profile.target <= profile.lower <= profile.recall <= profile.upper
        assert profile.queries == len(tuned_on)
        assert 0 < profile.microseconds <= profile.exact_microseconds


def test_a_loose_promise_is_kept_by_something_cheaper(
    collection: Path, halves: tuple[SparseVectors, SparseVectors], monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning = sys.modules["seismic.maintenance.tune"]

    def cost(depth: Any, settings: list[SearchParams], done: object) -> dict[SearchParams, float]:
        return {params: depth.all.recall(params).mean for params in settings}  # the lowest recall is the cheapest

    monkeypatch.setattr(tuning, "WORTHWHILE", 1.0)
    monkeypatch.setattr(tuning._Depth, "_costs", cost)
    loose, exact = seismic.tune(collection, halves[0], depths=(10,), targets=(0.8,))
    assert 0.8 <= loose.lower < loose.recall < 0.9
    assert (loose.exact, exact.exact) == (False, True)
    query = halves[1].slice(0, 1)
    with seismic.open(collection) as index:
        answer = index.answer(query, 10, recall=0.8)
        assert (answer.profile, answer.plan) == (loose, loose.params.plan)
        assert answer.hits == index.search(query, 10, params=loose.params)
        for certain in (0.999, 1.0):
            assert index.answer(query, 10, recall=certain).profile == exact
            assert index.search(query, 10, recall=certain) == index.search(query, 10)


def test_queries_are_made_where_none_are_given(tmp_path: Path) -> None:
    with samples.opened(tmp_path, [{0: 1.0, number % 7: 2.0} for number in range(300)]) as index:
        collection = tmp_path / index.name
    reports: list[tuple[str, int, int]] = []
    profiles = seismic.tune(collection, depths=(5,), targets=(0.9,), sample=50, progress=lambda *at: reports.append(at))
    assert [profile.queries for profile in profiles] == [50, 50]
    assert {stage for stage, _, _ in reports} == {"k = 5"}
    assert reports[-1][1] == reports[-1][2]
    assert [done for _, done, _ in reports] == sorted(done for _, done, _ in reports)


def test_an_open_index_takes_in_what_was_measured(tmp_path: Path) -> None:
    with samples.opened(tmp_path, [{0: 1.0, number % 7: 2.0} for number in range(300)]) as index:
        query = {"indices": [1], "values": [1.0]}
        assert index.answer(query, 10, recall=0.9).profile is None
        profiles = seismic.tune(tmp_path / index.name, depths=(10,))
        assert index.profiles == ()
        assert index.refresh()
        assert list(index.profiles) == profiles
        assert index.answer(query, 10, recall=0.9).profile in profiles
        assert not index.refresh()


def test_a_sample_of_the_queries_is_drawn(tmp_path: Path) -> None:
    rows = [{number: 1.0} for number in range(40)]
    samples.opened(tmp_path, rows).close()
    queries = SparseVectors.from_dicts(rows)
    for sample, measured in ((30, 30), (1000, 40)):
        profiles = seismic.tune(tmp_path / "index", queries, depths=(1,), targets=(0.5,), sample=sample)
        assert [profile.queries for profile in profiles] == [measured, measured]


def test_fewer_queries_where_exact_answers_take_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seismic.build(samples.random_vectors(300), tmp_path / "index")
    queries = samples.random_vectors(400, empty=0)
    monkeypatch.setattr(sys.modules["seismic.maintenance.tune"], "PASS", 0.0)
    profiles = seismic.tune(tmp_path / "index", queries, depths=(10,), targets=(0.9,))
    assert [profile.queries for profile in profiles] == [200, 200]
    monkeypatch.setattr(sys.modules["seismic.maintenance.tune"], "PASS", 1e9)
    profiles = seismic.tune(tmp_path / "index", queries, depths=(10,), targets=(0.9,))
    assert profiles[0].queries > 200


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"depths": ()}, "depths: found .*, expected numbers of hits"),
        ({"depths": (0, 10)}, "depths: found .*0, 10.*, expected numbers of hits, at least 1"),
        ({"targets": (1.0,)}, "targets: found .*1.0.*, expected recalls between 0 and 1"),
        ({"targets": (float("nan"),)}, "targets"),
        ({"sample": 0}, "sample is 0"),
    ],
)
def test_parameters_out_of_range(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        seismic.tune(tmp_path, **values)


def test_queries_that_teach_nothing(tmp_path: Path) -> None:
    samples.opened(tmp_path, [{0: 1.0}, {1: 1.0}, {}], 3).close()
    for rows in ([], [{2: 1.0}, {7: 1.0}]):
        message = f"queries: found none of {len(rows)} that any document matches, expected at least one"
        with pytest.raises(InputError, match=message):
            seismic.tune(tmp_path / "index", SparseVectors.from_dicts(rows, 8))
    some = SparseVectors.from_dicts([{2: 1.0}] * 150 + [{0: 1.0}])
    assert seismic.tune(tmp_path / "index", some, depths=(1,))[0].queries == 1


@given(st.integers(0, 70), st.integers(0, 70), st.integers(0, 70))
def test_the_last_true_holds(count: int, good: int, guess: int) -> None:
    items = range(count)
    if count:
        tried: list[int] = []
        last = last_true(lambda item: tried.append(item) or item < good, items, min(guess, count - 1))
        assert last == min(good, count) - 1
        assert len(tried) == len(set(tried)) <= 2 * np.log2(count + 2) + 3
