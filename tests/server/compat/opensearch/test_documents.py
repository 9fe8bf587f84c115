"""Documents: stored, read, updated and deleted one by one and in bulk, each with an outcome of its own."""

import pytest

from .conftest import serving

NUMBERS = {"mappings": {"properties": {"emb": {"type": "sparse_vector"}, "year": {"type": "integer"}}}}
WORDS = {"mappings": {"properties": {"tokens": {"type": "rank_features"}, "day": {"type": "date"}}}}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """An application with the empty indices `numbers` and `words`."""
    for api in serving(tmp_path_factory.mktemp("documents")):
        api.call("PUT", "/numbers", NUMBERS)
        api.call("PUT", "/words", WORDS)
        yield api


def only(item):
    ((action, content),) = item.items()
    return action, content


def bulk(api, *lines, path="/_bulk"):
    answer = api.call("POST", path, list(lines))
    found = []
    for item in answer["items"]:
        action, one = only(item)
        found.append((action, one["status"], one["result"] if "result" in one else one["error"]["type"]))
    assert answer["errors"] == any("error" in only(item)[1] for item in answer["items"])
    return found


def source(api, index, id):
    return api.call("GET", f"/{index}/_doc/{id}")["_source"]


def test_a_document_is_stored_read_and_deleted(api):
    path, document = "/words/_doc/one", {"tokens": {"a": 1.5}, "n": {"m": [1, 2]}, "id": "mine", "none": None}
    made = api.call("PUT", path, document, 201)
    assert made["result"] == "created"
    assert api.call("PUT", path, document)["result"] == "updated"
    found = api.call("GET", path)
    assert found["found"] is True
    assert found["_source"] == document
    assert api.call("HEAD", path) == ""
    assert api.call("GET", "/words/_source/one") == document
    assert api.call("DELETE", path)["result"] == "deleted"
    assert api.call("DELETE", path, status=404)["result"] == "not_found"
    assert api.call("GET", path, status=404) == {"_index": "words", "_id": "one", "found": False}
    assert api.refused("GET", "/words/_source/one", status=404)["type"] == "resource_not_found_exception"


def test_ids_may_hold_slashes_and_be_made_up(api):
    id = api.call("POST", "/words/_doc", {"tokens": {"a": 1}}, 201)["_id"]
    assert len(id) == 20
    api.call("PUT", "/words/_doc/a%2Fb%20c", {"x": 1}, 201)
    assert api.call("GET", "/words/_doc/a%2Fb%20c")["_id"] == "a/b c"
    assert "512 bytes" in api.refused("PUT", f"/words/_doc/{'x' * 600}", {"x": 1})["reason"]


def test_create_refuses_what_exists(api):
    api.call("PUT", "/words/_create/c1", {"x": 1}, 201)
    for path in ("/words/_create/c1", "/words/_doc/c1?op_type=create"):
        assert api.refused("PUT", path, {"x": 1}, 409)["type"] == "version_conflict_engine_exception"


def test_changes_can_depend_on_what_was_read(api):
    api.call("PUT", "/words/_doc/g1", {"n": 1}, 201)
    before = api.call("GET", "/words/_doc/g1")
    guard = f"if_seq_no={before['_seq_no']}&if_primary_term={before['_primary_term']}"
    assert api.call("PUT", f"/words/_doc/g1?{guard}", {"n": 2})["result"] == "updated"
    assert api.refused("PUT", f"/words/_doc/g1?{guard}", {"n": 3}, 409)["type"] == "version_conflict_engine_exception"
    assert api.refused("DELETE", f"/words/_doc/g1?{guard}", status=409)
    assert api.refused("PUT", f"/words/_doc/none?{guard}", {"n": 3}, 409)
    assert source(api, "words", "g1") == {"n": 2}


def test_updates_merge(api):
    api.call("PUT", "/words/_doc/u1", {"tokens": {"a": 1.0, "b": 2.0}, "meta": {"x": 1, "y": 2}, "t": "old"}, 201)
    update = {"doc": {"meta": {"y": 3}, "t": "new", "list": [1]}}
    assert api.call("POST", "/words/_update/u1", update)["result"] == "updated"
    assert api.call("POST", "/words/_update/u1", update)["result"] == "noop"
    assert api.call("POST", "/words/_update/u1", {**update, "detect_noop": False})["result"] == "updated"
    expected = {"tokens": {"a": 1.0, "b": 2.0}, "meta": {"x": 1, "y": 3}, "t": "new", "list": [1]}
    assert source(api, "words", "u1") == expected
    api.call("POST", "/words/_update/u1", {"doc": {"tokens": {"b": 1.0, "c": 4.0}}})
    assert source(api, "words", "u1")["tokens"] == {"a": 1.0, "b": 1.0, "c": 4.0}
    query = {"neural_sparse": {"tokens": {"query_tokens": {"c": 1.0}}}}
    assert api.call("POST", "/words/_search", {"query": query})["hits"]["hits"][0]["_score"] == 4.0
    missing = api.refused("POST", "/words/_update/u2", {"doc": {"t": "x"}}, 404)
    assert missing["type"] == "document_missing_exception"
    api.call("POST", "/words/_update/u2", {"doc": {"t": "x"}, "doc_as_upsert": True}, 201)
    api.call("POST", "/words/_update/u3", {"doc": {"t": "x"}, "upsert": {"t": "first"}}, 201)
    assert [source(api, "words", id) for id in ("u2", "u3")] == [{"t": "x"}, {"t": "first"}]
    assert "scripts" in api.refused("POST", "/words/_update/u1", {"script": {"source": "x"}})["reason"]
    for wrong in ({}, {"doc": 1}, {"doc": {}, "other": 1}):
        api.refused("POST", "/words/_update/u1", wrong)


def test_operations_of_a_bulk_request_succeed_or_fail_for_themselves(api):
    found = bulk(
        api,
        {"index": {"_id": "b1"}},
        {"emb": {"5": 1.0}, "year": 2001},
        {"index": {"_id": "b2"}},
        {"emb": {"word": 1.0}},
        {"index": {"_id": "b3"}},
        {"emb": {"5": -1.0}},
        {"index": {"_id": "b4"}},
        {"emb": {"4294967296": 1.0}},
        {"index": {"_id": "b5"}},
        {"emb": {"4294967295": 2.0}, "year": 2005},
        {"create": {"_id": "b1"}},
        {"year": 1},
        {"index": {"_id": "b6"}},
        {"year": "soon"},
        {"index": {"_id": "b7"}},
        {"year": 2007, "tag": "a"},
        {"index": {"_id": "b8"}},
        {"tag": 8},
        {"update": {"_id": "none"}},
        {"doc": {"year": 1}},
        {"update": {"_id": "b7"}},
        {"doc": {"tag": ["x", "y"]}},
        {"delete": {"_id": "none"}},
        {"index": {"_id": "b9", "_index": "missing"}},
        {"year": 1},
        {"index": {"_id": "b10"}},
        [],
        {"index": {"_id": "b11", "pipeline": "p"}},
        {"year": 1},
        {"index": {"_id": "b12"}},
        {"year": 2012},
        path="/numbers/_bulk",
    )
    wrong = "mapper_parsing_exception"
    assert found == [
        ("index", 201, "created"),
        ("index", 400, wrong),
        ("index", 400, wrong),
        ("index", 400, wrong),
        ("index", 201, "created"),
        ("create", 409, "version_conflict_engine_exception"),
        ("index", 400, wrong),
        ("index", 201, "created"),
        ("index", 400, wrong),
        ("update", 404, "document_missing_exception"),
        ("update", 200, "updated"),
        ("delete", 404, "not_found"),
        ("index", 404, "index_not_found_exception"),
        ("index", 400, wrong),
        ("index", 400, "illegal_argument_exception"),
        ("index", 201, "created"),
    ]
    page = api.call("POST", "/numbers/_search", {"sort": "_id", "query": {"match_all": {}}})["hits"]["hits"]
    assert {hit["_id"]: hit["_source"] for hit in page} == {
        "b1": {"emb": {"5": 1.0}, "year": 2001},
        "b12": {"year": 2012},
        "b5": {"emb": {"4294967295": 2.0}, "year": 2005},
        "b7": {"year": 2007, "tag": ["x", "y"]},
    }


def test_errors_of_items_name_field_and_types(api):
    line = [{"index": {"_index": "numbers", "_id": "e1"}}, {"year": 1, "kind": {"a": True}}]
    assert api.call("POST", "/_bulk", line)["errors"] is False
    line[1] = {"kind": {"a": "text"}}
    error = only(api.call("POST", "/_bulk", line)["items"][0])[1]["error"]
    assert error["index"] == "numbers"
    assert "key 'kind.a': found a string ('text'), expected a boolean" in error["reason"]
    line[1] = {"emb": {"1.5": 1}}
    assert "'1.5'" in only(api.call("POST", "/_bulk", line)["items"][0])[1]["error"]["reason"]


def test_operations_on_the_same_document_follow_each_other(api):
    lines = [
        {"index": {"_id": "s"}},
        {"n": 1},
        {"update": {"_id": "s"}},
        {"doc": {"m": 2}},
        {"delete": {"_id": "s"}},
        {"update": {"_id": "s"}},
        {"doc": {"m": 3}, "doc_as_upsert": True},
        {"create": {"_id": "s"}},
        {"n": 9},
    ]
    assert [kind for _, _, kind in bulk(api, *lines, path="/words/_bulk")] == [
        "created",
        "updated",
        "deleted",
        "created",
        "version_conflict_engine_exception",
    ]
    assert source(api, "words", "s") == {"m": 3}
    many = [line for at in range(70) for line in ({"index": {"_id": "s"}}, {"n": at})]
    found = bulk(api, *many, path="/words/_bulk")
    assert [status for _, status, _ in found] == [200] * 64 + [400] * 6
    assert source(api, "words", "s") == {"n": 63}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "request body is required"),
        ([{"index": {}}], "no document after"),
        ([{"other": {}}, {}], "line [1]"),
        ([{"index": {}}, {}, {"delete": {}, "index": {}}], "line [3]"),
        ([{"index": 1}, {}], "line [1]"),
        ([1], "line [1]"),
    ],
    ids=str,
)
def test_bulk_requests_without_a_form_are_refused(api, lines, words):
    assert words in api.refused("POST", "/words/_bulk", lines)["reason"]


def test_bulk_requests_that_are_no_json_name_the_line(api):
    body = b'{"index":{"_id":"j"}}\n{"x":\n'
    assert "line 2" in api.refused("POST", "/words/_bulk", body)["reason"]
    assert api.call("GET", "/words/_doc/j", status=404)["found"] is False


def test_items_need_an_index_and_an_id(api):
    found = bulk(api, {"index": {"_id": "x"}}, {}, {"delete": {"_index": "words"}}, {"update": {"_index": "words"}}, {})
    assert [status for _, status, _ in found] == [400, 400, 400]
    assert bulk(api, {"index": {"_index": "words"}}, {}, {"create": {"_index": "words"}}, {})[1][2] == "created"


def test_documents_are_read_together(api):
    bulk(
        api,
        {"index": {"_id": "m1"}},
        {"x": 1, "tokens": {"a": 1}},
        {"index": {"_id": "m2"}},
        {"x": 2},
        path="/words/_bulk",
    )
    docs = [
        {"_index": "words", "_id": "m2", "_source": False},
        {"_index": "words", "_id": "m1", "_source": ["x"]},
        {"_index": "words", "_id": "none"},
        {"_index": "missing", "_id": "m1"},
    ]
    found = api.call("POST", "/_mget", {"docs": docs})["docs"]
    assert [one.get("found") for one in found] == [True, True, False, None]
    assert "_source" not in found[0]
    assert found[1]["_source"] == {"x": 1}
    assert found[3]["error"]["type"] == "index_not_found_exception"
    ids = api.call("POST", "/words/_mget?_source_includes=x", {"ids": ["m1", "m2"]})["docs"]
    assert [one["_source"] for one in ids] == [{"x": 1}, {"x": 2}]
    for wrong in (
        {},
        {"ids": 1},
        {"docs": [{}]},
        {"ids": [None]},
        {"docs": [{"_id": "m1", "x": 1}]},
        {"ids": [], "docs": []},
    ):
        api.refused("POST", "/words/_mget", wrong)
    api.refused("POST", "/_mget", {"docs": [{"_id": "m1"}]})


def test_dates_may_be_milliseconds(api):
    bulk(
        api,
        {"index": {"_id": "t1"}},
        {"day": 1704110400000},
        {"index": {"_id": "t2"}},
        {"day": "2024-01-02"},
        path="/words/_bulk",
    )
    query = {"range": {"day": {"lte": "2024-01-01"}}}
    hits = api.call("POST", "/words/_search", {"query": query})["hits"]["hits"]
    assert [hit["_source"] for hit in hits] == [{"day": 1704110400000}]
    assert bulk(api, {"index": {"_id": "t3"}}, {"day": 10**18}, path="/words/_bulk")[0][1] == 400
    assert bulk(api, {"index": {"_id": "t3"}}, {"day": "soon"}, path="/words/_bulk")[0][1] == 400


def test_deleting_by_query(api):
    bulk(api, *(line for at in range(5) for line in ({"index": {"_id": f"q{at}"}}, {"q": at})), path="/words/_bulk")
    answer = api.call("POST", "/words/_delete_by_query?conflicts=proceed", {"query": {"range": {"q": {"gte": 3}}}})
    assert (answer["deleted"], answer["total"], answer["failures"]) == (2, 2, [])
    assert api.call("POST", "/words/_count", {"query": {"exists": {"field": "q"}}})["count"] == 3
    for wrong in ({}, {"query": {"match": {}}}, {"query": {"match_all": {}}, "max_docs": 1}):
        api.refused("POST", "/words/_delete_by_query", wrong)
    sparse = {"neural_sparse": {"tokens": {"query_tokens": {"a": 1}}}}
    api.refused("POST", "/words/_delete_by_query", {"query": sparse})
    assert api.call("POST", "/words/_delete_by_query", {"query": {"ids": {"values": ["q0"]}}})["deleted"] == 1
