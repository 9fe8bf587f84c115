"""Random sequences of builds, changes, compactions, snapshots, restores, rollbacks and kills, against a model.

`python -m tests.faults.test_machine EXAMPLES` runs more examples and prints the number of steps.
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
from tests.faults.model import Documents, Model
from tests.faults.victim import DIMENSION, Victim, build, upsert

STEPS: Counter[str] = Counter()

ids = st.sampled_from([f"d{number}" for number in range(30)])
vectors = st.dictionaries(st.integers(0, DIMENSION - 1), samples.eighths, max_size=4)
batches = st.dictionaries(ids, vectors, min_size=1, max_size=8)
victim: Victim

KILLED_WITHIN = {
    "build": 40,
    "upsert": 10,
    "delete": 10,
    "compact": 40,
    "rollback": 12,
    "snapshot": 10,
    "restore": 100,
}
"""Upper limit of the step at which each operation is killed; some operations finish before."""


class Machine(RuleBasedStateMachine):
    """One collection; after a restore elsewhere, the restored one."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="seismic-machine-"))
        self.snapshots: list[tuple[str, Documents]] = []
        self.frozen: tuple[seismic.Index, Documents] | None = None

    @initialize(batch=batches)
    def begin(self, batch: Documents) -> None:
        self.model = Model(self.folder / "index")
        build(self.model.path, batch)
        self.model.look(batch)
        self.index = seismic.open(self.model.path)

    @rule(batch=batches)
    def build(self, batch: Documents) -> None:
        before = self.model.current
        build(self.model.path, batch)
        self._published(batch)
        assert before in self.model.generations

    @rule(batch=batches)
    def upsert(self, batch: Documents) -> None:
        upsert(self.model.path, batch)
        self.model.changes.append(batch)

    @rule(gone=st.lists(ids, min_size=1, max_size=6))
    def delete(self, gone: list[str]) -> None:
        seismic.delete(self.model.path, gone)
        self.model.changes.append(gone)

    @rule()
    def compact(self) -> None:
        documents = self.model.documents
        if seismic.compact(self.model.path):
            self._published(documents)

    @rule()
    def collect(self) -> None:
        collect_garbage(self.model.path, keep=1)
        assert not self.model.look({})

    @precondition(lambda self: len(self.model.generations) > 1)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        names: list[str | None] = [*sorted(self.model.generations)]
        one_before = self.model.older[-1:]
        name = data.draw(st.sampled_from([*names, None] if one_before else names))
        assert seismic.rollback(self.model.path, name) == (name or one_before[0])
        assert not self.model.look({})
        assert self.model.current == (name or one_before[0])

    @rule(compress=st.booleans())
    def snapshot(self, compress: bool) -> None:
        file = self._file()
        seismic.create_snapshot(self.model.path, file, compress=compress)
        self.snapshots.append((file, self.model.documents))

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data(), elsewhere=st.booleans(), keep=st.integers(1, 4))
    def restore(self, data: st.DataObject, elsewhere: bool, keep: int) -> None:
        file, documents = data.draw(st.sampled_from(self.snapshots))
        path = self.folder / f"elsewhere-{STEPS['steps']}" if elsewhere else self.model.path
        seismic.restore_snapshot(file, path, keep=keep)
        if elsewhere:
            self.model = Model(path)
            self.reopen()
        self._published(documents)

    @rule()
    def reopen(self) -> None:
        self.index.close()
        self.index = seismic.open(self.model.path)

    @rule()
    def freeze(self) -> None:
        self.index.refresh()
        self.frozen = self.index.frozen(), self.model.documents

    @precondition(lambda self: self.frozen)
    @rule()
    def search_what_is_frozen(self) -> None:
        assert self.frozen
        check(*self.frozen)
        self.frozen = None

    @rule(data=st.data(), half=st.booleans())
    def crash(self, data: st.DataObject, half: bool) -> None:
        operation, arguments = data.draw(st.sampled_from(self._operations()))
        argument = data.draw(arguments)
        step = data.draw(st.integers(1, KILLED_WITHIN[operation]))
        before, documents = self.model.current, self.model.documents
        done = victim.run(self.model.path, operation, argument, step, half)
        STEPS[f"{operation} {'done' if done else 'killed'}"] += 1
        if operation in ("upsert", "delete"):
            sequence = self.index.view.log_end.sequence
            self.index.refresh()
            if done or self.index.view.log_end.sequence > sequence:
                self.model.changes.append(argument)
        elif operation == "snapshot":
            if done or Path(argument).exists():
                self.snapshots.append((argument, documents))
        elif operation == "rollback":
            assert not self.model.look({})
            assert self.model.current in ({argument} if done else {argument, before})
        else:
            if operation != "compact":
                documents = argument if operation == "build" else dict(self.snapshots)[argument]
            new = self.model.look(documents)
            assert self.model.current in (new if done and operation != "compact" else {*new, before})

    @invariant()
    def agrees(self) -> None:
        STEPS["steps"] += 1
        if not hasattr(self, "index"):
            return
        self.index.refresh()
        assert self.index.generation == self.model.current
        check(self.index, self.model.documents)

    def _operations(self) -> list[tuple[str, st.SearchStrategy[Any]]]:
        """Return the operations that can be killed, with their arguments."""
        files = [file for file, _ in self.snapshots]
        return [
            ("build", batches),
            ("upsert", batches),
            ("delete", st.lists(ids, min_size=1, max_size=6)),
            ("compact", st.none()),
            ("rollback", st.sampled_from(sorted(self.model.generations))),
            ("snapshot", st.just(self._file())),
            *([("restore", st.sampled_from(files))] if files else []),
        ]

    def _file(self) -> str:
        return str(self.folder / f"{STEPS['steps']}.snapshot")

    def _published(self, documents: Documents) -> None:
        assert self.model.look(documents) == {self.model.current}

    def teardown(self) -> None:
        if hasattr(self, "index"):
            self.index.close()
        self.frozen = None
        shutil.rmtree(self.folder)


def check(index: seismic.Index, model: Documents) -> None:
    """Check that exactly the model's documents are found, with its scores and in its order."""
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
        print(*(f"{count} {what}" for what, count in STEPS.most_common()), sep="\n")
