"""Any sequence of changes, compactions, builds, refreshes and kills, against a dictionary.

`python -m tests.faults.test_machine EXAMPLES` runs it for long and says how many steps it took.
"""

import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import seismic
from seismic.store.history import collect_garbage
from tests import naive, samples
from tests.faults.victim import DIMENSION, Victim, build, upsert
from tests.naive import Row

STEPS: Counter[str] = Counter()

ids = st.sampled_from([f"d{number}" for number in range(30)])
vectors = st.dictionaries(st.integers(0, DIMENSION - 1), samples.eighths, max_size=4)
batches = st.dictionaries(ids, vectors, min_size=1, max_size=8)
victim: Victim


class Machine(RuleBasedStateMachine):
    """The model: id -> vector, in the order in which documents were last written."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="seismic-machine-"))
        self.path = self.folder / "index"
        self.model: dict[str, Row] = {}

    @initialize(batch=batches)
    def begin(self, batch: dict[str, Row]) -> None:
        build(self.path, batch)
        self.model = dict(batch)
        self.index = seismic.open(self.path)

    @rule(batch=batches)
    def build(self, batch: dict[str, Row]) -> None:
        build(self.path, batch)
        self.model = dict(batch)

    @rule(batch=batches)
    def upsert(self, batch: dict[str, Row]) -> None:
        upsert(self.path, batch)
        self._upserted(batch)

    @rule(gone=st.lists(ids, min_size=1, max_size=6))
    def delete(self, gone: list[str]) -> None:
        seismic.delete(self.path, gone)
        self._deleted(gone)

    @rule()
    def compact(self) -> None:
        seismic.compact(self.path)

    @rule()
    def collect(self) -> None:
        collect_garbage(self.path, keep=1)

    @rule()
    def reopen(self) -> None:
        self.index.close()
        self.index = seismic.open(self.path)

    @rule(frozen=st.booleans())
    def search_a_frozen_index(self, frozen: bool) -> None:
        self.index.refresh()
        before, model = self.index.frozen(), dict(self.model)
        if frozen:
            self.upsert({"d0": {0: 1.0}})
            self.index.refresh()
        check(before, model)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), step=st.integers(1, 60), half=st.booleans())
    def crash(self, data: st.DataObject, step: int, half: bool) -> None:
        operation = data.draw(st.sampled_from(["upsert", "delete", "compact", "build"]))
        argument: Any = None
        if operation == "delete":
            argument = data.draw(st.lists(ids, min_size=1, max_size=6))
        elif operation != "compact":
            argument = data.draw(batches)
        before = dict(self.model)
        done = victim.run(self.path, operation, argument, step, half)
        if operation == "upsert":
            self._upserted(argument)
        elif operation == "delete":
            self._deleted(argument)
        elif operation == "build":
            self.model = dict(argument)
        with seismic.open(self.path) as index:
            if not done and not agrees(index, self.model):
                self.model = before  # it was not acknowledged, and did not happen

    @invariant()
    def agrees(self) -> None:
        STEPS["steps"] += 1
        if not hasattr(self, "index"):
            return
        self.index.refresh()
        check(self.index, self.model)

    def _upserted(self, batch: dict[str, Row]) -> None:
        for one, row in batch.items():
            self.model.pop(one, None)
            self.model[one] = row

    def _deleted(self, gone: list[str]) -> None:
        self.model = {one: row for one, row in self.model.items() if one not in gone}

    def teardown(self) -> None:
        if hasattr(self, "index"):
            self.index.close()
        shutil.rmtree(self.folder)


def agrees(index: seismic.Index, model: dict[str, Row]) -> bool:
    try:
        check(index, model)
    except AssertionError:
        return False
    return True


def check(index: seismic.Index, model: dict[str, Row]) -> None:
    """All documents are found, and no others, with the scores of the model and in its order."""
    assert len(index) == len(model)
    stored = dict(zip(model, naive.stored(list(model.values())), strict=True))
    for query in ({0: 1.0}, {1: 2.0, 2: 1.0, 3: 0.5}):
        for k in (2, 50):
            expected = [(one, sum(query[c] * row.get(c, 0) for c in query)) for one, row in stored.items()]
            expected = sorted((pair for pair in expected if pair[1] > 0), key=lambda pair: -pair[1])[:k]
            found = [(hit.id, hit.score) for hit in index.search(samples.as_query(query), k)]
            assert [score for _, score in found] == pytest.approx([score for _, score in expected], rel=1e-5)
            if len({round(score, 4) for _, score in expected}) == len(expected) < k:
                assert [one for one, _ in found] == [one for one, _ in expected]
    numbers = index.find([f"d{number}" for number in range(30)])
    assert [number >= 0 for number in numbers] == [f"d{number}" in model for number in range(30)]
    frequency = Counter(component for row in model.values() for component in row)
    assert index.document_frequency().tolist() == [frequency[component] for component in range(DIMENSION)]


def run(examples: int, steps: int) -> None:
    global victim
    victim = Victim()
    try:
        health = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
        budget = settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=health)
        run_state_machine_as_test(Machine, settings=budget)
    finally:
        victim.close()


def test_changes_and_kills_against_a_dictionary() -> None:
    run(5, 30)
    assert STEPS["steps"] > 50


if __name__ == "__main__":
    try:
        run(int(sys.argv[1]), 100)
    finally:
        print(f"{STEPS['steps']} steps")
