"""Groups, facets, feedback, fusion and explanations against a naive copy of a changed collection."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from seismic import Answer, ParameterError, SearchParams, SearchRequest, Vocabulary
from tests import naive, samples
from tests.changed import Changed, changed, query_rows
from tests.naive import Row

QUERIES = query_rows()
PAPERS = {"must": [{"key": "source", "match": {"any": ["paper", "movie"]}}]}


@pytest.fixture(scope="module", params=["lists", "shared"])
def there(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Changed:
    vocabulary = Vocabulary(f"w{number}" for number in range(60))
    return changed(tmp_path_factory.mktemp("changed"), layout=request.param, vocabulary=vocabulary)


def ask(there: Changed, query: Any, **options: Any) -> Answer:
    query = (
        samples.as_query(query) if isinstance(query, dict) and query and isinstance(next(iter(query)), int) else query
    )
    return there.index.ask(SearchRequest(query=query, **options))


def in_papers(there: Changed, id: str) -> bool:
    return there.payloads[id]["source"] in ("paper", "movie")


# ---- groups ------------------------------------------------------------------------------------------------------


def grouped(there: Changed, ranking: list[tuple[str, float]], key: str, limit: int, size: int) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = {}
    for id, score in ranking:
        if (value := there.payloads[id][key]) is not None:
            groups.setdefault(value, []).append(pytest.approx(score, rel=1e-5))
    return {value: hits[:size] for value, hits in list(groups.items())[:limit]}


@pytest.mark.parametrize("key", ["source", "year", "title"])
@pytest.mark.parametrize(("limit", "size"), [(3, 2), (1, 1), (2, 40), (50, 3), (1000, 1000)])
def test_groups(there: Changed, key: str, limit: int, size: int) -> None:
    for row in QUERIES[:4]:
        answer = ask(there, row, group_by={"key": key, "limit": limit, "size": size})
        assert answer.groups is not None
        assert answer.hits == []
        found = {group.value: [hit.score for hit in group.hits] for group in answer.groups}
        assert found == grouped(there, there.ranking(row), key, limit, size)
        assert list(found) == list(grouped(there, there.ranking(row), key, limit, size))
        for group in answer.groups:
            assert {there.payloads[str(hit.id)][key] for hit in group.hits} == {group.value}


def test_groups_of_a_value_that_crowds_out_all_others(tmp_path: Any) -> None:
    """Check groups whose second one comes after a hundred hits of the first."""
    import pyarrow as pa

    import seismic

    rows: list[Row] = [{0: 100.0 - number} for number in range(99)] + [{0: 0.5}, {0: 0.25}]
    table = pa.table({"id": list(range(101)), "kind": ["a"] * 99 + ["b", None]})
    seismic.build(seismic.SparseVectors.from_dicts(rows), tmp_path / "c", documents=table, shards=2)
    with seismic.open(tmp_path / "c") as index:
        query = {"indices": [0], "values": [1.0]}
        answer = index.ask(SearchRequest(query=query, group_by={"key": "kind", "limit": 2, "size": 2}))
    assert answer.groups is not None
    assert [(group.value, [hit.id for hit in group.hits]) for group in answer.groups] == [("a", [0, 1]), ("b", [99])]


def test_groups_of_what_a_filter_lets_through_and_a_threshold_keeps(there: Changed) -> None:
    ranking = [hit for hit in there.ranking(QUERIES[0]) if in_papers(there, hit[0])]
    least = ranking[len(ranking) // 2][1] * (1 - 1e-6)
    by = {"key": "year", "limit": 4, "size": 3}
    answer = ask(there, QUERIES[0], filter=PAPERS, group_by=by, score_threshold=least)
    assert answer.groups is not None
    found = {group.value: [hit.score for hit in group.hits] for group in answer.groups}
    assert found == grouped(there, [hit for hit in ranking if hit[1] >= least], "year", 4, 3)


def test_the_work_of_groups_counts(there: Changed) -> None:
    answer = ask(there, QUERIES[0], group_by={"key": "year", "limit": 4, "size": 3}, explain=True)
    assert answer.explanation is not None
    assert answer.stats == answer.explanation.stats
    assert answer.stats.documents_scored > 0


def test_groups_of_documents_like_one_leave_it_out(there: Changed) -> None:
    answer = ask(there, {"id": "d10"}, group_by={"key": "source", "limit": 9, "size": 300})
    assert answer.groups is not None
    ranking = there.ranking(there.rows["d10"], frozenset(["d10"]))
    found = {group.value: [hit.score for hit in group.hits] for group in answer.groups}
    assert found == grouped(there, ranking, "source", 9, 300)


# ---- facets ------------------------------------------------------------------------------------------------------


def counted(there: Changed, ids: list[str], key: str) -> list[tuple[Any, int]]:
    counts: Counter[Any] = Counter()
    for id in ids:
        value = there.payloads[id][key]
        counts.update(set(value) if isinstance(value, list) else [] if value is None else [value])
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))


@pytest.mark.parametrize("filter", [None, PAPERS])
def test_facets(there: Changed, filter: Any) -> None:
    facets = [{"key": "source", "limit": 2}, {"key": "tags"}, {"key": "year"}, {"key": "title", "limit": 1000}]
    for row in [*QUERIES[:3], {5: 1.0}, {57: 1.0}, there.rows["d10"]]:
        answer = ask(there, row, limit=1, facets=facets, filter=filter)
        assert answer.facets is not None
        ids = [id for id, _ in there.ranking(row) if filter is None or in_papers(there, id)]
        for facet in facets:
            found = [(entry.value, entry.count) for entry in answer.facets[str(facet["key"])]]
            assert found == counted(there, ids, str(facet["key"]))[: facet.get("limit", 10)]


def test_facets_of_documents_like_one_leave_it_out(there: Changed) -> None:
    answer = ask(there, {"id": "d10"}, facets=[{"key": "title", "limit": 1000}])
    assert answer.facets is not None
    assert len(answer.facets["title"]) == len(there.ranking(there.rows["d10"])) - 1


# ---- feedback ----------------------------------------------------------------------------------------------------


def widened(there: Changed, query: Row, documents: int, components: int, weight: float) -> Row:
    best = there.ranking(query)[:documents]
    total = sum(score for _, score in best)
    mean: Row = {}
    for id, score in best:
        for component, value in there.rows[id].items():
            mean[component] = mean.get(component, 0) + score / total * value
    kept = dict(sorted(mean.items(), key=lambda entry: (-entry[1], entry[0]))[:components])
    mass, share = sum(query.values()), weight / sum(kept.values())
    parts = [{c: (1 - weight) * w for c, w in query.items()}, {c: mass * share * v for c, v in kept.items()}]
    return {c: sum(part.get(c, 0) for part in parts) for c in parts[0] | parts[1] if sum(p.get(c, 0) for p in parts)}


@pytest.mark.parametrize(("documents", "components", "weight"), [(3, 100, 0.3), (10, 5, 0.5), (1, 12, 1.0)])
def test_feedback(there: Changed, documents: int, components: int, weight: float) -> None:
    feedback = {"documents": documents, "components": components, "weight": weight}
    for row in QUERIES[:4]:
        expected = there.ranking(widened(there, row, documents, components, weight))
        answer = ask(there, row, limit=1000, feedback=feedback)
        assert [hit.score for hit in answer.hits] == pytest.approx([score for _, score in expected], rel=1e-4)
        assert {hit.id for hit in answer.hits} == {id for id, _ in expected}


def test_feedback_of_nothing_changes_nothing(there: Changed) -> None:
    assert ask(there, {"indices": [], "values": []}, feedback={}).hits == []


# ---- fusion ------------------------------------------------------------------------------------------------------


def fused(runs: list[tuple[float, list[tuple[str, float]]]], method: str, k: int = 60) -> dict[str, float]:
    total: dict[str, float] = {}
    for weight, hits in runs:
        scores = [score for _, score in hits]
        for rank, (id, score) in enumerate(hits, 1):
            if method == "rrf":
                share = 1 / (k + rank)
            else:
                low, high = min(scores), max(scores)
                share = 1.0 if low == high else max(0.001, (score - low) / (high - low))
            total[id] = total.get(id, 0) + weight * share
    return total


@pytest.mark.parametrize("method", ["rrf", "weighted"])
@pytest.mark.parametrize("filter", [None, PAPERS])
def test_fusion(there: Changed, method: str, filter: Any) -> None:
    rng = np.random.default_rng(0)
    ids = sorted(there.rows)
    dense = [(str(id), float(score)) for id, score in zip(rng.permutation(ids)[:40], rng.normal(size=40), strict=True)]
    other = [(ids[3], 5.0), (ids[1], 5.0), (ids[2], 5.0)]
    for row in QUERIES[:4]:
        runs = [{"hits": [{"id": id, "score": score} for id, score in hits]} for hits in (dense, other)]
        runs[0]["weight"] = 2.0  # type: ignore[assignment]
        fusion = {"runs": runs, "method": method, "depth": 20, "weight": 0.5}
        if method == "rrf":
            fusion["k"] = 7
        rankings = [there.ranking(row), sorted(dense, key=lambda hit: -hit[1]), other]
        if filter:
            rankings = [[hit for hit in hits if in_papers(there, hit[0])] for hits in rankings]
        expected = fused([(0.5, rankings[0][:20]), (2.0, rankings[1]), (1.0, rankings[2])], method, 7)
        whole = ask(there, row, limit=1000, fusion=fusion, filter=filter)
        assert {hit.id: hit.score for hit in whole.hits} == pytest.approx(expected, rel=1e-5, abs=1e-6)
        order = [(-hit.score, hit.number) for hit in whole.hits]
        assert order == sorted(order)
        pages = [ask(there, row, limit=9, offset=at, fusion=fusion, filter=filter).hits for at in range(0, 90, 9)]
        assert [hit for page in pages for hit in page] == whole.hits
        least = whole.hits[4].score
        assert ask(there, row, limit=50, fusion=fusion, filter=filter, score_threshold=least).hits == [
            hit for hit in whole.hits if hit.score >= least
        ]


def test_ids_that_are_not_there_are_reported(there: Changed) -> None:
    hits = [{"id": id, "score": 1.0} for id in ("d10", "nope", "d0", "d11", "x", "y")]
    answer = ask(there, QUERIES[0], fusion={"runs": [{"hits": hits[:1]}, {"hits": hits}]})
    assert answer.warnings == ("fusion.runs[1]: 4 ids are not in the collection ('nope', 'd0', 'x', ...)",)
    assert {"d10", "d11"} <= {hit.id for hit in ask(there, {5: 1.0}, limit=500, fusion={"runs": [{"hits": hits}]}).hits}


def test_fusion_leaves_examples_out(there: Changed) -> None:
    """Check that an example is no hit, even if a dense engine ranks it first."""
    hits = [{"id": id, "score": score} for id, score in (("d10", 1.0), ("d11", 0.5))]
    answer = ask(there, {"id": "d10"}, fusion={"runs": [{"hits": hits}]})
    assert "d10" not in {hit.id for hit in answer.hits}
    assert answer.hits[0].score >= next(hit.score for hit in answer.hits if hit.id == "d11") >= 1 / 61


def test_few_hits_of_a_fusion_are_told(there: Changed) -> None:
    runs = [{"hits": [{"id": "d10", "score": 1.0}]}]
    told = ("fusion.depth is 5: no more hits of the collection take part",)
    assert ask(there, QUERIES[0], limit=20, fusion={"runs": runs, "depth": 5}).warnings == told
    assert ask(there, QUERIES[0], limit=5, fusion={"runs": runs, "depth": 5}).warnings == ()


# ---- explanations ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", ["exact", "lists"])
def test_contributions_add_up(there: Changed, plan: Any) -> None:
    if plan == "lists" and there.index.manifest.layout != "lists":
        pytest.skip("needs lists")
    for row in QUERIES:
        for hit in ask(there, row, explain=True, params=SearchParams(plan=plan)).hits:
            assert hit.explanation is not None
            document = there.rows[str(hit.id)]
            assert {part.component: part.value for part in hit.explanation} == pytest.approx(
                {component: document[component] for component in document.keys() & row.keys()}, rel=1e-6
            )
            assert sum(part.product for part in hit.explanation) == pytest.approx(hit.score, rel=1e-6)
            assert all(part.product == part.weight * part.value for part in hit.explanation)
            assert all(part.weight == pytest.approx(row[part.component]) for part in hit.explanation)
            assert [part.token for part in hit.explanation] == [f"w{part.component}" for part in hit.explanation]
            products = [part.product for part in hit.explanation]
            assert products == sorted(products, reverse=True)


def test_explaining_changes_no_answer(there: Changed) -> None:
    for row in QUERIES:
        plain, explained = ask(there, row, filter=PAPERS), ask(there, row, filter=PAPERS, explain=True)
        assert [(hit.id, hit.score) for hit in plain.hits] == [(hit.id, hit.score) for hit in explained.hits]
        assert plain.stats == explained.stats
        assert plain.explanation is None
        assert explained.explanation is not None
        assert explained.explanation.selectivity == explained.matched / len(there.rows)  # type: ignore[operator]


def test_the_bounds_that_were_passed_over(tmp_path: Any) -> None:
    vectors = samples.random_vectors(66_000, dimension=500, per_vector=8)  # more than shards have impacts for
    import seismic

    seismic.build(vectors, tmp_path / "c", params=seismic.BuildParams(order_rounds=1))
    rows = naive.stored(naive.rows(vectors))
    with seismic.open(tmp_path / "c") as index:
        numbers = index.view.shards[0].shard.shared.numbers
        for query in naive.rows(samples.random_vectors(5, dimension=500, per_vector=6, seed=1, empty=0)):
            answer = index.ask(SearchRequest(query=samples.as_query(query), explain=True))
            explanation = answer.explanation
            assert explanation is not None
            assert [shard.method for shard in explanation.shards] == ["bounds"]
            assert explanation.threshold == answer.hits[-1].score
            assert explanation.reachable is not None
            assert explanation.best_skipped is not None
            blocks = [naive.maximum([rows[number] for number in numbers[at : at + 8]]) for at in range(0, 66_000, 8)]
            bounds = sorted((naive.dot(block, query) for block in blocks), reverse=True)
            assert explanation.best_skipped >= bounds[explanation.reachable] * (1 - 1e-5)
            assert explanation.best_skipped <= explanation.threshold
            certificate = explanation.certificate
            assert certificate is not None
            assert answer.exact
            assert (certificate.kth, certificate.bound) == (explanation.threshold, explanation.best_skipped)
            assert certificate.blocks_visited == answer.stats.blocks_visited < certificate.blocks_skipped
            assert explanation.reachable >= sum(bound >= explanation.threshold for bound in bounds)


def test_lists_that_were_cut(there: Changed) -> None:
    if there.index.manifest.layout != "lists":
        pytest.skip("needs lists")
    row = QUERIES[0]
    answer = ask(there, row, explain=True, params=SearchParams(plan="lists", query_cut=4))
    explanation = answer.explanation
    assert explanation is not None
    assert [term.component for term in explanation.terms] == list(naive.head(row, 100))
    assert [term.blocks is not None for term in explanation.terms] == [True] * 4 + [False] * (len(row) - 4)
    assert explanation.lists_cut == len(row) - 4
    assert sum(term.blocks or 0 for term in explanation.terms) + 0 <= answer.stats.blocks
    assert {shard.method for shard in explanation.shards} == {"lists", "bounds"}  # the latter: of changed documents
    assert explanation.best_skipped is None


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({}, "no recall was asked for, so the answer is exact"),
        ({"plan": "exact"}, "plan 'exact' was asked for"),
        ({"bound_share": 0.3}, "heap_factor 1 and bound_share 0.3 were asked for, so the answer may not be exact"),
        ({"plan": "exact", "heap_factor": 2}, "heap_factor 2 and bound_share 1 were asked for, so the answer may not"),
        ({"recall": 0.9}, "nothing was measured (`seismic tune`) to keep recall 0.9 for 10 hits"),
    ],
)
def test_why(there: Changed, params: Any, why: str) -> None:
    explanation = ask(there, QUERIES[0], explain=True, params=SearchParams(**params)).explanation
    assert explanation is not None
    assert why in explanation.why


def test_why_under_a_filter(there: Changed) -> None:
    explanation = ask(there, QUERIES[0], explain=True, filter=PAPERS, params=SearchParams(recall=0.9)).explanation
    assert explanation is not None
    assert "a filter" in explanation.why
    few = {"must": [{"ids": ["d10", "d11"]}]}
    explanation = ask(there, QUERIES[0], explain=True, filter=few).explanation
    assert explanation is not None
    assert {shard.method for shard in explanation.shards} == {"scan"}


# ---- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group_by": {"key": "nope"}}, "group_by.key: unknown column 'nope'; this collection has title, source"),
        ({"group_by": {"key": "tags"}}, "group_by.key: column 'tags' is list.*expected one value a document"),
        ({"group_by": {"key": "source", "size": 0}}, "size"),
        ({"group_by": {"key": "source"}, "limit": 3}, "group_by excludes limit"),
        ({"group_by": {"key": "source"}, "fusion": {"runs": [{"hits": []}]}}, "group_by excludes fusion"),
        ({"facets": [{"key": "id"}]}, r"facets\[0\].key: unknown column 'id'"),
        ({"facets": [{"key": "year"}, {"key": "year"}]}, "facets name a column twice"),
        ({"facets": [{"key": "year"}] * 17}, "facets"),
        ({"feedback": {"documents": 0}}, "documents"),
        ({"feedback": {"weight": 1.5}}, "weight"),
        ({"feedback": {"terms": 1}}, "unknown parameter 'feedback.terms'; Feedback has"),
        ({"fusion": {"runs": []}}, "runs"),
        ({"fusion": {"runs": [{"hits": [{"id": "d10"}]}]}}, "score"),
        ({"fusion": {"runs": [{"hits": [{"id": "d10", "score": float("inf")}]}]}}, "score"),
        ({"fusion": {"runs": [{"hits": [{"id": "d10", "score": 1}] * 2}]}}, r"fusion.runs\[0\]: found id 'd10' twice"),
        (
            {"fusion": {"runs": [{"hits": [{"id": 10, "score": 1}]}]}},
            r"fusion.runs\[0\]: ids: found 10, expected",
        ),
        ({"fusion": {"method": "borda", "runs": [{"hits": []}]}}, "method"),
    ],
)
def test_wrong_requests(there: Changed, options: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        ask(there, QUERIES[0], **options)
