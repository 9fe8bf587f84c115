"""Patches, conditions and deletes by filter, compared with a dict."""

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seismic
from seismic import ConflictError, DeadlineError, FilterError, Index, InputError, ParameterError, SparseVectors
from seismic.changes.patches import Patch
from seismic.changes.records import Change, Delete, Upsert
from seismic.changes.updates import Writer
from seismic.edits.conditions import Conditions
from seismic.edits.editor import Committed, Edit, Editor

IDS = [f"d{number}" for number in range(8)]
Model = dict[str, tuple[float, dict[str, Any]]]
"""Id to weight of component 0 and payload."""

ids = st.sampled_from(IDS)
values = st.none() | st.integers(0, 3)
weights = st.integers(1, 8).map(float)


def build(folder: Path, shards: int = 2) -> Path:
    """Build a collection of the first six ids, of which one has an empty vector."""
    vectors = SparseVectors.from_dicts([{0: 1.0 + at} for at in range(5)] + [{}], 4)
    columns = {"a": pa.array(range(6), pa.int64()), "b": [f"b{at}" for at in range(6)]}
    seismic.build(vectors, folder / "index", documents=pa.table({"id": IDS[:6], **columns}), shards=shards)
    return folder / "index"


def start() -> Model:
    return {IDS[at]: (1.0 + at if at < 5 else 0.0, {"a": at, "b": f"b{at}"}) for at in range(6)}


def stored(path: Path) -> Model:
    with seismic.open(path) as index:
        found = [document for page in pages(index) for document in page]
    return {one.id: ((one.vector["values"] or [0.0])[0], one.payload) for one in found}


def pages(index: Index) -> Any:
    cursor = None
    while True:
        page = index.scroll(limit=3, cursor=cursor, with_vectors=True)
        yield page.documents
        if (cursor := page.cursor) is None:
            return


# ---- records of several changes ---------------------------------------------------------------------------------

upserts = st.tuples(st.just("upsert"), st.dictionaries(ids, st.tuples(weights, values, values), min_size=1))
vectors_alone = st.tuples(st.just("vectors"), st.dictionaries(ids, weights, min_size=1))
deletes = st.tuples(st.just("delete"), st.lists(ids, min_size=1))
patches = st.tuples(
    st.just("patch"), st.dictionaries(ids, st.tuples(values, values), min_size=1), st.sampled_from(["a", "b", "ab"])
)
steps = st.lists(st.lists(upserts | vectors_alone | deletes | patches, min_size=1, max_size=5), max_size=5)


def change(step: tuple[Any, ...], rules: Any) -> Change:
    """Return a step as a change."""
    kind, what = step[:2]
    if kind == "delete":
        return Delete(pa.array(what, pa.string()))
    named = pa.array(list(what), pa.string())
    if kind == "patch":
        columns = {"a": pa.array([a for a, _ in what.values()], pa.int64())}
        columns["b"] = pa.array([None if b is None else f"b{b}" for _, b in what.values()], pa.string())
        return Patch(pa.table({"id": named, **{name: columns[name] for name in step[2]}}))
    if kind == "vectors":
        vectors = SparseVectors.from_dicts([{0: weight} for weight in what.values()], 4)
        return Upsert(vectors, pa.table({"id": named}), keeps_payload=True)
    vectors = SparseVectors.from_dicts([{0: weight} for weight, _, _ in what.values()], 4)
    b = [None if one is None else f"b{one}" for _, _, one in what.values()]
    return Upsert(
        vectors,
        pa.table(
            {"id": named, "a": pa.array([a for _, a, _ in what.values()], pa.int64()), "b": pa.array(b, pa.string())}
        ),
    )


def apply(model: Model, step: tuple[Any, ...]) -> None:
    kind, what = step[:2]
    if kind == "delete":
        for id in what:
            model.pop(id, None)
    elif kind == "upsert":
        for id, (weight, a, b) in what.items():
            model[id] = weight, {"a": a, "b": None if b is None else f"b{b}"}
    elif kind == "vectors":
        for id, weight in what.items():
            model[id] = weight, model[id][1] if id in model else {"a": None, "b": None}
    else:
        for id, (a, b) in what.items():
            if id in model:
                new = {"a": a, "b": None if b is None else f"b{b}"}
                model[id] = model[id][0], {**model[id][1], **{name: new[name] for name in step[2]}}


@settings(deadline=None)
@given(steps, st.integers(1, 3), st.booleans(), st.booleans())
def test_mixed_records(
    tmp_path_factory: pytest.TempPathFactory, records: list[Any], shards: int, refreshed: bool, compacted: bool
) -> None:
    path, model = build(tmp_path_factory.mktemp("mixed"), shards), start()
    writer, index = Writer(path), seismic.open(path)
    for record in records:
        writer.append(lambda rules, record=record: [change(step, rules) for step in record])
        for step in record:
            apply(model, step)
        if refreshed:
            index.refresh()
    index.refresh()
    shown = {one.id: one.payload for one in index.scroll().documents}
    assert shown == {id: payload for id, (_, payload) in model.items()}
    assert stored(path) == model  # replayed at once
    if compacted:
        seismic.compact(path)
        assert stored(path) == model


def test_a_patch_keeps_vectors_bit_by_bit(tmp_path: Path, scifact: Any) -> None:
    seismic.build(scifact.vectors.slice(0, 500), tmp_path / "index", documents=scifact.documents.slice(0, 500))
    index = seismic.open(tmp_path / "index")
    wanted = scifact.documents["id"].to_pylist()[:500]
    before = index.fetch(wanted, with_vectors=True)
    changed = seismic.patch(tmp_path / "index", ids=wanted[::2], values={"title": "new"}, unset=["text"])
    assert (changed.created, changed.updated, changed.deleted) == (0, 250, 0)
    for compacted in (False, True):
        if compacted:
            seismic.compact(tmp_path / "index")
        index.refresh()
        for at, (old, new) in enumerate(zip(before, index.fetch(wanted, with_vectors=True), strict=True)):
            patched = {"title": "new", "text": None} if at % 2 == 0 else {}
            assert new == old._replace(payload={**old.payload, **patched})


# ---- functions ---------------------------------------------------------------------------------------------------


def test_forms_of_patches(tmp_path: Path) -> None:
    path, model = build(tmp_path), start()
    assert seismic.patch(path, [{"id": "d0", "a": 7}, {"id": "d1", "b": None}, {"id": "none", "a": 1}]).updated == 2
    model["d0"][1]["a"], model["d1"][1]["b"] = 7, None
    assert seismic.patch(path, ids=["d2", "d2"], values={"a": 9}, unset=["b"]).updated == 1
    model["d2"] = 3.0, {"a": 9, "b": None}
    assert seismic.patch(path, pa.table({"id": ["d5"], "b": ["x"]}), mode="replace").updated == 1
    model["d5"] = 0.0, {"a": None, "b": "x"}
    wanted = {"must": [{"key": "a", "range": {"gte": 7}}]}
    assert seismic.patch(path, filter=wanted, values={"b": "big"}).updated == 2
    model["d0"][1]["b"] = model["d2"][1]["b"] = "big"
    before = seismic.open(path).sequence
    assert seismic.patch(path, filter={"must": [{"key": "a", "match": {"value": 99}}]}, values={"a": 1}) == before
    assert stored(path) == model
    assert seismic.patch(path, ids=["d0"], values={"new": 1.5}).updated == 1  # a new column
    assert stored(path)["d0"][1]["new"] == 1.5
    assert stored(path)["d1"][1]["new"] is None


def test_deletes_by_filter(tmp_path: Path) -> None:
    path = build(tmp_path)
    wanted = {"must": [{"key": "a", "range": {"lt": 3}}]}
    changed = seismic.delete(path, filter=wanted)
    assert (int(changed), changed.created, changed.updated, changed.deleted) == (1, 0, 0, 3)
    assert sorted(stored(path)) == ["d3", "d4", "d5"]
    assert seismic.delete(path, filter=wanted) == 1  # nothing to delete, so nothing is written
    assert seismic.delete(path, filter={}).deleted == 3
    assert stored(path) == {}


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({}, ParameterError, "found none, expected one of documents, ids and filter"),
        ({"ids": ["d0"], "filter": {}}, ParameterError, "found ids and filter, expected one of"),
        ({"ids": ["d0"]}, ParameterError, "found neither values nor unset"),
        ({"ids": ["d0"], "values": {"a": 1}, "mode": "x"}, ParameterError, "mode is 'x', expected merge or replace"),
        ({"ids": ["d0"], "values": {"a": 1}, "unset": ["a"]}, InputError, "field 'a': found in values and in unset"),
        ({"ids": ["d0"], "unset": ["c"]}, InputError, r"unset: found column 'c', .* of the collection \(a, b\)"),
        ({"ids": ["d0"], "unset": "a"}, ParameterError, "unset is 'a', expected a list of columns"),
        ({"ids": ["d0"], "values": [1]}, ParameterError, "values is .*, expected a mapping"),
        ({"ids": ["d0"], "values": {"id": "x"}}, InputError, "found the column 'id', expected payload columns"),
        ({"ids": ["d0"], "values": {"a": object()}}, InputError, "field 'a': found .*, expected a value of a column"),
        ({"ids": ["d0"], "values": {"a": "x"}}, InputError, "field 'a': found string, expected int64"),
        ({"ids": "d0", "values": {"a": 1}}, InputError, "found 'd0', expected a list of ids"),
        ({"ids": [7], "values": {"a": 1}}, InputError, "found 7, expected a string"),
        ({"documents": [{"id": "d0", "a": 1}, {"id": "d0", "b": "x"}]}, InputError, "found an id twice"),
        ({"documents": [{"a": 1}]}, InputError, "expected a column 'id'"),
        ({"documents": [{"id": "d0"}], "values": {"a": 1}}, ParameterError, "found documents with values or unset"),
        ({"filter": {"must": [{"key": "c", "match": {"value": 1}}]}, "values": {"a": 1}}, FilterError, "'c'"),
        ({"filter": {}, "values": {"a": 1}, "if_sequence": 0}, ParameterError, "found if_sequence with filter"),
        ({"ids": ["d0"], "values": {"a": 1}, "if_sequence": "0"}, ParameterError, "if_sequence is '0'"),
        ({"ids": ["d0"], "values": {"a": 1}, "if_sequence": {"d1": 0}}, InputError, "found id 'd1', expected ids of"),
        ({"ids": ["d0"], "values": {"a": 1}, "if_sequence": 9}, InputError, "found 9, expected at most 0, the last"),
    ],
)
def test_wrong_patches_change_nothing(
    tmp_path: Path, arguments: dict[str, Any], kind: type[Exception], message: str
) -> None:
    path = build(tmp_path)
    with pytest.raises(kind, match=message):
        seismic.patch(path, **arguments)
    assert stored(path) == start()
    assert seismic.open(path).sequence == 0


def test_wrong_deletes(tmp_path: Path) -> None:
    path = build(tmp_path)
    for arguments, message in (
        ({}, "found neither ids and filter, expected one of them"),
        ({"ids": ["d0"], "filter": {}}, "found both ids and filter"),
        ({"filter": {}, "if_sequence": 0}, "found if_sequence with filter"),
    ):
        with pytest.raises(ParameterError, match=message):
            seismic.delete(path, **arguments)
    assert stored(path) == start()


# ---- conditions --------------------------------------------------------------------------------------------------


def put(path: Path, id: str, weight: float = 1.0, **conditions: Any) -> seismic.Changed:
    return seismic.upsert(path, SparseVectors.from_dicts([{0: weight}], 4), [{"id": id, "a": 1}], **conditions)


def test_if_absent(tmp_path: Path) -> None:
    path = build(tmp_path)
    assert put(path, "new", if_absent=True).created == 1
    with pytest.raises(ConflictError, match=r"document 'new': it exists, expected no document \(if_absent\)") as caught:
        put(path, "new", 2.0, if_absent=True)
    assert caught.value.conflicts == [("new", 1)]
    with pytest.raises(ConflictError) as caught:
        put(path, "d0", if_absent=True)
    assert caught.value.conflicts == [("d0", 0)]
    assert stored(path)["new"][0] == 1.0
    seismic.delete(path, ["new"])
    assert put(path, "new", 3.0, if_absent=True) == 3
    with pytest.raises(ParameterError, match="found if_absent and if_sequence"):
        put(path, "new", if_absent=True, if_sequence=1)


def test_if_sequence(tmp_path: Path) -> None:
    path = build(tmp_path)
    read = seismic.open(path).sequence
    assert put(path, "d0", 7.0, if_sequence=read) == 1
    with pytest.raises(ConflictError, match=r"document 'd0': change 1 is later than 0 \(if_sequence\)") as caught:
        put(path, "d0", 8.0, if_sequence=read)
    assert caught.value.conflicts == [("d0", 1)]
    with pytest.raises(ConflictError):
        seismic.delete(path, ["d1", "d0"], if_sequence=read)
    with pytest.raises(ConflictError):
        seismic.patch(path, ids=["d0"], values={"a": 5}, if_sequence={"d0": 0})
    assert stored(path)["d0"][0] == 7.0
    assert "d1" in stored(path)
    assert seismic.delete(path, ["d0"], if_sequence=1).deleted == 1
    with pytest.raises(ConflictError):  # it is gone since
        put(path, "d0", if_sequence=1)
    assert put(path, "d0", if_sequence={"d0": 2}).created == 1
    seismic.compact(path)
    with pytest.raises(ConflictError) as caught:  # older than the generation: read again
        put(path, "d1", if_sequence=1)
    assert caught.value.conflicts == [("d1", 3)]
    assert put(path, "d1", if_sequence=3) == 4


def test_edits_of_a_group_see_the_earlier_ones(tmp_path: Path) -> None:
    path = build(tmp_path)
    editor = Editor(path)

    def upserting(id: str, weight: float, conditions: Conditions) -> Edit:
        vectors = SparseVectors.from_dicts([{0: weight}], 4)

        def make(rules: Any, state: Any) -> list[Change]:
            conditions.check(rules, state)
            table = pa.table({"id": [id], "a": pa.array([50], pa.int64()), "b": pa.array([None], pa.string())})
            return [Upsert(vectors, table)]

        return Edit(make, depends=True)

    def deleting(rules: Any, state: Any) -> list[Change]:
        return [Delete(state.matching({"must": [{"key": "a", "match": {"value": 50}}]}))]

    outcomes = editor.commit(
        [
            upserting("new", 1.0, Conditions(absent=["new"])),
            upserting("new", 2.0, Conditions(absent=["new"])),
            upserting("new", 3.0, Conditions(unchanged={"new": 0})),
            Edit(deleting, depends=True),
            upserting("new", 4.0, Conditions(absent=["new"])),
        ]
    )
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Committed, ConflictError, ConflictError, Committed, Committed]
    assert [tuple(one.counts) for one in outcomes if isinstance(one, Committed)] == [(1, 0, 0), (0, 0, 1), (1, 0, 0)]
    assert stored(path)["new"][0] == 4.0
    assert seismic.open(path).sequence == 1


def claim(path: Path, who: int) -> list[str]:
    """Return the ids that this caller inserted first."""
    won = []
    for number in range(10):
        try:
            put(path, f"claimed{number}", float(who), if_absent=True)
            won.append(f"claimed{number}")
        except ConflictError:
            pass
    return won


def test_exactly_one_claims_an_id(tmp_path: Path) -> None:
    path = build(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        by_threads = list(pool.map(lambda who: claim(path, who), range(1, 9)))
    assert sorted(id for won in by_threads for id in won) == [f"claimed{number}" for number in range(10)]
    weight = {id: float(who) for who, won in enumerate(by_threads, 1) for id in won}
    found = stored(path)
    assert {id: found[id][0] for id in weight} == weight


def test_exactly_one_process_claims_an_id(tmp_path: Path) -> None:
    path = build(tmp_path)
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        by_processes = pool.starmap(claim, [(path, who) for who in range(1, 4)])
    assert sorted(id for won in by_processes for id in won) == [f"claimed{number}" for number in range(10)]
    weights = {id: float(who) for who, won in enumerate(by_processes, 1) for id in won}
    found = stored(path)
    assert {id: found[id][0] for id in weights} == weights


def test_counters_lose_no_increment(tmp_path: Path) -> None:
    """Optimistic concurrency: read, add one, write if nobody else did meanwhile."""
    path = build(tmp_path)
    seismic.patch(path, ids=["d0"], values={"a": 0})

    def increment(_: int) -> None:
        for _ in range(5):
            while True:
                with seismic.open(path) as index:
                    (document,) = index.fetch(["d0"])
                    assert document is not None
                    try:
                        seismic.patch(
                            path, ids=["d0"], values={"a": document.payload["a"] + 1}, if_sequence=index.sequence
                        )
                        break
                    except ConflictError:
                        continue

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(increment, range(4)))
    assert stored(path)["d0"][1]["a"] == 20


def test_an_index_waits_for_a_change(tmp_path: Path) -> None:
    path = build(tmp_path)
    index = seismic.open(path)
    assert not index.refresh(min_sequence=0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(index.refresh, min_sequence=2, timeout=600)
        put(path, "new")
        put(path, "new")
        assert waiting.result()
    assert index.sequence == 2
    with pytest.raises(DeadlineError, match=r"min_sequence: index 'index' includes changes up to 2, expected 3 within"):
        index.refresh(min_sequence=3, timeout=0.01)
    with pytest.raises(ParameterError, match="min_sequence is 'x'"):
        index.refresh(min_sequence="x")


def test_a_scroll_during_concurrent_changes(tmp_path: Path) -> None:
    """Every document that nobody changes comes exactly once, in order."""
    vectors = SparseVectors.from_dicts([{0: 1.0}] * 300, 4)
    names = [f"k{number:03}" for number in range(300)]
    seismic.build(vectors, tmp_path / "index", documents=pa.table({"id": names, "a": [n % 5 for n in range(300)]}))
    path, stop = tmp_path / "index", threading.Event()
    touched = names[::3]

    def disturb() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            put(path, touched[number * 7 % 100])
            seismic.delete(path, [touched[number * 11 % 100]])
            seismic.patch(path, ids=[touched[number * 13 % 100]], values={"a": number % 5})
            if number % 5 == 0:
                seismic.compact(path)

    with ThreadPoolExecutor(1) as pool:
        disturbing = pool.submit(disturb)
        try:
            for order in ("id", "a"):
                seen, cursor = list[str](), None
                while True:
                    with seismic.open(path) as index:
                        page = index.scroll(limit=9, cursor=cursor, order_by=order if cursor is None else None)
                    seen += [document.id for document in page.documents]
                    if (cursor := page.cursor) is None:
                        break
                left = [id for id in seen if id not in set(touched)]
                key = (lambda id: id) if order == "id" else (lambda id: (int(id[1:]) % 5, id))
                assert left == sorted(set(names) - set(touched), key=key)
        finally:
            stop.set()
        disturbing.result()
