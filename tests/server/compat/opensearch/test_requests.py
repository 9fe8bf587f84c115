"""Requests: compressed bodies, keys by basic authentication, limits, and errors that all have OpenSearch's form."""

import base64
import gzip
import json
import random
import zlib

import pytest

from seismic import DeadlineError, FilterError, InputError, LockedError, StorageError
from seismic.errors import ConflictError, DrainingError, NotReadyError, OverloadedError
from seismic_server.access.keys import create_key
from seismic_server.compat.opensearch.errors import refusal_of

from ...conftest import wait_for
from .conftest import MAPPING, serving

ALL = {"query": {"match_all": {}}}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """An application with small limits and the index `shop`."""
    limits = {"max_body_bytes": 20_000, "max_upsert_bytes": 200_000, "max_answer_bytes": 100_000}
    for api in serving(tmp_path_factory.mktemp("requests"), **limits):
        api.call("PUT", "/shop", MAPPING)
        yield api


def test_bodies_may_be_compressed(api):
    packed = {"Content-Encoding": "gzip"}
    body = gzip.compress(b'{"lang": "en", ') + gzip.compress(b'"year": 1}')  # two members
    api.call("PUT", "/shop/_doc/z1", body, 201, headers=packed)
    assert api.call("GET", "/shop/_doc/z1")["_source"] == {"lang": "en", "year": 1}
    assert api.call("POST", "/shop/_search", gzip.compress(json.dumps(ALL).encode()), headers=packed)["hits"]["hits"]
    whole = gzip.compress(json.dumps(ALL).encode())
    for wrong in (b"x", whole[:-4], whole[:12], whole + b"rest", zlib.compress(b"{}")):
        assert "gzip" in api.refused("POST", "/shop/_search", wrong, headers=packed)["reason"]


def test_a_small_body_cannot_become_a_large_one(api):
    packed = {"Content-Encoding": "gzip"}
    bomb = gzip.compress(b" " * 30_000_000)
    assert len(bomb) > 20_000
    api.refused("POST", "/shop/_search", bomb, 413, headers=packed)
    small = gzip.compress(b" " * 3_000_000)
    assert len(small) < 20_000
    error = api.refused("POST", "/shop/_search", small, 413, headers=packed)
    assert "after decompression, expected at most 20000" in error["reason"]
    assert api.refused("POST", "/_bulk", small, 413, headers=packed)["type"] == "content_too_long_exception"
    line = {"lang": "x" * 50_000}
    assert api.call("POST", "/shop/_bulk", [{"index": {"_id": "l"}}, line])["errors"] is False


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind", "options"),
    [
        ("GET", "/_nothing", None, 400, "illegal_argument_exception", {}),
        ("GET", "/shop/_nothing", None, 400, "illegal_argument_exception", {}),
        ("GET", "/shop/x/y", None, 400, "illegal_argument_exception", {}),
        ("POST", "/shop/_forcemerge", None, 400, "illegal_argument_exception", {}),
        ("DELETE", "/_bulk", None, 405, "method_not_allowed_exception", {}),
        ("PATCH", "/shop/_search", {}, 405, "method_not_allowed_exception", {}),
        ("POST", "/shop", {}, 405, "method_not_allowed_exception", {}),
        ("GET", "/none", None, 404, "index_not_found_exception", {}),
        ("POST", "/none/_search", {}, 404, "index_not_found_exception", {}),
        ("PUT", "/none/_doc/1", {}, 404, "index_not_found_exception", {}),
        ("POST", "/none/_delete_by_query", ALL, 404, "index_not_found_exception", {}),
        ("POST", "/none/_search/point_in_time?keep_alive=1m", None, 404, "index_not_found_exception", {}),
        ("POST", "/shop/_search", b"{", 400, "json_parse_exception", {}),
        ("POST", "/shop/_search", b'{"min_score": NaN}', 400, "json_parse_exception", {}),
        ("POST", "/shop/_search", b"\xff", 400, "json_parse_exception", {}),
        ("POST", "/shop/_search", [[]], 400, "parse_exception", {}),
        ("POST", "/shop/_search", {}, 406, "media_type_header_exception", {"headers": {"Content-Type": "text/plain"}}),
        ("POST", "/shop/_search", {}, 406, "media_type_header_exception", {"headers": {"Content-Encoding": "br"}}),
        ("POST", "/shop/_search?q=lang:en", {}, 400, "illegal_argument_exception", {}),
        ("POST", "/shop/_search?filter_path=took", {}, 400, "illegal_argument_exception", {}),
        ("POST", "/shop/_search?size=x", {}, 400, "illegal_argument_exception", {}),
        ("POST", "/shop/_search?scroll=x", {}, 400, "illegal_argument_exception", {}),
        ("PUT", "/shop/_doc/1?version=3&version_type=external", {}, 400, "illegal_argument_exception", {}),
        ("PUT", "/shop/_doc/1?pipeline=p", {}, 400, "illegal_argument_exception", {}),
        ("PUT", "/shop/_doc/1?op_type=x", {}, 400, "illegal_argument_exception", {}),
        ("PUT", "/shop/_doc/1?if_seq_no=x", {}, 400, "illegal_argument_exception", {}),
        ("PUT", "/shop/_doc/1?if_seq_no=1&if_primary_term=2", {}, 400, "illegal_argument_exception", {}),
        ("POST", "/_search/scroll", {"scroll_id": "x"}, 400, "illegal_argument_exception", {}),
        ("POST", "/_search/scroll", {}, 400, "illegal_argument_exception", {}),
        ("POST", "/_search/scroll", {"scroll_id": "A" * 9000}, 400, "illegal_argument_exception", {}),
        ("POST", "/shop/_search", b" " * 30_000, 413, "content_too_long_exception", {}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_errors_have_the_form_of_opensearch(api, method, path, body, status, kind, options):
    assert api.refused(method, path, body, status, **options)["type"] == kind


def test_an_answer_has_a_limit(api):
    lines = [line for at in range(30) for line in ({"index": {"_id": f"big{at}"}}, {"big": "x" * 5_000})]
    assert api.call("POST", "/shop/_bulk", lines)["errors"] is False
    query = {"query": {"exists": {"field": "big"}}, "size": 30}
    assert "max_answer_bytes" in api.refused("POST", "/shop/_search", query)["reason"]
    assert "max_answer_bytes" in api.refused("POST", "/shop/_mget", {"ids": [f"big{at}" for at in range(30)]})["reason"]
    assert len(api.call("POST", "/shop/_search", {**query, "_source": False})["hits"]["hits"]) == 30


def test_without_the_setting_there_is_no_such_api(tmp_path):
    for api in serving(tmp_path, compat=[]):
        response = api.client.get("/opensearch")
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"


def test_a_changed_index_ends_a_scroll_of_a_query(api):
    bulk = [line for at in range(4) for line in ({"index": {"_id": f"s{at}"}}, {"tokens": {"a": 1.0 + at}})]
    api.call("POST", "/shop/_bulk", bulk)
    query = {"query": {"neural_sparse": {"tokens": {"query_tokens": {"a": 1.0}}}}}
    first = api.call("POST", "/shop/_search?scroll=1m&size=2", query)
    api.call("POST", "/shop/_bulk", bulk[:2])
    error = api.refused("POST", "/_search/scroll", {"scroll_id": first["_scroll_id"]}, 404)
    assert error["type"] == "search_context_missing_exception"


def basic(password, user="admin"):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_keys_come_by_basic_authentication_and_roles_hold(tmp_path):
    keys = tmp_path / "keys.json"
    admin, reader = create_key(keys, "a", "admin"), create_key(keys, "r", "read-only", ["shop"])
    folder = tmp_path / "collections"
    folder.mkdir()
    for api in serving(folder, keys_file=keys):
        for name in ("shop", "other"):
            api.call("PUT", f"/{name}", MAPPING, headers=basic(admin))
            api.call("PUT", f"/{name}/_doc/1", {"tokens": {"a": 1.0}}, 201, headers=basic(admin, "any: user"[:3]))
        for headers in ({}, basic("wrong"), basic(""), {"Authorization": "Basic %%%"}, {"Authorization": "Basic "}):
            response = api.client.get("/opensearch/", headers=headers)
            assert response.status_code == 401
            assert response.headers["www-authenticate"].startswith("Basic")
            assert response.json()["error"]["type"] == "security_exception"
        assert api.call("GET", "/", headers={"Authorization": f"Bearer {admin}"})["name"] == "seismic"
        native = api.client.get("/v1/collections", headers=basic(admin))
        assert native.status_code == 401  # only clients that cannot do otherwise send keys so
        _reads_what_it_may(api, basic(reader))
        _changes_by_an_alias(api, basic(admin), basic(create_key(keys, "l", "admin", ["live"])))


def _changes_by_an_alias(api, admin, key):
    api.call("PUT", "/other/_alias/live", headers=admin)
    wait_for(lambda: api.client.get("/opensearch/live/_count", headers=key).is_success)  # the file is read again
    lines = [{"index": {"_index": "live", "_id": "2"}}, {"n": 1}, {"index": {"_index": "other", "_id": "3"}}, {"n": 1}]
    answer = api.call("POST", "/_bulk", lines, headers=key)["items"]
    assert [one["index"]["status"] for one in answer] == [201, 403]
    api.call("PUT", "/live/_doc/4", {"n": 1}, 201, headers=key)
    assert api.call("GET", "/other/_count", headers=admin)["count"] == 3
    api.refused("PUT", "/other/_doc/4", {"n": 1}, 403, headers=key)


def _reads_what_it_may(api, key):
    page = api.call("POST", "/shop/_search?scroll=1m", ALL, headers=key)
    api.call("POST", "/_search/scroll", {"scroll_id": page["_scroll_id"]}, headers=key)
    api.call("DELETE", "/_search/scroll", {"scroll_id": [page["_scroll_id"]]}, headers=key)
    pit = api.call("POST", "/shop/_search/point_in_time?keep_alive=1m", headers=key)["pit_id"]
    api.call("POST", "/_search", {"pit": {"id": pit}}, headers=key)
    api.call("DELETE", "/_search/point_in_time", {"pit_id": [pit]}, headers=key)
    api.call("POST", "/shop/_mget", {"ids": ["1"]}, headers=key)
    api.call("POST", "/shop/_count", headers=key)
    api.call("GET", "/shop/_doc/1", headers=key)
    assert [row["index"] for row in api.call("GET", "/_cat/indices?format=json", headers=key)] == ["shop"]
    for method, path, body in (
        ("GET", "/other", None),
        ("GET", "/other/_doc/1", None),
        ("POST", "/other/_search", ALL),
        ("GET", "/_cat/count/other", None),
        ("PUT", "/new", MAPPING),
        ("PUT", "/shop/_doc/2", {"x": 1}),
        ("POST", "/shop/_update/1", {"doc": {}}),
        ("DELETE", "/shop/_doc/1", None),
        ("POST", "/_bulk", [{"delete": {"_index": "shop", "_id": "1"}}]),
        ("POST", "/shop/_delete_by_query", ALL),
        ("DELETE", "/shop", None),
    ):
        assert api.refused(method, path, body, 403, headers=key)["type"] == "security_exception"
    answers = api.call("POST", "/_msearch", [{"index": "shop"}, ALL, {"index": "other"}, ALL], headers=key)["responses"]
    assert [one["status"] for one in answers] == [200, 403]
    docs = [{"_index": "other", "_id": "1"}]
    assert "error" in api.call("POST", "/_mget", {"docs": docs}, headers=key)["docs"][0]


def test_bad_bodies_never_fail_the_server(api):
    """Send mutations of valid bodies: whatever is answered, it is not a failure."""
    rng = random.Random(5)
    pieces = [None, True, -1, 0, 1e308, 1 << 70, "", "x", "_id", [], {}, [[]], {"a": {}}, ["lang"], {"lang": "en"}]
    bodies = [
        ("POST", "/shop/_search", {"query": {"bool": {"must": [{"term": {"lang": {"value": "en"}}}], "filter": []}}}),
        ("POST", "/shop/_search", {"query": {"neural_sparse": {"tokens": {"query_tokens": {"a": 1}, "boost": 1}}}}),
        ("POST", "/shop/_search", {"sort": [{"year": {"order": "asc"}}, "_id"], "search_after": [1, "x"], "size": 1}),
        ("POST", "/shop/_search", {"_source": {"includes": ["a"]}, "from": 1, "min_score": 0, "timeout": "1m"}),
        ("POST", "/shop/_search", {"query": {"range": {"made": {"gte": 1, "lt": "2024-01-01"}}}, "post_filter": {}}),
        ("POST", "/shop/_count", {"query": {"terms": {"year": [1, 2]}}}),
        ("POST", "/shop/_mget", {"ids": ["a"]}),
        ("POST", "/_mget", {"docs": [{"_index": "shop", "_id": "a", "_source": True}]}),
        ("POST", "/shop/_update/u", {"doc": {"year": 1}, "doc_as_upsert": True}),
        ("PUT", "/shop/_doc/u", {"tokens": {"a": 1.0}, "year": 1, "made": "2024-01-01", "meta": {"author": "x"}}),
        ("PUT", "/new", {"mappings": {"properties": {"v": {"type": "rank_features"}, "o": {"properties": {}}}}}),
        ("POST", "/_bulk", [{"index": {"_index": "shop", "_id": "u"}}, {"year": 1}, {"delete": {"_index": "shop"}}]),
        ("POST", "/_msearch", [{"index": "shop"}, {"query": {"exists": {"field": "year"}}}]),
        ("POST", "/_search/scroll", {"scroll_id": "x"}),
        ("POST", "/_search", {"pit": {"id": "x"}}),
    ]

    def mutated(value):
        if rng.random() < 0.15:
            return rng.choice(pieces)
        if isinstance(value, dict):
            return {
                rng.choice(["x", name]) if rng.random() < 0.1 else name: mutated(one) for name, one in value.items()
            }
        return [mutated(one) for one in value] if isinstance(value, list) else value

    for round in range(12):
        for method, path, body in bodies:
            sent = mutated(body)
            lines = sent if isinstance(body, list) and isinstance(sent, list) else [sent]
            content = "\n".join(map(json.dumps, lines)).encode() + b"\n"
            response = api.client.request(
                method, f"/opensearch{path}", content=content, headers={"Content-Type": "application/json"}
            )
            assert response.status_code < 500, (round, method, path, sent, response.text)
            if response.status_code >= 400 and "found" not in response.json() and "result" not in response.json():
                assert response.json()["error"]["type"]
    api.client.delete("/opensearch/new")


def test_a_refusal_for_now_says_when_to_try_again(tmp_path):
    for api in serving(tmp_path, rate_limit=0.001, rate_burst=5):
        responses = [api.client.get("/opensearch/") for _ in range(7)]
        assert responses[-1].status_code == 429
        assert int(responses[-1].headers["retry-after"]) > 1
        assert responses[-1].json()["error"]["type"] == "rejected_execution_exception"


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (DeadlineError("x"), "timeout_exception", 504),
        (OverloadedError("x"), "rejected_execution_exception", 429),
        (DrainingError("x"), "node_closed_exception", 503),
        (NotReadyError("x"), "no_shard_available_action_exception", 503),
        (LockedError("x"), "cluster_block_exception", 503),
        (ConflictError("x", []), "version_conflict_engine_exception", 409),
        (FilterError("x", "filter"), "query_shard_exception", 400),
        (InputError("x"), "illegal_argument_exception", 400),
        (StorageError("x"), "exception", 500),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_errors_of_the_engine_have_types_of_opensearch(error, kind, status):
    refusal = refusal_of(error)
    assert (refusal.kind, refusal.status, str(refusal)) == (kind, status, "x")
