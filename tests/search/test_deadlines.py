"""Every part of an answer observes the deadline, and facets make only the values they return."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import seismic
from seismic import Index, SearchRequest, StoppedError
from seismic.search import facets
from seismic.stop import Stop, stoppable_by
from tests import samples

DOCUMENTS = 400
QUERY = {"indices": list(range(20)), "values": [1.0] * 20}


class StopAt(Stop):
    """Stops at its n-th check."""

    __slots__ = ("left",)

    def __init__(self, checks: int) -> None:
        super().__init__()
        self.left = checks

    def check(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise StoppedError("stopped")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("deadlines") / "index"
    vectors = samples.random_vectors(DOCUMENTS, 20, empty=0)
    titles = [f"title {row * 7 % DOCUMENTS}" for row in range(DOCUMENTS)]
    documents = pa.table({"id": range(DOCUMENTS), "title": titles, "kind": [row % 3 for row in range(DOCUMENTS)]})
    seismic.build(vectors, folder, documents=documents, shards=2)
    return seismic.open(folder)


def checks(index: Index, use: Any) -> int:
    """Count how often a call checks the deadline, and stop it at each check."""
    for count in range(1, 1000):
        with stoppable_by(StopAt(count)):
            try:
                use()
            except StoppedError:
                continue
            return count - 1
    raise AssertionError("never ends")


@pytest.mark.parametrize(
    "more",
    [
        {"facets": [{"key": "title"}]},
        {"explain": True, "limit": 200},
        {"group_by": {"key": "kind"}},
        {"feedback": {}},
    ],
    ids=str,
)
def test_every_part_of_an_answer_looks_at_the_deadline(index: Index, more: dict[str, Any]) -> None:
    plain = checks(index, lambda: index.ask(SearchRequest(query=QUERY)))
    assert checks(index, lambda: index.ask(SearchRequest(query=QUERY, **more))) > plain > 0


def test_payloads_and_vectors_look_at_the_deadline(index: Index) -> None:
    assert checks(index, lambda: index.payloads(range(DOCUMENTS))) > DOCUMENTS // 100
    assert checks(index, lambda: index.vectors(range(DOCUMENTS))) > 0


def test_facets_make_only_the_values_they_return(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def convert(values: pa.Array, column: str) -> list[Any]:
        made.append((column, len(values)))
        listed: list[Any] = values.to_pylist()
        return listed

    monkeypatch.setattr(facets, "to_pylist", convert)
    answer = index.ask(SearchRequest(query=QUERY, facets=[{"key": "title", "limit": 5}, {"key": "kind"}]))
    assert made == [("title", 5), ("kind", 3)]
    assert answer.facets is not None
    assert [(one.value, one.count) for one in answer.facets["title"]] == [
        (title, 1) for title in sorted(f"title {row}" for row in range(DOCUMENTS))[:5]
    ]
    assert [(one.value, one.count) for one in answer.facets["kind"]] == [(0, 134), (1, 133), (2, 133)]


def test_facets_follow_changes(tmp_path: Path) -> None:
    seismic.build(ones(3), tmp_path / "c", documents=pa.table({"id": ["a", "b", "c"], "kind": ["x", "y", "y"]}))
    with seismic.open(tmp_path / "c") as changing:

        def kinds() -> list[tuple[Any, int]]:
            answer = changing.ask(SearchRequest(query={"indices": [0], "values": [1.0]}, facets=[{"key": "kind"}]))
            assert answer.facets is not None
            return [(one.value, one.count) for one in answer.facets["kind"]]

        assert kinds() == [("y", 2), ("x", 1)]
        seismic.upsert(tmp_path / "c", ones(2), pa.table({"id": ["d", "a"], "kind": ["w", "y"]}))
        changing.refresh()
        assert kinds() == [("y", 3), ("w", 1)]


def ones(count: int) -> seismic.SparseVectors:
    return seismic.SparseVectors.from_dicts([{0: 1.0}] * count)
