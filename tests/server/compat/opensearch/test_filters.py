"""Filters find what an obvious form of each query finds, and errors say what is wrong."""

from datetime import datetime

import pytest

from .conftest import DOCUMENTS


def values(document, field):
    for name in field.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    listed = document if isinstance(document, list) else [document]
    return [value for value in listed if value is not None]


def millis(text):
    return datetime.fromisoformat(text).timestamp() * 1000


def matches(document, query):
    """Return whether a document matches, by the definition of each query."""
    ((kind, content),) = query.items()
    if kind == "bool":
        clauses = {name: content.get(name, []) for name in ("must", "filter", "should", "must_not")}
        least = content.get("minimum_should_match", 0 if clauses["must"] or clauses["filter"] else 1)
        return (
            all(matches(document, one) for one in clauses["must"] + clauses["filter"])
            and not any(matches(document, one) for one in clauses["must_not"])
            and (not clauses["should"] or sum(matches(document, one) for one in clauses["should"]) >= least)
        )
    if kind == "match_all":
        return True
    if kind == "ids":
        return document["_id"] in content["values"]
    if kind == "exists":
        return any(name.startswith(content["field"]) and values(document, name) for name in FIELDS)
    ((field, wanted),) = content.items()
    found = [document["_id"]] if field == "_id" else values(document, field.removesuffix(".keyword"))
    if field == "title":
        found = [word.lower() for text in found for word in text.split()]
    if kind == "range":
        ends = {"gte": float.__ge__, "gt": float.__gt__, "lte": float.__le__, "lt": float.__lt__}
        number = millis if field == "made" else float
        return any(all(ends[end](float(number(v)), float(b)) for end, b in wanted.items()) for v in found)
    if kind == "prefix":
        return any(value.startswith(wanted) for value in found)
    return any(value == one for value in found for one in (wanted if kind == "terms" else [wanted]))


FIELDS = ["title", "lang", "year", "price", "sold", "made", "meta.author", "meta.tags"]
NEW_YEAR = millis("2024-01-10T12:00:00Z")
QUERIES = [
    {"match_all": {}},
    {"term": {"lang": "en"}},
    {"term": {"lang.keyword": "en"}},
    {"term": {"title": "planet"}},
    {"term": {"title.keyword": "The red Planet"}},
    {"terms": {"title": ["moons", "stars"]}},
    {"term": {"sold": True}},
    {"term": {"year": 2003}},
    {"terms": {"lang": ["en", "it", "xx"]}},
    {"terms": {"lang": []}},
    {"terms": {"_id": ["d01", "none"]}},
    {"range": {"year": {"gte": 2004, "lt": 2010}}},
    {"range": {"price": {"gt": 1.25, "lte": 3}}},
    {"range": {"made": {"gte": NEW_YEAR}}},
    {"exists": {"field": "year"}},
    {"exists": {"field": "meta"}},
    {"exists": {"field": "meta.tags"}},
    {"exists": {"field": "unknown"}},
    {"term": {"unknown": 1}},
    {"range": {"unknown": {"gte": 1}}},
    {"term": {"meta.tags": "x"}},
    {"term": {"meta.author": "a2"}},
    {"prefix": {"lang": "e"}},
    {"ids": {"values": ["d03", "d04", "none"]}},
    {"bool": {}},
    {"bool": {"must_not": [{"term": {"lang": "en"}}]}},
    {"bool": {"filter": [{"term": {"lang": "en"}}], "must_not": [{"exists": {"field": "unknown"}}]}},
    {"bool": {"filter": [{"term": {"sold": False}}], "should": [{"term": {"lang": "it"}}]}},
    {
        "bool": {
            "filter": [{"term": {"sold": False}}],
            "should": [{"term": {"lang": "it"}}, {"range": {"year": {"gt": 2015}}}],
            "minimum_should_match": 1,
        }
    },
    {
        "bool": {
            "should": [{"term": {"lang": "it"}}, {"range": {"year": {"gt": 2005}}}],
            "minimum_should_match": 2,
        }
    },
    {"bool": {"must": [{"bool": {"should": [{"term": {"lang": "fr"}}, {"term": {"lang": "de"}}]}}]}},
]


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_filters_match_their_definition(api, query):
    expected = [document["_id"] for document in DOCUMENTS if matches(document, query)]
    in_filter = {"bool": {"filter": [query]}}
    assert api.ids(in_filter) == expected
    assert api.ids({"constant_score": {"filter": query}}) == expected
    assert api.call("POST", "/shop/_count", {"query": query})["count"] == len(expected)
    sparse = {"neural_sparse": {"tokens": {"query_tokens": {"planet": 1.0}}}}
    assert sorted(api.ids({"bool": {"must": [sparse], "filter": query}})) == expected


def test_values_are_coerced_as_opensearch_does(api):
    assert api.ids({"term": {"year": "2003"}}) == ["d03"]
    assert len(api.ids({"term": {"sold": "true"}})) == 12
    assert api.ids({"term": {"made": "2024-01-04T12:00:00Z"}}) == ["d03"]
    assert api.ids({"term": {"made": int(millis("2024-01-04T12:00:00Z"))}}) == ["d03"]


def test_a_day_ends_where_opensearch_rounds_it(api):
    assert api.ids({"range": {"made": {"gte": "2024-01-03", "lte": "2024-01-04"}}}) == ["d02", "d03"]
    assert api.ids({"range": {"made": {"gt": "2024-01-03", "lt": "2024-01-05"}}}) == ["d03"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"match": {"title": "planet"}}, "full-text queries are not supported"),
        ({"match_phrase": {"title": "planet"}}, "full-text"),
        ({"multi_match": {"query": "x", "fields": ["title"]}}, "full-text"),
        ({"query_string": {"query": "x"}}, "full-text"),
        ({"more_like_this": {"like": "x"}}, "full-text"),
        ({"knn": {"v": {"vector": [1.0], "k": 1}}}, "dense vectors are not supported"),
        ({"neural": {"v": {"query_text": "x"}}}, "dense vectors are not supported"),
        ({"script_score": {"query": {"match_all": {}}, "script": {}}}, "scores other than"),
        ({"function_score": {}}, "scores other than"),
        ({"wildcard": {"lang": "e*"}}, "unknown or unsupported query [wildcard]"),
        ({"nested": {}}, "unknown or unsupported query [nested]"),
        ({"term": {"lang": {"value": "EN", "case_insensitive": True}}}, "case_insensitive"),
        ({"term": {"lang": [1]}}, "expected a text, a number"),
        ({"term": {"lang": None}}, "expected a text, a number"),
        ({"term": {"title": "The red"}}, "title.keyword"),
        ({"term": {"title": "Planet"}}, "one word in lower case"),
        ({"term": {"year": "soon"}}, "expected a number"),
        ({"term": {"sold": 1}}, "expected true or false"),
        ({"terms": {"lang": {"index": "x", "id": "1", "path": "p"}}}, "expected a list of values"),
        ({"term": {"tokens": "planet"}}, "field of sparse vectors"),
        ({"exists": {"field": "tokens"}}, "field of sparse vectors"),
        ({"exists": {"field": 1}}, "expected the name of a field"),
        ({"range": {"lang": {"gte": "a"}}}, "expected numbers or dates"),
        ({"range": {"made": {"gte": "now-1d"}}}, "now-1d"),
        ({"range": {"year": {"from": 1}}}, "field 'from' is not supported"),
        ({"range": {"year": {"gte": 1, "format": "yyyy"}}}, "format"),
        ({"prefix": {"title": "pl"}}, "expected a keyword"),
        ({"ids": {"values": [[]]}}, "expected ids"),
        ({"prefix": {"_id": "d"}}, "not a field of documents"),
        ({"term": {"_index": "shop"}}, "not a field of documents"),
        ({"bool": {"must": 1}}, "expected a query or a list"),
        ({"bool": {"oops": []}}, "field 'oops' is not supported"),
        ({"bool": {"should": [{"match_all": {}}] * 3, "minimum_should_match": 2}}, "minimum_should_match"),
        ({"bool": {"filter": [{"neural_sparse": {"tokens": {"query_tokens": {"a": 1}}}}]}}, "found in a filter"),
        ({"term": {"lang": "en"}, "terms": {"lang": ["en"]}}, "one query"),
        ({}, "one query"),
        ([], "one query"),
        ("x", "one query"),
    ],
    ids=str,
)
def test_what_is_not_supported_is_refused_in_words(api, query, words):
    for body in ({"query": query}, {"query": {"bool": {"filter": [query]}}}):
        error = api.refused("POST", "/shop/_search", body)
        assert words in error["reason"]
    api.refused("POST", "/shop/_count", {"query": query})
    api.refused("POST", "/shop/_delete_by_query", {"query": query})
    assert api.call("POST", "/shop/_count")["count"] == len(DOCUMENTS)


def test_nesting_has_a_limit(api):
    query = {"match_all": {}}
    for _ in range(30):
        query = {"bool": {"must": [query]}}
    assert "levels" in api.refused("POST", "/shop/_search", {"query": query})["reason"]
    deep = b'{"query":' + 400 * b'{"bool":{"must":' + b"{}" + 400 * b"}}" + b"}"
    assert "levels" in api.refused("POST", "/shop/_search", deep)["reason"]
    deeper = b'{"query":' + 40_000 * b"[" + 40_000 * b"]" + b"}"
    assert "JSON" in api.refused("POST", "/shop/_search", deeper)["reason"]
