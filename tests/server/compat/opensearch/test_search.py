"""Searches: scores, totals, sources, orders, pages, scrolls, and what is refused."""

import pytest

from .conftest import DOCUMENTS

PLANET = {"neural_sparse": {"tokens": {"query_tokens": {"planet": 2.0, "word1": 1.0, "nowhere": 3.0}}}}
ALL = {"match_all": {}}


def scores():
    """Return the exact scores of PLANET, best first."""
    found = [(2.0 * one["tokens"]["planet"] + one["tokens"].get("word1", 0.0), one["_id"]) for one in DOCUMENTS]
    return sorted(found, reverse=True)


def search(api, status=200, **body):
    return api.call("POST", "/shop/_search", body, status)


def test_hits_are_the_exact_best(api):
    answer = search(api, query=PLANET)
    assert answer["hits"]["total"] == {"value": 24, "relation": "eq"}
    assert answer["hits"]["max_score"] == pytest.approx(scores()[0][0], rel=1e-4)
    hits = answer["hits"]["hits"]
    assert [hit["_id"] for hit in hits] == [id for _, id in scores()[:10]]
    assert [hit["_score"] for hit in hits] == pytest.approx([score for score, _ in scores()[:10]], rel=1e-4)
    assert all("sort" not in hit for hit in hits)
    first = next(one for one in DOCUMENTS if one["_id"] == hits[0]["_id"])
    assert hits[0]["_source"]["tokens"] == pytest.approx(first["tokens"], rel=1e-4)
    del hits[0]["_source"]["tokens"]
    assert hits[0]["_source"] == {name: value for name, value in first.items() if name not in ("_id", "tokens")}


def test_method_parameters_change_nothing_but_the_filter(api):
    plain = search(api, query=PLANET)["hits"]
    given = {"k": 3, "top_n": 1, "heap_factor": 0.1}
    exact = {"neural_sparse": {"tokens": {**PLANET["neural_sparse"]["tokens"], "method_parameters": given}}}
    assert search(api, query=exact)["hits"] == plain
    given["filter"] = {"term": {"lang": "de"}}
    assert {hit["_source"]["lang"] for hit in search(api, query=exact)["hits"]["hits"]} == {"de"}


def test_boosts_multiply_scores_and_sums_add_up(api):
    field = {**PLANET["neural_sparse"]["tokens"], "boost": 3}
    boosted = search(api, query={"neural_sparse": {"tokens": field}}, min_score=90)["hits"]
    expected = [(3 * score, id) for score, id in scores() if 3 * score >= 90]
    assert [hit["_id"] for hit in boosted["hits"]] == [id for _, id in expected]
    assert [hit["_score"] for hit in boosted["hits"]] == pytest.approx([score for score, _ in expected], rel=1e-4)
    parts = [{"neural_sparse": {"tokens": {"query_tokens": {token: weight}}}} for token, weight in (("planet", 2.0),)]
    parts.append({"neural_sparse": {"tokens": {"query_tokens": {"word1": 0.5, "nowhere": 1.0}, "boost": 2}}})
    assert search(api, query={"bool": {"should": parts}})["hits"] == search(api, query=PLANET)["hits"]


def test_pages_follow_each_other(api):
    pages = [search(api, query=PLANET, size=7, **{"from": start}) for start in (0, 7, 14, 21, 28)]
    ids = [hit["_id"] for page in pages for hit in page["hits"]["hits"]]
    assert ids == [id for _, id in scores()]
    assert {page["hits"]["total"]["value"] for page in pages} == {24}


def test_long_timeouts_are_those_of_the_service(api):
    for query in (ALL, PLANET):
        assert search(api, query=query, timeout="999999999d")["timed_out"] is False


def test_totals_are_counted_or_left_out(api):
    assert "total" not in search(api, query=PLANET, track_total_hits=False)["hits"]
    assert search(api, query=PLANET, size=0, track_total_hits=True)["hits"]["total"]["value"] == 24
    few = {"neural_sparse": {"tokens": {"query_tokens": {"word1": 1.0}}}}
    assert search(api, query=few, size=1)["hits"]["total"] == {"value": 5, "relation": "eq"}
    found = search(api, query=few, size=1, track_total_hits=True, min_score=0.1)["hits"]["total"]
    assert found == {"value": 5, "relation": "eq"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (True, ["tokens", "title", "lang", "price", "sold", "made", "meta", "year"]),
        (["lang", "meta.author"], ["lang", "meta"]),
        ("*e*r", ["year", "meta"]),
        ({"includes": ["t*"], "excludes": ["tokens"]}, ["title"]),
        ({"excludes": ["t*", "meta.tags", "made"]}, ["lang", "price", "sold", "meta", "year"]),
        ({"include": "tokens.planet"}, ["tokens"]),
        (["none"], []),
    ],
    ids=str,
)
def test_sources_show_what_is_asked_for(api, source, expected):
    found = search(api, query={"ids": {"values": ["d01"]}}, _source=source)["hits"]["hits"][0]["_source"]
    assert found.keys() == set(expected)
    if source == ["lang", "meta.author"]:
        assert found["meta"] == {"author": "a1"}
    if source == {"include": "tokens.planet"}:
        assert found["tokens"].keys() == {"planet"}
    assert "_source" not in search(api, query=ALL, _source=False)["hits"]["hits"][0]


def test_sources_by_the_query_string(api):
    answer = api.call("GET", "/shop/_search?size=1&_source_includes=lang,year&_source_excludes=year", {"query": ALL})
    assert answer["hits"]["hits"][0]["_source"].keys() == {"lang"}
    assert api.call("GET", "/shop/_doc/d01?_source=false").keys().isdisjoint({"_source"})
    assert api.call("GET", "/shop/_source/d01?_source=lang") == {"lang": "de"}


@pytest.mark.parametrize(
    ("sort", "field", "reverse"),
    [
        ("year", "year", False),
        ([{"year": "desc"}], "year", True),
        ([{"price": {"order": "desc", "missing": "_last"}}, {"_id": "asc"}], "price", True),
        (["lang", "_id"], "lang", False),
        ([{"made": "desc"}, "_doc"], "made", True),
        ([{"_id": "desc"}], "_id", True),
        ("_doc", "_id", False),
        ([{"meta.author": "asc"}, {"_shard_doc": "asc"}], "author", False),
    ],
    ids=str,
)
def test_documents_come_in_order_page_by_page(api, sort, field, reverse):
    def key(one):
        return one["meta"]["author"] if field == "author" else one.get(field)

    present = sorted((one for one in DOCUMENTS if key(one) is not None), key=lambda one: one["_id"])
    present.sort(key=key, reverse=reverse)
    expected = [one["_id"] for one in present] + [one["_id"] for one in DOCUMENTS if key(one) is None]
    assert api.ids(ALL, sort=sort) == expected
    single = not isinstance(sort, list) or len(sort) == 1
    if single and field not in ("_id", "year"):
        return
    ids, after = [], {}
    while hits := search(api, query=ALL, sort=sort, size=5, **after)["hits"]["hits"]:
        ids += [hit["_id"] for hit in hits]
        after = {"search_after": hits[-1]["sort"]}
    assert ids[: len(present)] == expected[: len(present)]
    assert len(ids) == len(set(ids))


def test_a_search_after_a_value_alone_skips_its_ties(api):
    found = api.ids(ALL, sort=["lang"], search_after=["en"])
    assert found == [one["_id"] for lang in ("fr", "it") for one in DOCUMENTS if one["lang"] == lang]
    made = search(api, query=ALL, sort=["made"], size=1)["hits"]["hits"][0]["sort"]
    assert made == [1704110400000]
    assert api.ids(ALL, sort=["made"], search_after=["2024-01-22T12:00:00Z"]) == ["d22", "d23"]


def test_scrolls_read_everything_once(api):
    for query, expected in ((ALL, [one["_id"] for one in DOCUMENTS]), (PLANET, [id for _, id in scores()])):
        page = api.call("POST", "/shop/_search?scroll=1m&size=9", {"query": query, "_source": ["lang"]})
        ids = []
        while page["hits"]["hits"]:
            ids += [hit["_id"] for hit in page["hits"]["hits"]]
            assert page["hits"]["hits"][0]["_source"].keys() == {"lang"}
            page = api.call("POST", "/_search/scroll", {"scroll_id": page["_scroll_id"], "scroll": "1m"})
        assert ids == expected
        assert api.call("GET", f"/_search/scroll/{page['_scroll_id']}")["hits"]["hits"] == []
        assert api.call("DELETE", "/_search/scroll", {"scroll_id": [page["_scroll_id"]]})["num_freed"] == 1


def test_a_point_in_time_names_its_index(api):
    id = api.call("POST", "/shop/_search/point_in_time?keep_alive=1m")["pit_id"]
    body = {"pit": {"id": id, "keep_alive": "1m"}, "size": 3, "query": PLANET}
    answer = api.call("POST", "/_search", body)
    assert answer["pit_id"] == id
    assert [hit["_id"] for hit in answer["hits"]["hits"]] == [id for _, id in scores()[:3]]
    api.refused("POST", "/shop/_search", body)
    api.refused("POST", "/_search", {"query": ALL})
    api.refused("POST", "/shop/_search/point_in_time")
    assert api.call("DELETE", "/_search/point_in_time", {"pit_id": id})["pits"] == [{"pit_id": id, "successful": True}]


def test_searches_of_a_batch_fail_for_themselves(api):
    lines = [{"index": "shop"}, {"query": PLANET, "size": 1}, {"index": "none"}, {"query": ALL}, {"index": ["shop"]}]
    lines += [{"query": {"match": {}}}, {}, {"query": ALL}]
    answers = api.call("POST", "/_msearch", lines)["responses"]
    assert [one["status"] for one in answers] == [200, 404, 400, 400]
    assert answers[0]["hits"]["hits"][0]["_id"] == scores()[0][1]
    assert answers[1]["error"]["type"] == "index_not_found_exception"
    assert api.call("POST", "/shop/_msearch", [{}, {"query": ALL}])["responses"][0]["hits"]["total"]["value"] == 24
    api.refused("POST", "/_msearch", [{"index": "shop"}])
    api.refused("POST", "/_msearch", [{"index": "shop"}, {"size": 0}] * 300)


def test_counts_and_explanations(api):
    few = {"neural_sparse": {"tokens": {"query_tokens": {"word1": 2.0}}}}
    assert api.call("POST", "/shop/_count", {"query": few})["count"] == 5
    assert api.call("GET", "/shop/_count")["count"] == 24
    found = api.call("POST", "/shop/_explain/d01", {"query": few})
    assert found["matched"] is True
    assert found["explanation"]["value"] == pytest.approx(1.0, rel=1e-4)
    assert "word1" in found["explanation"]["details"][0]["description"]
    assert api.call("POST", "/shop/_explain/d02", {"query": few})["matched"] is False
    assert api.call("POST", "/shop/_explain/none", {"query": few})["matched"] is False
    assert api.call("POST", "/shop/_explain/d02", {"query": {"term": {"lang": "fr"}}})["matched"] is True


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"aggs": {"x": {"terms": {"field": "lang"}}}}, "aggregations are not supported"),
        ({"aggregations": {}}, "aggregations are not supported"),
        ({"collapse": {"field": "lang"}}, "group_by"),
        ({"knn": {}}, "dense vectors"),
        ({"highlight": {"fields": {}}}, "highlighting"),
        ({"suggest": {}}, "suggestions"),
        ({"rescore": {}}, "rescoring"),
        ({"script_fields": {}}, "scripts"),
        ({"runtime_mappings": {}}, "scripts"),
        ({"fields": ["lang"]}, "use _source"),
        ({"stored_fields": ["lang"]}, "use _source"),
        ({"docvalue_fields": ["lang"]}, "use _source"),
        ({"slice": {"id": 0, "max": 2}}, "slices"),
        ({"search_pipeline": "x"}, "search pipelines"),
        ({"terminate_after": 1}, "terminate_after"),
        ({"explain": True}, "_explain"),
        ({"profile": True}, "profile"),
        ({"indices_boost": []}, "one index"),
        ({"ext": {}}, "extensions"),
        ({"unknown": 1}, "unknown key [unknown]"),
        ({"size": -1}, "size"),
        ({"size": 20_000}, "Result window is too large"),
        ({"from": 9_999, "size": 2}, "Result window is too large"),
        ({"size": "many"}, "size"),
        ({"timeout": "soon"}, "timeout"),
        ({"min_score": "high"}, "min_score"),
        ({"track_total_hits": "yes"}, "track_total_hits"),
        ({"_source": 1}, "_source"),
        ({"_source": {"only": []}}, "_source"),
        ({"_source": [1]}, "_source"),
        ({"sort": [{"year": "up"}]}, "expected asc or desc"),
        ({"sort": ["nothing"]}, "No mapping found for [nothing]"),
        ({"sort": ["title"]}, "title.keyword"),
        ({"sort": ["tokens"]}, "sparse vectors"),
        ({"sort": ["year", "price"]}, "one field"),
        ({"sort": [{"year": {"missing": "_first"}}]}, "missing"),
        ({"sort": [{"_geo_distance": {"pin": []}}]}, "pin"),
        ({"sort": [{"_score": "asc"}]}, "_score ascending"),
        ({"sort": [1]}, "sort"),
        ({"query": PLANET, "sort": ["year"]}, "ordered by score"),
        ({"query": PLANET, "search_after": [1]}, "use from and size"),
        ({"search_after": [1]}, "search_after"),
        ({"sort": ["year"], "search_after": ["x"]}, "year"),
        ({"sort": ["year"], "search_after": [1, 2]}, "search_after"),
        ({"sort": ["year"], "search_after": [1], "from": 3}, "from"),
        ({"pit": 1}, "pit"),
        ({"pit": {"id": "nonsense"}}, "pit id"),
    ],
    ids=str,
)
def test_searches_that_are_not_supported_are_refused_in_words(api, body, words):
    path = "/_search" if "pit" in body else "/shop/_search"
    assert words in api.refused("POST", path, body)["reason"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"neural_sparse": {"other": {"query_tokens": {"a": 1}}}}, "found field 'other', expected 'tokens'"),
        ({"neural_sparse": {"tokens": {}}}, "either query_tokens or query_text"),
        ({"neural_sparse": {"tokens": {"query_tokens": {"a": 1}, "query_text": "x"}}}, "either"),
        ({"neural_sparse": {"tokens": {"query_tokens": {"a": -1}}}}, "expected a number above 0"),
        ({"neural_sparse": {"tokens": {"query_tokens": {"a": "1"}}}}, "expected a number above 0"),
        ({"neural_sparse": {"tokens": {"query_tokens": ["a"]}}}, "expected token and weight"),
        ({"neural_sparse": {"tokens": {"query_text": "x"}}}, "no encoder"),
        ({"neural_sparse": {"tokens": {"query_text": 1}}}, "expected a text"),
        ({"neural_sparse": {"tokens": {"query_tokens": {"a": 1}, "model_id": "m"}}}, "model_id"),
        ({"neural_sparse": {"tokens": {"query_tokens": {"a": 1}, "boost": 0}}}, "boost"),
        ({"neural_sparse": {"tokens": {"query_tokens": {"a": 1}, "method_parameters": {"x": 1}}}}, "unknown"),
        ({"neural_sparse": {"tokens": {"query_tokens": {"a": 1}, "method_parameters": {"k": 0}}}}, "above 0"),
        ({"neural_sparse": {"tokens": {"query_tokens": {"a": 1}, "other": 1}}}, "field 'other'"),
        ({"neural_sparse": {"tokens": {"query_tokens": {f"t{at}": 1 for at in range(5000)}}}}, "max_components"),
        ({"neural_sparse": 1}, "one field"),
        ({"bool": {"must": [PLANET, PLANET]}}, "several neural_sparse"),
        ({"bool": {"must": [PLANET], "should": [PLANET]}}, "in one of them"),
        ({"bool": {"filter": [ALL], "should": [PLANET]}}, "would be optional"),
        ({"bool": {"should": [PLANET, {"term": {"lang": "en"}}]}}, "expected them in filter"),
        ({"bool": {"must": [PLANET], "should": [{"term": {"lang": "en"}}]}}, "ranks hits"),
        ({"bool": {"should": [{"term": {"lang": "en"}}, {"term": {"lang": "de"}}]}}, "ranks hits"),
        ({"bool": {"must_not": [PLANET]}}, "found in a filter"),
    ],
    ids=lambda query: str(query)[:80],
)
def test_queries_that_are_not_supported_are_refused_in_words(api, query, words):
    assert words in api.refused("POST", "/shop/_search", {"query": query})["reason"]


def test_should_may_rank_nothing_where_hits_have_another_order(api):
    query = {"bool": {"should": [{"term": {"lang": "en"}}, {"term": {"lang": "de"}}]}}
    expected = [one["_id"] for one in DOCUMENTS if one["lang"] in ("en", "de")]
    assert api.ids(query, sort=["_doc"]) == expected
