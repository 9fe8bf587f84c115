"""Why documents are not found, against naive scores and filters, over shards, changes and deletions."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import InputError, ParameterError, QueryError
from seismic.stop import Stop, stoppable_by
from tests import naive, samples
from tests.filters.test_filters import BUILDS, COUNT, Collection, build, filters, queries
from tests.naive import Row
from tests.naive_filters import meets


@pytest.fixture(scope="module", params=BUILDS, ids=lambda param: param[0])
def collection(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    made = build(tmp_path_factory.mktemp("why") / "index", *request.param)
    yield made
    made.index.close()


def ranks_of(collection: Collection, query: Row, wanted: dict[str, Any]) -> dict[int, int]:
    """Return the rank of each match by the collection's own scores, ties by number."""
    hits = collection.index.search(samples.as_query(query), 1000, filter=wanted)
    return {hit.number: rank for rank, hit in enumerate(hits, 1)}


numbers = st.lists(st.integers(0, COUNT + 29), min_size=1)


@given(wanted=filters, query=queries, k=st.sampled_from([1, 3, 10, 1000]), at=numbers)
def test_states_ranks_and_scores(
    collection: Collection, wanted: dict[str, Any], query: Row, k: int, at: list[int]
) -> None:
    index, ids = collection.index, [f"d{number}" for number in at]
    live = {document["id"]: number for number, document in enumerate(collection.documents) if document}
    ranks, everywhere = ranks_of(collection, query, wanted), ranks_of(collection, query, {})
    hits = index.search(samples.as_query(query), k, filter=wanted)
    kth = hits[-1].score if len(hits) == k else None
    for id, found in zip(ids, index.why_not(samples.as_query(query), ids, wanted, k), strict=True):
        assert found.id == id
        if id not in live:
            assert (found.state, found.score, found.components) == ("deleted", None, ())
            continue
        number = live[id]
        assert found.score == pytest.approx(naive.dot(collection.rows[number], query), rel=1e-5)
        assert (found.rank, found.rank_unfiltered, found.kth) == (ranks.get(number), everywhere.get(number), kth)
        assert found.distance == (None if kth is None else pytest.approx(found.score - kth))
        assert {part.component for part in found.components} == collection.rows[number].keys() & query.keys()
        assert sum(part.product for part in found.components) == pytest.approx(found.score, rel=1e-5)
        matches = meets(collection.documents[number], wanted)  # type: ignore[arg-type]
        assert (found.state == "excluded") == (not matches) == bool(found.excluded_by)
        if matches:
            rank = ranks.get(number)
            assert found.state == ("no_match" if rank is None else "hit" if rank <= k else "beyond_limit")


@given(wanted=filters, at=st.integers(0, COUNT + 29))
def test_the_conditions_that_exclude(collection: Collection, wanted: dict[str, Any], at: int) -> None:
    document = next((one for one in collection.documents if one and one["id"] == f"d{at}"), None)
    if document is None:
        return
    (found,) = collection.index.why_not(samples.as_query({0: 1.0}), [f"d{at}"], wanted)
    for path in found.excluded_by:
        condition, negated = condition_at(wanted, path)
        assert meets(document, condition) == negated, path


def condition_at(wanted: dict[str, Any], path: str) -> tuple[dict[str, Any], bool]:
    """Return the condition at a path of a filter, and whether it must not hold."""
    part: Any = wanted
    steps = path.removeprefix("filter").replace("[", ".[").split(".")[1:]
    negated = False
    for at, step in enumerate(steps):
        if step.startswith("[") and step[1:-1].isdecimal():
            part = part[int(step[1:-1])]
        elif step == "should" and at == len(steps) - 1:
            return {"should": part["should"]}, negated
        elif step in ("must", "must_not"):
            negated = step == "must_not"
            part = part[step]
        else:  # a column of the short form
            key = ".".join(steps[at:]).replace(".[", "[")
            name = key if key in part else key[2:-2].replace("\\\\", "\\")
            return {name: part[name]}, negated
    return part, negated


def test_reasons(collection: Collection) -> None:
    index, query = collection.index, samples.as_query({0: 1.0, 59: 0.5})
    ranked = [hit.id for hit in index.search(query, 1000)]
    tenth, eleventh = ranked[9], ranked[10]
    missing = "nowhere"
    found = {one.id: one for one in index.why_not(query, [ranked[0], tenth, eleventh, missing, "d0"])}
    stored = ", by what the layout 'small' stores" if collection.layout == "small" else ""
    assert found[ranked[0]].reason == f"is a hit: it ranks 1 of {len(ranked)} matches{stored}"
    assert found[tenth].distance == 0
    difference = index.search(query, 10)[-1].score - index.search(query, 11)[-1].score
    assert found[eleventh].state == "beyond_limit"
    assert found[eleventh].reason.startswith(f"ranks 11 of {len(ranked)} matches: {difference:.4f} less than hit 10")
    assert (found[missing].state, found[missing].reason) == ("missing", "is not in the collection")
    assert (found["d0"].state, found["d0"].reason) == ("deleted", "was deleted after the generation was published")
    (excluded,) = index.why_not(query, [tenth], {"must_not": [{"ids": [tenth]}]})
    assert excluded.excluded_by == ("filter.must_not[0]",)
    expected = f"is excluded by filter.must_not[0]; without the filter it ranks 10 of {len(ranked)}{stored}"
    assert (excluded.reason, excluded.rank, excluded.rank_unfiltered) == (expected, None, 10)
    least = index.search(query, 11)[-1].score
    (low,) = index.why_not(query, [eleventh], score_threshold=least * 1.01)
    assert (low.state, low.rank) == ("below_threshold", 11)
    (example,) = index.why_not({"id": tenth}, [tenth])
    assert (example.state, example.rank) == ("example", None)
    (unknown,) = index.why_not({10_000: 1.0}, [tenth])
    assert (unknown.state, unknown.kth) == ("no_match", None)
    assert unknown.reason == f"shares no component with the query{stored}; the collection does not know 10000"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (({0: 1.0}, []), ParameterError, "ids: found 0, expected 1 to 1,000"),
        (({0: 1.0}, ["a"] * 1001), ParameterError, "ids: found 1001, expected 1 to 1,000"),
        (({0: 1.0}, "d1"), ParameterError, "ids: found 'd1', expected a list of ids"),
        (({0: 1.0}, [1]), InputError, "ids: found 1, expected a string"),
        (({0: 1.0}, ["d1"], {"nope": 1}), ParameterError, "unknown column 'nope'"),
        (({0: 1.0}, ["d1"], None, 0), ParameterError, "k is 0, expected at least 1"),
        ((None, ["d1"]), QueryError, "found None, expected a text"),
        (("text", ["d1"]), InputError, "no encoder"),
    ],
)
def test_wrong_questions(collection: Collection, arguments: tuple[Any, ...], error: Any, message: str) -> None:
    with pytest.raises(Exception, match=message) as caught:
        collection.index.why_not(*arguments)
    assert isinstance(caught.value, error | InputError)


def test_ids_may_repeat_and_be_numpy(collection: Collection) -> None:
    found = collection.index.why_not({0: 1.0}, np.array(["d1", "d2", "d1"]))
    assert [one.id for one in found] == ["d1", "d2", "d1"]
    assert found[0] == found[2]


def test_a_deadline_ends_the_pass(collection: Collection) -> None:
    stop = Stop()
    stop.set()
    with stoppable_by(stop), pytest.raises(Exception, match="stopped"):
        collection.index.why_not({0: 1.0}, ["d1"])
