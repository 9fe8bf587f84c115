"""Indices: made by mappings, described, listed and deleted; collections of the service itself are indices too."""

import pytest

import seismic
from seismic import SparseVectors, Vocabulary

from .conftest import serving


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """An application with a collection built with a vocabulary, one with an encoder and one without either."""
    folder = tmp_path_factory.mktemp("indices")
    vectors = SparseVectors.from_dicts([{0: 1.0, 1: 2.0}, {1: 1.0}], dimension=2)
    documents = {"id": [7, 8], "title": ["A", "B"], "year": [2001, 2002]}
    seismic.build(vectors, folder / "built", documents=documents, vocabulary=Vocabulary(["moon", "mars"]))
    seismic.build(vectors, folder / "plain", documents={"id": ["a", "b"], "tokens": ["x", "y"]})
    seismic.create(folder / "texts", encoder=seismic.load_encoder("bm25"), columns={"text": "string"})
    fields = {"words": {"vocabulary": [], "weight": 0.5}, "bm25": {"encoder": "bm25"}}
    seismic.create(folder / "hybrid", fields=fields)
    seismic.create(folder / "strict", dimension=4, columns={"year": "int64"}, strict=True)
    seismic.alias(folder, "also", "built")
    yield from serving(folder)


def test_a_mapping_is_kept(api):
    properties = {
        "emb": {"type": "sparse_vector"},
        "t": {"type": "text"},
        "k": {"type": "keyword"},
        "n": {"type": "integer"},
        "f": {"type": "float"},
        "b": {"type": "boolean"},
        "d": {"type": "date"},
        "id": {"type": "keyword"},
        "o": {"properties": {"x": {"type": "long"}}},
    }
    made = api.call("PUT", "/made", {"settings": {"number_of_shards": 3}, "mappings": {"properties": properties}})
    assert made == {"acknowledged": True, "shards_acknowledged": True, "index": "made"}
    assert api.call("GET", "/made/_mapping") == {"made": {"mappings": {"properties": properties}}}
    api.call("PUT", "/made/_mapping", {"properties": {"new": {"type": "double"}, "n": {"type": "long"}}})
    after = api.call("GET", "/made")["made"]["mappings"]["properties"]
    assert after == {**properties, "new": {"type": "double"}, "n": {"type": "long"}}
    assert api.call("GET", "/made/_settings")["made"]["settings"]["index"]["number_of_shards"] == "1"
    assert (
        "cannot be added"
        in api.refused("PUT", "/made/_mapping", {"properties": {"v": {"type": "rank_features"}}})["reason"]
    )
    assert api.refused("PUT", "/made/_mapping", {"properties": {"k": {"type": "long"}}})
    assert api.refused("PUT", "/made", {})["type"] == "resource_already_exists_exception"
    assert api.call("DELETE", "/made") == {"acknowledged": True}
    assert api.refused("DELETE", "/made", status=404)["index"] == "made"
    assert api.call("DELETE", "/made?ignore_unavailable=true") == {"acknowledged": True}
    assert api.call("HEAD", "/made", status=404) == ""


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "no field of sparse vectors"),
        ({"mappings": {"properties": {"t": {"type": "text"}}}}, "no field of sparse vectors"),
        (
            {"mappings": {"properties": {"v": {"type": "knn_vector", "dimension": 3}}}},
            "dense vectors are not supported",
        ),
        ({"mappings": {"properties": {"v": {"type": "dense_vector"}}}}, "dense vectors are not supported"),
        ({"mappings": {"properties": {"v": {"type": "nested"}}}}, "found type 'nested'"),
        ({"mappings": {"properties": {"v": {"type": "alias", "path": "x"}}}}, "found type 'alias'"),
        ({"mappings": {"properties": {"o": {"properties": {"v": {"type": "rank_features"}}}}}}, "inside an object"),
        ({"mappings": {"properties": {"v": {"type": "rank_features", "positive_score_impact": False}}}}, "positive"),
        ({"mappings": {"properties": {"v": {"type": "rank_features", "x": 1}}}}, "option 'x'"),
        ({"mappings": {"properties": {"t": {"type": "keyword", "null_value": "x"}}}}, "null_value"),
        (
            {"mappings": {"properties": {"t": {"type": "text", "fields": {"raw": {"type": "keyword"}}}}}},
            "only 'keyword'",
        ),
        ({"mappings": {"properties": {"t": 1}}}, "expected an object"),
        ({"mappings": {"properties": []}}, "no field of sparse vectors"),
        ({"mappings": {"properties": [1]}}, "fields by name"),
        ({"mappings": 1}, "expected an object"),
        ({"mappings": {"dynamic": "strict"}}, "dynamic"),
        ({"mappings": {"_source": {"excludes": ["v"]}}}, "'_source' is not supported"),
        ({"settings": {"index": {"default_pipeline": "p"}}}, "default_pipeline"),
        ({"settings": {"index.search.default_pipeline": "p"}}, "search.default_pipeline"),
        ({"settings": {"analysis": {}}}, "analysis"),
        ({"settings": 1}, "settings"),
        ({"aliases": {"a": {}}}, "'aliases' is not supported"),
        ({"other": 1}, "'other' is not supported"),
    ],
    ids=str,
)
def test_mappings_that_are_not_supported_are_refused_in_words(api, body, words):
    assert words in api.refused("PUT", "/refused", body)["reason"]
    assert api.call("HEAD", "/refused", status=404) == ""


@pytest.mark.parametrize("name", ["a,b", "a*", "_all", "%2E%2E", "a%3Ab*"])
def test_names_of_several_indices_are_refused(api, name):
    for method, path in (("PUT", ""), ("GET", ""), ("POST", "/_search"), ("POST", "/_count")):
        if name != "_all" or path:
            api.refused(
                method,
                f"/{name}{path}",
                {} if method != "GET" else None,
                status=400 if name != "%2E%2E" or method == "PUT" else 404,
            )


def test_a_built_collection_is_an_index(api):
    properties = {"tokens": {"type": "rank_features"}, "title": {"type": "keyword"}, "year": {"type": "long"}}
    found = api.call("GET", "/built")["built"]
    assert found["mappings"] == {"properties": properties}
    assert found["aliases"] == {"also": {}}
    assert list(api.call("GET", "/also")) == ["built"]
    query = {"neural_sparse": {"tokens": {"query_tokens": {"mars": 1.0}}}}
    hits = api.call("POST", "/also/_search", {"query": query})["hits"]["hits"]
    assert hits[0] == {
        "_index": "built",
        "_id": "7",
        "_score": 2.0,
        "_source": {"title": "A", "year": 2001, "tokens": {"moon": 1.0, "mars": 2.0}},
    }
    assert api.call("GET", "/built/_doc/8")["_source"]["title"] == "B"
    assert api.call("GET", "/built/_doc/x", status=404)["found"] is False
    assert api.call("PUT", "/built/_doc/9", {"title": "C", "tokens": {"venus": 1.0}}, 201)["_id"] == "9"
    assert "int64" in api.refused("PUT", "/built/_doc/x", {"title": "C"})["reason"]
    assert (
        api.call("POST", "/built/_search", {"query": {"ids": {"values": ["9", "x", 8]}}})["hits"]["total"]["value"] == 2
    )
    assert api.call("POST", "/built/_update/7", {"doc": {"year": 2010}})["result"] == "updated"
    assert api.call("GET", "/built/_doc/7")["_source"]["year"] == 2010
    page = api.call("POST", "/built/_search", {"sort": [{"_id": "asc"}], "size": 1})["hits"]["hits"]
    rest = api.call("POST", "/built/_search", {"sort": [{"_id": "asc"}], "search_after": page[0]["sort"]})
    assert [hit["_id"] for hit in page + rest["hits"]["hits"]] == ["7", "8", "9"]
    assert "alias" in api.refused("DELETE", "/also")["reason"]


def test_a_collection_of_numbers_names_its_vectors_otherwise_than_a_column(api):
    found = api.call("GET", "/plain/_mapping")["plain"]["mappings"]["properties"]
    assert found == {"embedding": {"type": "sparse_vector"}, "tokens": {"type": "keyword"}}
    query = {"neural_sparse": {"embedding": {"query_tokens": {"1": 1.0, "01": 1.0}}}}
    answer = api.call("POST", "/plain/_search", {"query": query, "_source": ["tokens"]})["hits"]
    assert [(hit["_score"], hit["_source"]) for hit in answer["hits"]] == [
        (4.0, {"tokens": "x"}),
        (2.0, {"tokens": "y"}),
    ]
    wrong = {"neural_sparse": {"embedding": {"query_tokens": {"word": 1.0}}}}
    assert "'word'" in api.refused("POST", "/plain/_search", {"query": wrong})["reason"]


def test_texts_are_encoded_by_the_collection(api):
    lines = [{"index": {"_index": "texts", "_id": "1"}}, {"text": "mars is a planet"}]
    lines += [
        {"index": {"_index": "texts", "_id": "2"}},
        {"text": "the moon"},
        {"index": {"_index": "texts", "_id": "3"}},
        {"x": 1},
    ]
    assert api.call("POST", "/_bulk", lines)["errors"] is False
    for named in ({}, {"model_id": "bm25"}):
        query = {"neural_sparse": {"tokens": {"query_text": "the planet mars", **named}}}
        hits = api.call("POST", "/texts/_search", {"query": query})["hits"]["hits"]
        assert [hit["_id"] for hit in hits] == ["1", "2"]
    for named in ({"model_id": "other"}, {"analyzer": "bert-uncased"}):
        query = {"neural_sparse": {"tokens": {"query_text": "mars", **named}}}
        assert "expected 'bm25'" in api.refused("POST", "/texts/_search", {"query": query})["reason"]
    assert "encoded" in api.refused("POST", "/texts/_update/1", {"doc": {"text": "venus"}})["reason"]
    assert api.call("POST", "/texts/_update/1", {"doc": {"x": 2}})["result"] == "updated"
    assert api.call("GET", "/texts/_doc/1")["_source"]["text"] == "mars is a planet"


def test_probes_of_the_cluster(api):
    about = api.call("GET", "/")
    assert about["version"]["distribution"] == "opensearch"
    assert about["name"] == "seismic"
    assert api.call("GET", "") == about
    assert api.call("GET", "/_cluster/health")["status"] == "green"
    assert {row["index"] for row in api.call("GET", "/_cat/indices?format=json")} >= {"built", "plain", "texts"}
    assert api.call("GET", "/_cat/indices/plain").split()[2] == "plain"
    assert api.call("GET", "/_cat/indices?v").splitlines()[0].startswith("health status index")
    assert api.call("GET", "/_cat/count/plain?format=json") == [{"count": "2"}]
    assert api.call("POST", "/_refresh")["_shards"]["failed"] == 0


def test_an_index_may_have_several_fields_of_vectors(api):
    properties = {
        "splade": {"type": "rank_features"},
        "title": {"type": "rank_features"},
        "raw": {"type": "sparse_vector"},
        "year": {"type": "long"},
    }
    api.call("PUT", "/many", {"mappings": {"properties": properties}})
    assert api.call("GET", "/many/_mapping")["many"]["mappings"]["properties"] == properties
    first = {"splade": {"mars": 1.0, "red": 2.0}, "title": {"mars": 4.0}, "raw": {"7": 1.0, "4000000000": 0.5}}
    second = {"splade": {"mars": 0.5}, "year": 2001}
    lines = [{"index": {"_id": "1"}}, first, {"index": {"_id": "2"}}, second]
    assert api.call("POST", "/many/_bulk", lines)["errors"] is False
    assert api.call("GET", "/many/_doc/1")["_source"] == first
    assert api.call("GET", "/many/_doc/2?_source_includes=splade")["_source"] == {"splade": {"mars": 0.5}}

    def found(query):
        hits = api.call("POST", "/many/_search", {"query": query, "_source": False})["hits"]["hits"]
        return [(hit["_id"], hit["_score"]) for hit in hits]

    def sparse(field, tokens, **others):
        return {"neural_sparse": {field: {"query_tokens": tokens, **others}}}

    assert found(sparse("splade", {"mars": 2.0})) == [("1", 2.0), ("2", 1.0)]
    assert found(sparse("title", {"mars": 2.0, "none": 1.0})) == [("1", 8.0)]
    assert found(sparse("raw", {"4000000000": 2.0, "9": 1.0})) == [("1", 1.0)]
    both = [sparse("splade", {"mars": 1.0}), sparse("title", {"mars": 1.0}, boost=0.5)]
    assert found({"bool": {"should": both}}) == [("1", 3.0), ("2", 0.5)]
    api.call("POST", "/many/_update/1", {"doc": {"title": {"venus": 1.0}}})
    api.call("POST", "/many/_update/2", {"doc": {"year": 2002}})
    assert found(sparse("title", {"venus": 1.0})) == [("1", 1.0)]
    expected = [{**first, "title": {"mars": 4.0, "venus": 1.0}}, {**second, "year": 2002}]
    assert [api.call("GET", f"/many/_doc/{id}")["_source"] for id in (1, 2)] == expected
    why = api.call("POST", "/many/_explain/1", {"query": {"bool": {"should": both}}})["explanation"]
    assert (why["value"], len(why["details"])) == (3.0, 2)
    assert {one["description"] for one in why["details"]} == {"weight of mars in splade", "weight of mars in title"}
    assert "'splade' or 'title' or 'raw'" in api.refused("POST", "/many/_search", {"query": sparse("x", {})})["reason"]


def test_fields_with_encoders_encode_texts_where_vectors_are_missing(api):
    lines = [{"index": {"_index": "hybrid", "_id": "1"}}, {"text": "mars"}]
    lines += [{"index": {"_index": "hybrid", "_id": "2"}}, {"text": "moon", "bm25": {"mars": 2.0}, "words": {"a": 1.0}}]
    lines += [{"index": {"_index": "hybrid", "_id": "3"}}, {"text": "mars and moon", "words": {"a": 2.0}}]
    lines += [{"index": {"_index": "hybrid", "_id": "4"}}, {"text": ["mars"]}]
    answer = api.call("POST", "/_bulk", lines)
    errors = [item["index"].get("error", {}).get("reason", "") for item in answer["items"]]
    assert errors[:3] == ["", "", ""]
    assert "found ['mars'], expected a text" in errors[3]

    def found(query):
        hits = api.call("POST", "/hybrid/_search", {"query": query, "_source": False})["hits"]["hits"]
        return [hit["_id"] for hit in hits]

    assert found({"neural_sparse": {"bm25": {"query_text": "mars"}}}) == ["2", "1", "3"]
    assert found({"neural_sparse": {"bm25": {"query_text": "moon"}}}) == ["3"]
    words = {"neural_sparse": {"words": {"query_tokens": {"a": 3.0}}}}
    assert found(words) == ["3", "2"]
    assert api.call("POST", "/hybrid/_search", {"query": words})["hits"]["hits"][0]["_score"] == 6.0
    assert "encoded" in api.refused("POST", "/hybrid/_update/1", {"doc": {"text": "venus"}})["reason"]
    api.call("POST", "/hybrid/_update/1", {"doc": {"words": {"b": 1.0}}})
    assert api.call("GET", "/hybrid/_doc/1")["_source"].keys() == {"text", "bm25", "words"}


def test_a_strict_collection_takes_no_other_fields(api):
    document = {"tokens": {"3": 1.0}, "year": 2001}
    api.call("PUT", "/strict/_doc/1", document, 201)
    assert api.call("GET", "/strict/_doc/1")["_source"] == document
    for wrong in ({"other": 1}, {"tokens": {"4": 1.0}}, {"year": "x"}):
        assert api.refused("PUT", "/strict/_doc/2", wrong)["type"] == "mapper_parsing_exception"
    api.call("POST", "/strict/_update/1", {"doc": {"year": 2002}})
    assert api.call("GET", "/strict/_doc/1")["_source"] == {**document, "year": 2002}


def test_aliases_name_one_index(api):
    for name in ("v1", "v2"):
        api.call("PUT", f"/{name}", {"mappings": {"properties": {"tokens": {"type": "rank_features"}}}})
    assert api.call("PUT", "/v1/_alias/live") == {"acknowledged": True}
    assert api.call("GET", "/v1/_alias") == {"v1": {"aliases": {"live": {}}}}
    assert api.call("GET", "/_alias/live") == {"v1": {"aliases": {"live": {}}}}
    assert api.call("GET", "/_alias")["v2"] == {"aliases": {}}
    assert api.call("HEAD", "/_alias/live") == ""
    assert api.call("PUT", "/live/_doc/1", {"tokens": {"a": 1.0}}, 201)["_index"] == "v1"
    lines = [{"index": {"_index": "live", "_id": "1"}}, {"n": 1}, {"update": {"_index": "v1", "_id": "1"}}, {"doc": {}}]
    assert [one[next(iter(one))]["_index"] for one in api.call("POST", "/_bulk", lines)["items"]] == ["v1", "v1"]
    assert api.call("POST", "/_mget", {"docs": [{"_index": "live", "_id": "1"}]})["docs"][0]["_index"] == "v1"
    assert api.call("GET", "/v1/_count")["count"] == 1
    assert "names one index" in api.refused("PUT", "/v2/_alias/live")["reason"]
    moves = [{"add": {"index": "v2", "alias": "live"}}, {"remove": {"index": "v1", "alias": "live"}}]
    api.call("POST", "/_aliases", {"actions": moves})
    assert api.call("GET", "/live/_count")["count"] == 0
    assert api.refused("DELETE", "/v1/_alias/live", status=404)["type"] == "aliases_not_found_exception"
    assert api.refused("PUT", "/none/_alias/live", status=404)["type"] == "index_not_found_exception"
    for wrong in (
        {},
        {"actions": 1},
        {"actions": [{"add": 1}]},
        {"actions": [{"add": {"index": "v1"}}]},
        {"actions": [{"add": {"index": "v1", "alias": "x", "filter": {}}}]},
        {"actions": [{"remove_index": {"index": "v1"}}]},
        {"actions": [{"add": {"index": "v*", "alias": "x"}}]},
    ):
        api.refused("POST", "/_aliases", wrong)
    assert api.call("DELETE", "/v2/_alias/live") == {"acknowledged": True}
    api.refused("GET", "/_alias/live", status=404)
    api.call("DELETE", "/v1")
    api.call("DELETE", "/v2")
