"""Hits with payloads, as tables, and in notebooks."""

import copy
import pickle

import pytest

import seismic
from seismic import FacetBy, GroupBy, Hit, Hits, Index, InputError, ParameterError, SearchRequest

DOCUMENTS = {"id": ["a", "b", "c"], "title": ["<A>", "B", None], "rank": [7, 8, 9]}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("hits") / "few"
    seismic.build([{0: 3.0}, {0: 2.0}, {0: 1.0}], folder, documents=DOCUMENTS)
    return seismic.open(folder)


def test_hits_have_the_payload_that_was_asked_for(index: Index) -> None:
    hits = index.search({0: 1.0}, with_payload=True)
    assert [hit.payload for hit in hits] == index.payloads([hit.number for hit in hits])
    assert [hit.payload for hit in index.search({0: 1.0}, with_payload=["rank"])] == [{"rank": n} for n in (7, 8, 9)]
    assert hits == index.search({0: 1.0})  # what hits are equal by does not change
    id, score, number, explanation = hits[0]
    assert (id, score, number, explanation) == ("a", 3.0, 0, None)


def test_hits_without_payload_say_how_to_get_it(index: Index) -> None:
    with pytest.raises(ParameterError, match="search with with_payload=True"):
        _ = index.search({0: 1.0})[0].payload
    with pytest.raises(ParameterError, match="search with with_payload=True"):
        _ = index.search({0: 1.0}, snippet=False)[0].payload
    assert index.search({0: 1.0})[0].snippet is None


def test_wrong_payloads_are_refused(index: Index) -> None:
    with pytest.raises(ParameterError, match="unknown payload column 'x'; this collection has title, rank"):
        index.search({0: 1.0}, with_payload=["x"])
    with pytest.raises(ParameterError, match="with_payload is 'title', expected True, False or a list"):
        index.search({0: 1.0}, with_payload="title")


def test_payloads_survive_pickling_and_copying(index: Index) -> None:
    hits = index.search({0: 1.0}, with_payload=True)
    for again in (pickle.loads(pickle.dumps(hits)), copy.deepcopy(hits)):
        assert isinstance(again, Hits)
        assert again[0].payload == {"title": "<A>", "rank": 7}


def test_tables_have_the_payload_without_overwriting(index: Index) -> None:
    table = index.search({0: 1.0}, 2, with_payload=True).to_arrow()
    assert table.to_pydict() == {
        "rank": [1, 2],
        "id": ["a", "b"],
        "score": [3.0, 2.0],
        "title": ["<A>", "B"],
        "payload.rank": [7, 8],
    }
    assert isinstance(index.search({0: 1.0})[:1], Hits)
    assert Hits().to_arrow().num_rows == 0


def test_answers_become_tables(index: Index) -> None:
    answer = index.answer({0: 1.0}, 1, with_payload=["title"])
    assert answer.to_arrow().to_pylist() == [{"rank": 1, "id": "a", "score": 3.0, "title": "<A>"}]
    request = SearchRequest(query={0: 1.0}, group_by=GroupBy(key="title"), facets=[FacetBy(key="title")])
    grouped = index.ask(request, with_payload=True).to_arrow()
    assert grouped.select(["rank", "group", "id"]).to_pylist() == [
        {"rank": 1, "group": "<A>", "id": "a"},
        {"rank": 2, "group": "B", "id": "b"},
    ]


def test_reranked_answers_have_both_scores(index: Index) -> None:
    rerank = seismic.Rerank(scores=[seismic.Ranked(id="b", score=9.0), seismic.Ranked(id="a", score=1.0)])
    table = index.answer({0: 1.0}, rerank=rerank).to_arrow()
    assert table.select(["id", "search_score", "rerank_score"]).to_pylist() == [
        {"id": "b", "search_score": 2.0, "rerank_score": 9.0},
        {"id": "a", "search_score": 3.0, "rerank_score": 1.0},
    ]


def test_notebooks_show_escaped_tables(index: Index) -> None:
    shown = index.search({0: 1.0}, with_payload=True)._repr_html_()
    assert "<td>&lt;A&gt;</td>" in shown
    assert "<th>payload.rank</th>" in shown
    assert "plan exact, exact" in index.answer({0: 1.0})._repr_html_()
    assert "<th>documents</th><td>3</td>" in index._repr_html_()
    assert repr(index.search({0: 1.0}, with_payload=True)[0]) == "Hit('a', 3.0, 0, None)"


def test_data_frames_need_pandas(index: Index) -> None:
    try:
        import pandas as pd
    except ImportError:
        with pytest.raises(InputError, match="to_pandas needs pandas"):
            index.search({0: 1.0}).to_pandas()
    else:
        assert isinstance(index.search({0: 1.0}).to_pandas(), pd.DataFrame)


def test_plain_hits_are_plain(index: Index) -> None:
    assert type(index.search({0: 1.0})[0]) is Hit
