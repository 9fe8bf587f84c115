"""Which settings are measured, in which order, and what is read off them."""

import json

import orjson
import pytest

from seismic_tools.measure.bench.engines import NAMES, load_engine
from seismic_tools.measure.bench.engines.base import Shape
from seismic_tools.measure.bench.results import Swept, Timing, Trial
from seismic_tools.measure.bench.schedule import interleave, turns
from seismic_tools.measure.bench.stages import choose
from seismic_tools.measure.fronts import Point, around, pareto_front, seconds_at

SHAPE = Shape(documents=319_203, dimension=30_522, nnz=27_000_000, longest=438)


def test_a_front_has_what_nothing_beats() -> None:
    points = [Point(0.9, 2.0), Point(0.8, 1.0), Point(0.8, 0.9), Point(0.85, 2.5), Point(0.95, 4.0), Point(0.95, 3.0)]
    assert pareto_front(points, lambda point: point) == [Point(0.8, 0.9), Point(0.9, 2.0), Point(0.95, 3.0)]
    assert pareto_front([], lambda point: point) == []


def test_seconds_between_points_of_a_front() -> None:
    front = [Point(0.8, 1.0), Point(0.9, 4.0), Point(1.0, 5.0)]
    assert seconds_at(front, 0.85) == pytest.approx(2.0)  # the geometric mean
    assert seconds_at(front, 0.825) == pytest.approx(2**0.5)
    assert seconds_at(front, 0.9) == 4.0
    assert seconds_at(front, 0.5) == 1.0  # no setting is faster, and this one finds more
    assert seconds_at(front, 1.0) == 5.0
    assert seconds_at(front[:2], 0.95) is None
    assert seconds_at([], 0.5) is None


def test_what_lies_around_targets() -> None:
    front = [Point(recall / 100, recall) for recall in range(50, 100, 5)]
    kept = around(front, lambda point: point, (0.70, 0.82))
    assert [round(point.recall * 100) for point in kept] == [50, 65, 70, 75, 80, 85, 90, 95]
    assert around(front[:1], lambda point: point, (0.9,)) == front[:1]
    assert around([], lambda point: point, (0.9,)) == []


def test_turns() -> None:
    assert turns([["a1", "a2", "a3"], ["b1"], ["c1", "c2"]]) == ["a1", "b1", "c1", "a2", "c2", "a3"]
    assert turns([]) == []


def test_passes_are_interleaved_and_slow_members_not_repeated() -> None:
    ran = []

    def run(member: str) -> float:
        ran.append(member)
        return {"a": 1.0, "b": 3.0, "slow": 9.0}[member]

    interleave([["a", "slow"], ["b"]], repeats=4, budget=6.0, run=run)
    assert ran == ["a", "b", "slow", "a", "b", "a", "a"]


def test_timing_is_the_median_of_passes() -> None:
    single = Timing.of([[1.0, 3.0], [9.0, 11.0], [2.0, 4.0]], [1.5, 1.0, 2.5])
    assert (single.cpu, single.cpu_passes) == (1.5, [1.5, 1.0, 2.5])
    assert (single.wall, single.wall_passes) == (3.0, [2.0, 10.0, 3.0])
    assert single.percentiles is not None
    assert single.percentiles["p50"] == 3.5
    assert Timing.of([[2.0], [1.0]], [1.0, 1.0]).percentiles is None


def test_choice_per_engine_and_depth() -> None:
    def swept(engine: str, k: int, found: float, seconds: float, exact: bool = False) -> Swept:
        return Swept(Trial(engine, 0, k, {}, exact), found, seconds)

    front = [swept("a", 10, 0.5 + step / 10, 1.0 + step) for step in range(5)]
    beaten = swept("a", 10, 0.55, 9.0)
    exact = [swept("a", 10, 0.9, 12.0, exact=True), swept("a", 10, 0.9, 11.0, exact=True)]
    others = [swept("b", 10, 0.1, 100.0), swept("a", 100, 0.1, 100.0)]
    chosen = choose([*front, beaten, *exact, *others])
    assert set(chosen) == {one.trial for one in [front[0], front[3], front[4], exact[1], *others]}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("quick", [False, True])
def test_knobs(name: str, quick: bool) -> None:
    engine = load_engine(name)
    assert engine.name == name
    builds = engine.builds(SHAPE, quick)
    assert (len(builds) == 1) == quick
    settings = [setting for build in builds for setting in engine.settings(build, 10, quick)]
    assert len(settings) > 3 or not any(one.knobs for one in settings)
    assert json.loads(json.dumps([builds, settings])) == json.loads(orjson.dumps([builds, [list(s) for s in settings]]))
    distinct = {(number, json.dumps(s.knobs)) for number, b in enumerate(builds) for s in engine.settings(b, 10, quick)}
    assert len(distinct) == len(settings)
