"""Every error is a problem document."""

import base64
import gzip
import hashlib
import json
import re
from http import HTTPStatus
from typing import Any

import httpx2
import pytest

from seismic.changes.updates import Writer
from seismic.errors import IndexNotFoundError, LockedError
from seismic_server.http.errors import Problem
from seismic_server.observe.echo import CONTROLS, clip, escaped

URL = "/v1/collections/scifact/search"
JSON = {"content-type": "application/json"}
GOOD = {"indices": [2054], "values": [1.0]}


def problem(response: httpx2.Response, status: int) -> Problem:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found = Problem.model_validate_json(response.content, strict=True)
    assert found.status == status
    assert found.request_id == response.headers["x-request-id"]
    assert found.instance == response.request.url.raw_path.decode().partition("?")[0]
    assert found.title
    assert found.detail
    return found


def refused(client: httpx2.Client, status: int, **body: Any) -> Problem:
    return problem(client.post(URL, json=body), status)


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"query": 1.5}, "#/query", "expected an object with either"),
        ({"order_by": {"key": "title", "direction": "up"}}, "#/order_by/direction", "input should be"),
        ({"order_by": "title"}, "#/order_by", "expected an object"),
        ({"query": GOOD, "lmit": 5}, "#/lmit", "unknown field"),
        ({"query": GOOD | {"weights": []}}, "#/query/weights", "unknown field"),
        ({"query": {"indices": [1]}}, "#/query/values", "field is missing"),
        ({"query": {"values": [1]}}, "#/query/indices", "field is missing"),
        ({"query": {"indices": [1.5], "values": [1]}}, "#/query/indices/0", "(found 1.5)"),
        ({"query": {"indices": ["1"], "values": [1]}}, "#/query/indices/0", '(found "1")'),
        ({"query": {"indices": [True], "values": [1]}}, "#/query/indices/0", "(found true)"),
        ({"query": {"indices": [-1], "values": [1]}}, "#/query/indices/0", "(found -1)"),
        ({"query": {"indices": [2**32], "values": [1]}}, "#/query/indices/0", "(found 4294967296)"),
        ({"query": {"indices": [10**30], "values": [1]}}, "#/query/indices/0", "(found 1e+30)"),
        ({"query": {"indices": 1, "values": [1]}}, "#/query/indices", "(found 1)"),
        ({"query": {"indices": [[1]], "values": [1]}}, "#/query/indices/0", "(found [1])"),
        ({"query": {"indices": [1], "values": ["1"]}}, "#/query/values/0", '(found "1")'),
        (
            {"query": {"indices": [1, 2], "values": [1, 0]}},
            "#/query/values/1",
            "greater than or equal to 0.000000000000001 (found 0)",
        ),
        (
            {"query": {"indices": [1], "values": [-2]}},
            "#/query/values/0",
            "greater than or equal to 0.000000000000001 (found -2)",
        ),
        ({"query": {"indices": [1], "values": [1e39]}}, "#/query/values/0", "(found 1e+39)"),
        ({"query": {"indices": [1], "values": [None]}}, "#/query/values/0", "(found null)"),
        (
            {"query": {"tokens": {"a~/b": 0}}},
            "#/query/tokens/a~0~1b",
            "greater than or equal to 0.000000000000001 (found 0)",
        ),
        ({"query": {"tokens": ["a"]}}, "#/query/tokens", 'expected an object (found ["a"])'),
        ({"query": {}}, "#/query", "expected an object with either"),
        ({"query": GOOD | {"tokens": {}}}, "#/query", "expected an object with either"),
        ({"query": 7}, "#/query", "expected an object with either"),
        ({"query": {"words": "planet"}}, "#/query", "expected an object with either"),
        ({"query": GOOD | {"text": "planet"}}, "#/query", "expected an object with either"),
        ({"query": {"text": 7}}, "#/query/text", "should be a valid string (found 7)"),
        ({"query": {"id": 1.5}}, "#/query/id", "(found 1.5)"),
        ({"query": {"id": "a", "positive": ["b"]}}, "#/query", "expected an object with either"),
        ({"query": {"negative": ["a"]}}, "#/query/positive", "field is missing"),
        ({"query": {"positive": []}}, "#/query/positive", "at least 1 item"),
        ({"query": {"positive": [True]}}, "#/query/positive/0", "expected an id, or an object with either"),
        ({"query": {"positive": [{"id": "a"}]}}, "#/query/positive/0", "expected an id, or an object with either"),
        ({"query": {"positive": [GOOD | {"values": [0]}]}}, "#/query/positive/0/values/0", "(found 0)"),
        ({"query": GOOD, "offset": -1}, "#/offset", "(found -1)"),
        ({"query": GOOD, "score_threshold": -1}, "#/score_threshold", "(found -1)"),
        ({"query": GOOD, "with_vector": 1}, "#/with_vector", "(found 1)"),
        ({"query": GOOD, "with_vector": "indices"}, "#/with_vector", "tokens"),
        ({"query": GOOD, "limit": -1}, "#/limit", "(found -1)"),
        ({"query": GOOD, "limit": "5"}, "#/limit", '(found "5")'),
        ({"query": GOOD, "limit": 5.0}, "#/limit", "(found 5.0)"),
        ({"query": GOOD, "limit": None}, "#/limit", "(found null)"),
        ({"query": GOOD, "with_payload": 1}, "#/with_payload", "expected true, false or a list of column names"),
        ({"query": GOOD, "with_payload": [1]}, "#/with_payload/0", "(found 1)"),
        ({"query": GOOD, "params": []}, "#/params", "expected an object"),
        ({"query": GOOD, "params": {"plan": "fast"}}, "#/params/plan", "input should be"),
        ({"query": GOOD, "params": {"query_cut": 0}}, "#/params/query_cut", "input should be"),
        (
            {"query": GOOD, "params": {"heap_factor": "1"}},
            "#/params/heap_factor",
            "input should be",
        ),
        ({"query": GOOD, "params": {"recall": 0.9, "plan": "exact"}}, "#/params", "found plan exact as well"),
        ({"query": GOOD, "params": {"recall": 0}}, "#/params/recall", "input should be"),
        ({"query": GOOD, "params": {"heap": 1}}, "#/params/heap", "unknown field; SearchParams has"),
        ([], "#", "expected an object"),
        ("text", "#", "expected an object"),
        (None, "#", "expected an object"),
    ],
)
def test_wrong_bodies_name_the_field(client, body, pointer, detail):
    found = problem(client.post(URL, content=json.dumps(body), headers=JSON), 422)
    assert found.type == "urn:problem-type:seismic:invalid-input"
    assert [field.pointer for field in found.errors] == [pointer]
    assert detail in found.errors[0].detail
    assert found.detail.startswith(f"{pointer}: ")


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ({"indices": [1, 2], "values": [1]}, "found 2 indices and 1 values"),
        ({"indices": [7, 7], "values": [1, 1]}, "component 7 twice"),
    ],
)
def test_queries_the_engine_refuses(client, query, detail):
    found = refused(client, 422, query=query)
    assert found.type == "urn:problem-type:seismic:invalid-query"
    assert detail in found.detail


def test_an_unknown_column_is_named(client):
    found = refused(client, 422, query=GOOD, with_payload=["title", "colour"])
    assert found.type == "urn:problem-type:seismic:invalid-parameter"
    assert "'colour'" in found.detail
    assert "n_sentences" in found.detail


def test_an_unknown_column_is_named_without_hits_too(client):
    assert "'colour'" in refused(client, 422, query={"tokens": {}}, with_payload=["colour"]).detail


def test_a_limit_above_the_setting(client):
    found = refused(client, 422, query=GOOD, limit=10_001)
    assert found.detail == "limit: found 10001, expected at most 10000"


def test_many_wrong_fields_are_counted_but_not_all_listed(client):
    found = problem(client.post(URL, json={f"field{number}": 0 for number in range(500)}), 422)
    assert len(found.errors) == 20
    assert "(and 499 more)" in found.detail


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b"'single'",
        b"\x00",
        b"[" * 100_000,
        b'{"query":' * 5_000,
        b'{"query": {"indices": [1], "values": [NaN]}}',
        b'{"query": {"indices": [1], "values": [Infinity]}}',
        b'{"query": {"indices": [1], "values": [-Infinity]}}',
        b'{"query": {"indices": [1], "values": [1e400]}}',
        b'{"query": {"indices": [1], "values": [' + b"9" * 5_000 + b"]}}",
        b'{"query": {"tokens": {"\xff\xfe": 1}}}',
        rb'{"query": {"tokens": {"\ud800": 1}}}',
        '{"query": {"tokens": {}}}'.encode("utf-16"),
        b'{"query": {"tokens": {}}} trailing',
    ],
    ids=range(15),
)
def test_bodies_that_are_not_json(client, body):
    found = problem(client.post(URL, content=body, headers=JSON), 400)
    assert found.detail.startswith("the body is not JSON: ")
    assert found.type == "about:blank"


def test_an_empty_body(client):
    assert "the body is empty" in problem(client.post(URL, content=b"", headers=JSON), 422).detail


@pytest.mark.parametrize("declared", [{}, {"content-type": "text/plain"}, {"content-type": "application/x-ndjson"}])
def test_bodies_that_are_not_declared_as_json(client, declared):
    found = problem(client.post(URL, content=json.dumps({"query": GOOD}), headers=declared), 415)
    assert "expected application/json" in found.detail


def test_a_charset_may_be_declared(client):
    declared = {"content-type": "Application/JSON; charset=utf-8"}
    assert client.post(URL, content=json.dumps({"query": GOOD}), headers=declared).status_code == 200


@pytest.mark.parametrize("name", ["nope", "SCIFACT", "..%2Fscifact", "%00", "%F0%9F%AA%90", "a%0Ab"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_collections(client, name, method):
    url = f"/v1/collections/{name}" + ("/search" if method == "POST" else "")
    response = client.request(method, url, json={"query": GOOD} if method == "POST" else None)
    found = Problem.model_validate_json(response.content, strict=True)
    assert response.status_code == found.status == HTTPStatus.NOT_FOUND
    assert response.headers["content-type"] == "application/problem+json"


def test_an_unknown_collection_has_a_type_of_its_own(client):
    found = problem(client.get("/v1/collections/nope"), 404)
    assert found.type == "urn:problem-type:seismic:no-such-collection"
    assert "'nope'" in found.detail


@pytest.mark.parametrize(
    ("method", "path", "known"),
    [
        ("GET", "/v1/collections", "none"),
        ("GET", "/v1/collections/scifact", "none"),
        ("GET", "/v1/collections/scifact/documents/4983", "with_vector, min_sequence"),
        ("POST", "/v1/collections/scifact:verify", "verify"),
        ("POST", "/v1/collections/scifact/count", "none"),
        ("POST", URL, "none"),
        ("POST", f"{URL}/batch", "none"),
    ],
)
def test_unknown_parameters_of_the_query(client, method, path, known):
    response = client.request(method, path, params={"with_vektor": "true"}, json={} if method == "POST" else None)
    found = problem(response, 422)
    assert found.detail == f"?with_vektor: unknown field; this route has {known}"
    assert found.errors[0].pointer == "?with_vektor"


def test_probes_may_have_any_parameters(client):
    assert client.get("/healthz", params={"t": "1"}).is_success
    assert client.get("/readyz", params={"t": "1"}).is_success


def test_compressed_bodies(client):
    body = gzip.compress(json.dumps({"query": GOOD}).encode())
    response = client.post(URL, content=body, headers=JSON | {"Content-Encoding": "gzip"})
    assert "Content-Encoding: found gzip, expected none" in problem(response, 415).detail
    assert response.headers["accept-encoding"] == "identity"
    plain = JSON | {"Content-Encoding": "identity"}
    assert client.post(URL, content=json.dumps({"query": GOOD}), headers=plain).is_success


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/readyz", "/docs", "/metrics", "/v1/collections", "/v1/collections/scifact"]
)
def test_head_answers_as_get_without_a_body(client, path):
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert int(head.headers["content-length"]) > 0


def test_head_of_an_unknown_path(client):
    assert client.head("/v1/collections/none").status_code == 404
    assert client.head(URL).status_code == 405


def test_head_counts_for_its_route(client):
    client.head("/healthz")
    assert 'seismic_request_seconds_count{route="/healthz",status="200"}' in client.get("/metrics").text


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/collections/", "/v2/collections", "/healthz/", "/a%0Ab", "/console/nope", "/console/../app.py"]
)
def test_unknown_routes(client, path):
    assert problem(client.get(path), 404).type == "about:blank"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", URL, "POST"), ("PUT", URL, "POST"), ("POST", "/healthz", "GET"), ("DELETE", "/v1/collections", "GET")],
)
def test_wrong_methods(client, method, path, allowed):
    response = client.request(method, path)
    assert problem(response, 405).detail == f"found {method}, expected {allowed}"
    assert response.headers["allow"] == allowed


def test_a_request_id_is_made_and_differs(client):
    one, two = (client.get("/healthz").headers["x-request-id"] for _ in range(2))
    assert one != two
    assert len(one) == 32


def test_a_request_id_is_kept(client):
    assert client.get("/healthz", headers={"X-Request-ID": "trace-1:a.b_c"}).headers["x-request-id"] == "trace-1:a.b_c"


@pytest.mark.parametrize("given", ["", "a b", 'a"b', "a\tb", "é".encode("latin-1"), "x" * 129, "<script>"])
def test_a_request_id_that_is_not_well_formed_is_replaced(client, given):
    response = client.get("/nope", headers={"X-Request-ID": given})
    assert len(problem(response, 404).request_id) == 32


def test_a_plan_that_the_layout_lacks(client):
    found = refused(client, 422, query=GOOD, params={"plan": "lists"})
    assert found.type == "urn:problem-type:seismic:invalid-parameter"
    assert "plan 'lists'" in found.detail


def test_a_depth_above_the_setting(client):
    found = refused(client, 422, query=GOOD, offset=9_995)
    assert found.detail == "limit: found 10 after offset 9995, expected at most 10000 together"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"group_by": {"key": "nope"}}, "group_by.key: unknown column 'nope'"),
        ({"group_by": {"key": "title", "limit": 1000, "size": 1000}}, "group_by: found 1000 groups of 1000 hits"),
        ({"group_by": {"key": "title"}, "limit": 3}, "group_by excludes limit"),
        ({"group_by": {"key": "title"}, "offset": 0}, "group_by excludes offset"),
        ({"facets": [{"key": "title", "limit": 0}]}, "#/facets/0/limit: input should be greater"),
        ({"facets": {}}, "#/facets"),
        ({"feedback": {"weight": 0}}, "#/feedback/weight: input should be greater"),
        ({"feedback": 1}, "#/feedback"),
        ({"explain": 1}, "#/explain"),
        ({"fusion": {}}, "#/fusion/runs: field is missing"),
        (
            {"fusion": {"runs": [{"hits": [{"id": "a", "score": 1}], "wieght": 1}]}},
            "runs/0/wieght: unknown field; Run has",
        ),
        ({"fusion": {"runs": [{"hits": [{"id": "a", "score": 1}, {"id": "a", "score": 2}]}]}}, "'a' twice"),
        ({"fusion": {"runs": [{"hits": [{"id": 7, "score": 1}]}]}}, "fusion.runs[0]: ids: found 7, expected a string"),
        ({"fusion": {"runs": [{"hits": [{"id": True, "score": 1}]}]}}, "#/fusion/runs/0/hits/0/id: "),
        (
            {"fusion": {"runs": [{"hits": [{"id": "a", "score": "x"}]}]}},
            "#/fusion/runs/0/hits/0/score: input",
        ),
        ({"order_by": {"key": "title"}}, "order_by orders documents without a query"),
        ({"query": None, "explain": True}, "without a query, found explain"),
        ({"query": None, "feedback": {}, "score_threshold": 1}, "without a query, found score_threshold and feedback"),
        ({"query": None, "group_by": {"key": "title"}}, "without a query, found group_by"),
        ({"query": None, "fusion": {"runs": [{"hits": []}]}}, "without a query, found fusion"),
        ({"query": None, "order_by": {"key": "nope"}}, "order_by.key: unknown column 'nope'; this collection has id, "),
        ({"params": {"recal": 1}}, "#/params/recal: unknown field; SearchParams has recall, plan"),
        ({"params": {"recall": 0.9, "plan": "exact"}}, "#/params: recall 0.9 chooses plan"),
    ],
)
def test_wrong_parts_of_a_search(client, body, detail):
    assert detail in refused(client, 422, **{"query": GOOD} | body).detail


def test_one_wrong_search_of_a_batch_is_named(client):
    url, searches = f"{URL}/batch", [{"query": GOOD}] * 3
    found = problem(client.post(url, json={"searches": [*searches, {"query": GOOD, "limit": -1}]}), 422)
    assert [field.pointer for field in found.errors] == ["#/searches/3/limit"]
    found = problem(client.post(url, json={"searches": [*searches, {"query": GOOD, "limit": 10_001}]}), 422)
    assert found.detail.startswith("searches[3]: limit: found 10001")
    found = problem(client.post(url, json={"searches": [*searches, {"query": {"id": "nope"}}]}), 422)
    assert found.detail == "searches[3]: id: found no document 'nope', expected one of the collection"
    found = problem(client.post(url, json={"searches": [*searches, {"query": GOOD, "with_payload": ["no"]}]}), 422)
    assert found.detail.startswith("searches[3]: unknown payload column 'no'; this collection has")
    found = problem(client.post(url, json={"searches": [{"query": GOOD}] * 257}), 422)
    assert found.detail == "searches: found 257, expected at most 256 (setting max_batch)"
    assert problem(client.post(url, json={"searches": []}), 422).errors[0].pointer == "#/searches"


HOSTILE = "\x1b[31m\u202egnp\u2066\x85"


@pytest.mark.parametrize(
    "body",
    [
        {"x" * 200_000: 1},
        {"query": {"indices": [1], "values": [1], "y" * 200_000: 1}},
        {"query": GOOD, "filter": {"must": [{"key": "k" * 200_000, "match": {"value": 1}}]}},
        {"query": GOOD, "with_payload": ["p" * 200_000]},
        {"query": GOOD, "facets": [{"key": "f" * 200_000}]},
        {"query": GOOD, "group_by": {"key": "g" * 200_000}},
        {"query": {"id": "i" * 200_000}},
        {"query": GOOD, **{f"{number}" * 1000: 1 for number in range(100, 150)}},
        {"query": GOOD, HOSTILE: 1},
        {"query": GOOD, "facets": [{"key": HOSTILE}]},
        {"query": GOOD, "filter": {"must": [{"key": HOSTILE, "match": {"value": 1}}]}},
        {"query": {"id": HOSTILE}},
    ],
)
def test_what_is_echoed_is_short_and_printable(client, body):
    response = client.post(URL, json=body)
    assert response.status_code in (404, 422)
    found = problem(response, response.status_code)
    assert len(response.content) < 12_000
    assert not CONTROLS.search(json.dumps(found.model_dump(), ensure_ascii=False))
    assert re.search("expected|unknown|found no|missing", found.detail)


def test_long_paths_are_clipped(client):
    response = client.get("/" + "x" * 50_000)
    assert response.status_code == 404
    assert len(response.content) < 3_000


def test_clipped_text_keeps_its_end():
    assert clip("abc", 4) == "abc"
    assert clip("abcdefgh", 4) == "ab ... gh"


def test_control_characters_in_logged_json_are_escaped():
    assert json.loads(escaped('{"a":"\x85\u202eb"}')) == {"a": "\x85\u202eb"}
    assert not CONTROLS.search(escaped('{"a":"\x85\u202eb"}'))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("failure", "status", "slug"), [(LockedError, 503, "locked"), (IndexNotFoundError, 404, "no-such-collection")]
)
async def test_files_of_the_machine_are_not_named(running, tiny, monkeypatch, failure, status, slug):
    def refuse(*arguments: Any) -> None:
        raise failure(f"{tiny}/tiny/LOCK: process 4711 on host mars writes to the collection")

    monkeypatch.setattr(Writer, "append", refuse)
    async with running(tiny) as client:
        found = problem(await client.post("/v1/collections/tiny/documents/delete", json={"ids": ["a"]}), status)
    assert found.type == f"urn:problem-type:seismic:{slug}"
    assert found.detail == f"{found.title}; the server's log names the files"


@pytest.mark.parametrize("path", ["/healthz", "/v1/collections", "/nope", "/docs", "/", "/openapi.json"])
def test_answers_are_not_sniffed(client, path):
    assert client.get(path).headers["x-content-type-options"] == "nosniff"


def test_the_page_of_the_api_runs_its_own_scripts_only(client):
    page = client.get("/docs")
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    (script,) = re.findall("<script>(.*?)</script>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}'" in policy
    for file in re.findall('(?:src|href)="([^"]+)"', page.text):
        assert client.get(file).status_code == 200, file
