"""Everything that can happen to a collection in its life, against a model of dictionaries, with crashes.

`python -m tests.faults.life --examples 500 --steps 60` runs it for longer than the tests do, and prints the number of
steps.
"""

import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import seismic
from seismic import Index, SearchParams, SparseVectors
from seismic.errors import ConflictError
from seismic.store import publish
from tests.naive import Row, matches

Payload = dict[str, Any]

ID = st.sampled_from([f"d{number}" for number in range(12)])
IDS = st.lists(ID, min_size=1, max_size=4, unique=True)
VECTOR = st.dictionaries(st.integers(0, 60), st.integers(1, 255), max_size=5)  # stored exactly
TYPES: dict[str, st.SearchStrategy[Any]] = {
    "n": st.integers(-5, 5),
    "text": st.text("abc \u00e9", max_size=4),
    "flag": st.booleans(),
    "tags": st.lists(st.sampled_from(["x", "y"]), max_size=2),
    "wide": st.one_of(st.integers(-9, 9), st.sampled_from([0.5, 2.25])),
}
PAYLOAD = st.fixed_dictionaries({}, optional=TYPES)
DECLARED = {"n": "int64", "text": "string", "flag": "bool", "tags": "list<string>", "wide": "double", "late": "float"}

STEPS: Counter[str] = Counter()
"""Steps of all machines of this process, each compared with the model."""


class Life(RuleBasedStateMachine):
    """`documents`: id -> vector and payload without nulls. `changed`: id -> sequence of its last change, at least."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "c"
        self.documents: dict[str, tuple[Row, Payload]] = {}
        self.changed: dict[str, int] = {}
        self.sequence, self.dropped = 0, 0
        self.open: Index | None = None

    def teardown(self) -> None:
        if self.open:
            self.open.close()
        shutil.rmtree(self.folder)

    @initialize(layout=st.sampled_from(["shared", "full", "lists"]), columns=st.sets(st.sampled_from(list(DECLARED))))
    def create(self, layout: Any, columns: set[str]) -> None:
        seismic.create(self.path, columns={name: DECLARED[name] for name in sorted(columns)}, layout=layout)
        seismic.alias(self.folder, "live", "c")
        self.open = seismic.open(self.path)

    # ---- changes -------------------------------------------------------------------------------------------------

    def _made(self, sequence: int, ids: list[str]) -> None:
        assert sequence >= self.sequence
        self.sequence = int(sequence)
        self.changed |= dict.fromkeys(ids, self.sequence)

    def _upsert(self, given: dict[str, tuple[Row, Payload]], **conditions: Any) -> None:
        """Insert or replace documents. Without any column, documents keep the payload they have."""
        columns = sorted({name for _, payload in given.values() for name in payload})
        rows = [{"id": id, **{name: payload.get(name) for name in columns}} for id, (_, payload) in given.items()]
        vectors = SparseVectors.from_dicts([{c: float(v) for c, v in sorted(v.items())} for v, _ in given.values()])
        sequence = seismic.upsert(self.path, vectors, _table(rows), **conditions)
        keeps = not columns and self._has_columns()
        for id, (vector, payload) in given.items():
            kept = self.documents.get(id, ({}, {}))[1] if keeps else payload
            self.documents.pop(id, None)
            self.documents[id] = vector, dict(kept)
        self._made(sequence, list(given))

    def _has_columns(self) -> bool:
        with seismic.open(self.path) as index:
            return bool(index.columns)

    @rule(given=st.dictionaries(ID, st.tuples(VECTOR, PAYLOAD), min_size=1, max_size=4))
    def upsert(self, given: dict[str, tuple[Row, Payload]]) -> None:
        self._upsert(given)

    @rule(id=ID, vector=VECTOR, payload=PAYLOAD)
    def insert_if_absent(self, id: str, vector: Row, payload: Payload) -> None:
        before = self.sequence
        try:
            self._upsert({id: (vector, payload)}, if_absent=True)
        except ConflictError:
            assert id in self.documents
            assert self.sequence == before
        else:
            assert self.changed[id] > before

    @rule(id=ID, vector=VECTOR, payload=PAYLOAD, back=st.integers(0, 6))
    def replace_if_unchanged(self, id: str, vector: Row, payload: Payload, back: int) -> None:
        """A change after the sequence is a conflict; the present one never is."""
        seen, changed = max(0, self.sequence - back), self.changed.get(id, 0)
        try:
            self._upsert({id: (vector, payload)}, if_sequence=seen)
        except ConflictError:
            assert back > 0
        else:
            assert seen >= changed

    @rule(ids=IDS, values=PAYLOAD, unset=st.sets(st.sampled_from(list(TYPES))), replace=st.booleans())
    def patch(self, ids: list[str], values: Payload, unset: set[str], replace: bool) -> None:
        with seismic.open(self.path) as index:
            unset = unset & set(index.columns) - values.keys()
        if not values and not unset:
            return
        mode: Any = "replace" if replace else "merge"
        sequence = seismic.patch(self.path, ids=ids, values=values, unset=sorted(unset), mode=mode)
        self._patched([id for id in ids if id in self.documents], values, unset, replace)
        self._made(sequence, ids)

    @rule(bound=st.integers(-5, 5), values=PAYLOAD)
    def patch_by_filter(self, bound: int, values: Payload) -> None:
        if not values or not self._has("n"):
            return
        chosen = self._below(bound)
        sequence = seismic.patch(self.path, filter=_below(bound), values=values)
        assert sequence.updated == len(chosen)
        self._patched(chosen, values, set(), replace=False)
        self._made(sequence, chosen)

    def _patched(self, ids: list[str], values: Payload, unset: set[str], replace: bool) -> None:
        for id in ids:
            vector, payload = self.documents[id]
            kept = {} if replace else {name: value for name, value in payload.items() if name not in unset}
            self.documents[id] = vector, kept | values

    @rule(ids=IDS)
    def delete(self, ids: list[str]) -> None:
        sequence = seismic.delete(self.path, ids)
        for id in ids:
            self.documents.pop(id, None)
        self._made(sequence, ids)

    @rule(bound=st.integers(-5, 5))
    def delete_by_filter(self, bound: int) -> None:
        if not self._has("n"):
            return
        chosen = self._below(bound)
        sequence = seismic.delete(self.path, filter=_below(bound))
        assert sequence.deleted == len(chosen)
        for id in chosen:
            del self.documents[id]
        self._made(sequence, chosen)

    @rule(name=st.sampled_from(list(DECLARED)))
    def add_column(self, name: str) -> None:
        self._made(seismic.add_columns(self.path, {name: DECLARED[name]}), [])

    def _has(self, column: str) -> bool:
        with seismic.open(self.path) as index:
            return column in index.columns

    def _below(self, bound: int) -> list[str]:
        return [id for id, (_, payload) in self.documents.items() if payload.get("n", bound) < bound]

    # ---- reading -------------------------------------------------------------------------------------------------

    @rule(limit=st.integers(1, 4), given=st.dictionaries(ID, st.tuples(VECTOR, PAYLOAD), min_size=1, max_size=2))
    def scroll_while_documents_change(self, limit: int, given: dict[str, tuple[Row, Payload]]) -> None:
        """Each document that does not change comes exactly once."""
        before, seen, cursor, rest = set(self.documents), list[str](), None, dict(given)
        while True:
            with seismic.open(self.path) as index:
                page = index.scroll(limit=limit, cursor=cursor)
            seen += [document.id for document in page.documents]
            if page.cursor is None:
                break
            cursor = page.cursor
            if rest:
                id, document = rest.popitem()
                self._upsert({id: document})
                seismic.compact(self.path)
        assert sorted(id for id in seen if id not in given) == sorted(before - given.keys())
        assert len(seen) == len(set(seen)) or set(given) & {id for id in seen if seen.count(id) > 1}

    @rule(query=st.dictionaries(st.integers(0, 70), st.integers(1, 9), min_size=1, max_size=6))
    def search(self, query: Row) -> None:
        with seismic.open(self.path) as index:
            form = {"indices": sorted(query), "values": [float(query[c]) for c in sorted(query)]}
            known = {c: v for c, v in query.items() if c < index.dimension}
            form = {"indices": sorted(known), "values": [float(known[c]) for c in sorted(known)]}
            truth = matches([vector for vector, _ in self.documents.values()], known)
            names = list(self.documents)
            for params in (SearchParams(), SearchParams(plan="exact", heap_factor=1.0000001)):
                found = {hit.id: hit.score for hit in index.search(form, 100, params=params)} if known else {}
                assert found == {names[number]: score for number, score in truth.items()}

    # ---- life ----------------------------------------------------------------------------------------------------

    @rule()
    def compact(self) -> None:
        seismic.compact(self.path)

    @rule()
    def roll_back(self) -> None:
        """Later changes apply to the generation before, so that nothing is lost."""
        older = [one.generation for one in seismic.generations(self.path) if not one.current]
        if older:
            seismic.rollback(self.path, older[-1])

    @rule()
    def snapshot_and_restore(self) -> None:
        """The copy takes the name of the collection, and the alias moves with it."""
        number = self.dropped = self.dropped + 1
        seismic.create_snapshot(self.path, self.folder / f"{number}.tar")
        before, self.path = self.path, self.folder / f"c{number}"
        seismic.restore_snapshot(self.folder / f"{number}.tar", self.path)
        seismic.alias(self.folder, "live", self.path.name)
        seismic.drop(before)
        with seismic.open(self.path) as index:
            self.sequence = index.sequence
        self.changed = {id: min(sequence, self.sequence) for id, sequence in self.changed.items()}
        assert self.open is not None
        self.open.close()
        self.open = seismic.open(self.folder / "live")

    @rule(step=st.integers(1, 20))
    def kill_a_compaction(self, step: int) -> None:
        """The last published state is served, and nothing blocks the next writer."""
        _killed_at(step, lambda: seismic.compact(self.path))

    @rule(share=st.floats(0.05, 0.95), id=ID)
    def cut_an_append(self, share: float, id: str) -> None:
        """A crash cuts the record of a change that was not acknowledged."""
        saved = self.folder / "saved"
        shutil.copytree(self.path / "log", saved) if (self.path / "log").exists() else saved.mkdir()
        mark = self.path / "WATERMARK"
        watermark = mark.read_bytes() if mark.exists() else None
        seismic.upsert(self.path, SparseVectors.from_dicts([{0: 1.0}]), pa.table({"id": [id]}))
        segment = max((self.path / "log").glob("*.log"))
        old = saved / segment.name
        start, content = old.stat().st_size if old.exists() else 0, segment.read_bytes()
        segment.write_bytes(content[: start + int((len(content) - start) * share)])
        mark.unlink() if watermark is None else mark.write_bytes(watermark)
        shutil.rmtree(saved)

    @invariant()
    def agrees(self) -> None:
        """Every way to read a collection shows what the model holds."""
        if self.open is None:
            return
        STEPS["steps"] += 1
        self.open.refresh()
        with seismic.open(self.folder / "live") as fresh:
            for index in (fresh, self.open):
                assert len(index) == index.count() == len(self.documents)
                page = index.scroll(limit=100, with_vectors=True)
                assert [document.id for document in page.documents] == sorted(self.documents)
                for id, payload, vector in page.documents:
                    assert vector is not None
                    assert dict(zip(vector["indices"], vector["values"], strict=True)) == self.documents[id][0]
                    assert {name: value for name, value in payload.items() if value is not None} == self.documents[id][
                        1
                    ]
                names = [f"d{number}" for number in range(12)]
                assert index.exists(names).tolist() == [name in self.documents for name in names]
            exported = [row for table in fresh.batches(with_vectors=False) for row in table.to_pylist()]
            found = {
                row.pop("id"): {name: value for name, value in row.items() if value is not None} for row in exported
            }
            assert found == {id: payload for id, (_, payload) in self.documents.items()}


def _filled(payload: Payload) -> Payload:
    return {name: value for name, value in payload.items() if value is not None}


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as a table; a column of integers and floats is one of floats."""
    names = rows[0].keys()
    columns = {name: [row[name] for row in rows] for name in names}
    for name, column in columns.items():
        if any(isinstance(value, float) for value in column):
            columns[name] = [value if value is None else float(value) for value in column]
    return pa.table({name: pa.array(column) for name, column in columns.items()})


def _below(bound: int) -> dict[str, Any]:
    return {"must": [{"key": "n", "range": {"lt": bound}}]}


def _killed_at(step: int, action: Callable[[], Any]) -> None:
    """Run an action in a process that is killed when it syncs for the `step`-th time, if it gets there."""
    child = os.fork()
    if child == 0:
        left, sync = [step], publish.fsync

        def killing(path: Path) -> None:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            sync(path)

        publish.fsync = killing  # type: ignore[assignment]
        try:
            action()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def run(examples: int, steps: int) -> None:
    """Run machines of at most `steps` steps."""
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


if __name__ == "__main__":
    import argparse
    import json

    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--steps", type=int, default=60)
    given = parser.parse_args()
    run(given.examples, given.steps)
    print(json.dumps({"examples": given.examples, **STEPS}))
