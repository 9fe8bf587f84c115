"""`seismic convert` from a service: what arrives, what is checked, and what is refused."""

import builtins
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import seismic
from seismic.client import retries
from tests.index_tools.conftest import Run, names
from tests.index_tools.fake_services import Answer, Asked, Respond, point, qdrant, recorded, serving


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No secrets of the machine, and no waits between attempts."""
    for name in ("SOURCE_API_KEY", "SOURCE_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(retries.Retries, "wait", lambda self, state: 0.0)


def rows(path: Path) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if value is not None} for row in pq.read_table(path).to_pylist()
    ]


def refusal(run: Run, tmp_path: Path, respond: Respond, *options: str, kind: str = "qdrant", path: str = "/c") -> str:
    """Return the error of a conversion, which leaves nothing."""
    with serving(respond) as service:
        result = run("convert", service.url + path, tmp_path / "x.parquet", "--from", kind, *options)
    assert result.exit_code == 2, result.output
    assert names(tmp_path) == []
    return result.stderr.replace(service.url, "URL").splitlines()[-1]


def test_qdrant_as_recorded(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "c.parquet"
    with serving(recorded("qdrant")) as service:
        result = run(
            "convert", f"{service.url}/qdrant/collections/c".replace("/collections", ""), out, "--from", "qdrant"
        )
    assert result.exit_code == 0, result.output
    assert "documents 5, components 15" in result.stdout
    found = rows(out)
    assert found[1] == {
        "id": 1,
        "title": "t1",
        "year": 2001,
        "tags": ["a", "b"],
        "meta": {"lang": "en"},
        "indices": [1, 5, 10],
        "values": [0.5, 1.5, 2.0],
    }
    assert [row["id"] for row in found] == [0, 1, 2, 3, 4]
    scrolls = [asked.body for asked in service.asked if asked.path.endswith("/scroll")]
    assert [body.get("offset") for body in scrolls] == [None, 3]
    assert scrolls[0]["with_vector"] == ["text"]
    assert run("build", out, tmp_path / "index").exit_code == 0
    with seismic.open(tmp_path / "index") as index:
        (hit,) = index.search({"indices": [10], "values": [1.0]}, filter={"meta.lang": "en"})
        assert (hit.id, hit.score) == (1, 2.0)


def test_opensearch_as_recorded(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "i.parquet"
    with serving(recorded("opensearch")) as service:
        result = run("convert", f"{service.url}/opensearch/i", out, "--from", "opensearch", "--page", 3)
    assert result.exit_code == 0, result.output
    assert "documents 8, components 12" in result.stdout
    found = rows(out)
    assert found[0] == {"id": "a", "text": "x", "year": 1, "indices": [10, 23], "values": pytest.approx([0.85, 1.92])}
    assert [row["id"] for row in found] == ["a", "b25bb9a3446443268f2fa8825246a676", "b2", "c", "d", "1", "2", "3"]
    search = next(asked for asked in service.asked if asked.path.endswith("/_search"))
    assert (search.query["size"], search.body["sort"]) == ("3", ["_doc"])
    assert [asked.method for asked in service.asked[-1:]] == ["DELETE"]


def test_elasticsearch_as_recorded(run: Run, tmp_path: Path) -> None:
    """Its components are words, and since 9.2 it must be asked for vectors."""
    out = tmp_path / "i.parquet"
    with serving(recorded("elasticsearch")) as service:
        result = run("convert", f"{service.url}/i", out, "--from", "elasticsearch", "--page", 1)
    assert result.exit_code == 0, result.output
    assert [(row["id"], dict(row["vector"])) for row in rows(out)] == [("a", {"hello": 1.0}), ("c", {"mars": 1.0})]
    searches = [asked.body for asked in service.asked if asked.path == "/_search"]
    assert [body.get("search_after") for body in searches] == [None, [0], [1]]
    assert all(body["_source"]["exclude_vectors"] is False for body in searches)
    assert (service.asked[-1].method, service.asked[-1].path, service.asked[-1].body) == (
        "DELETE",
        "/_pit",
        {"id": "p"},
    )
    assert run("build", out, tmp_path / "index").exit_code == 0
    with seismic.open(tmp_path / "index") as index:
        assert [hit.id for hit in index.search({"tokens": {"mars": 1.0}})] == ["c"]


def test_older_elasticsearch_is_not_asked_for_what_it_does_not_know(run: Run, tmp_path: Path) -> None:
    replay = recorded("elasticsearch")

    def respond(asked: Asked) -> Answer:
        status, answer = replay(asked)
        return status, {**answer, "version": {"number": "8.19.3"}} if asked.path == "/" else answer

    with serving(respond) as service:
        result = run("convert", f"{service.url}/i", tmp_path / "i.parquet", "--from", "elasticsearch")
    assert result.exit_code == 0, result.output
    assert all("exclude_vectors" not in asked.body["_source"] for asked in service.asked if asked.path == "/_search")


def test_every_output_format_gets_it(run: Run, tmp_path: Path) -> None:
    for ending in (".jsonl", ".ciff", ".csr"):
        with serving(recorded("qdrant")) as service:
            result = run("convert", f"{service.url}/qdrant/c", tmp_path / f"c{ending}", "--from", "qdrant")
        assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "c.jsonl").read_text().splitlines()[0])["indices"] == [1, 5, 9]


def test_payload_of_any_form(run: Run, tmp_path: Path) -> None:
    """Names with a meaning here are changed, objects without fields become nulls, columns may come late."""
    points = [
        point(1, {3: 1.0}, {"id": "doc", "metadata": {}, "content": "x"}),
        point(2, {3: 1.0}, None),
        point(3, {3: 1.0}, {"tokens": ["a"], "metadata": {}, "nested": [{"a": {"b": 1}}], "late": True}),
    ]
    out = tmp_path / "c.parquet"
    with serving(qdrant(points)) as service:
        result = run("convert", f"{service.url}/c", out, "--from", "qdrant", "--page", 1)
    assert result.exit_code == 0, result.output
    assert "note: c.parquet: payload 'id' is the column 'payload_id'" in result.stderr
    assert "note: c.parquet: Parquet cannot hold objects without fields: those of metadata are nulls" in result.stderr
    first, second, third = rows(out)
    assert {key: first[key] for key in ("id", "payload_id", "content")} == {
        "id": 1,
        "payload_id": "doc",
        "content": "x",
    }
    assert set(second) == {"id", "indices", "values"}
    assert (third["nested"], third["late"], third["payload_tokens"]) == ([{"a": {"b": 1}}], True, ["a"])
    with serving(qdrant(points[:1])) as service:
        result = run("convert", f"{service.url}/c", tmp_path / "b.parquet", "--from", "qdrant", "--id-field", "id")
    assert result.exit_code == 0, result.output
    assert rows(tmp_path / "b.parquet")[0]["id"] == "doc"


def test_components_are_sorted_and_zeros_dropped(run: Run, tmp_path: Path) -> None:
    points = [point(1, {4_000_000_000: 1.0, 7: 0, 5: 2.5}), point(2, {}), point(3, {2: 1.0})]
    with serving(qdrant(points, dense={"size": 4, "distance": "Cosine"})) as service:
        result = run("convert", f"{service.url}/c", tmp_path / "c.parquet", "--from", "qdrant")
    assert result.exit_code == 0, result.output
    assert [row["indices"] for row in rows(tmp_path / "c.parquet")] == [[5, 4_000_000_000], [], [2]]
    assert "note: c.parquet: zeros dropped: 1" in result.stderr
    assert "note: c.parquet: dense vectors left out: the one without a name" in result.stderr


def test_one_of_several_vectors(run: Run, tmp_path: Path) -> None:
    points = [point(1, {3: 1.0}, name="title")]
    with serving(qdrant(points, {"text": {}, "title": {"modifier": "idf"}})) as service:
        options = "--from", "qdrant", "--vector-name", "title"
        result = run("convert", f"{service.url}/c", tmp_path / "c.parquet", *options)
    assert result.exit_code == 0, result.output
    assert "vector 'title' has the modifier 'idf', which Qdrant applies to queries" in result.stderr


@pytest.mark.parametrize("key", ["emb", "ml.emb", "ml"])
def test_fields_of_opensearch_in_objects(run: Run, tmp_path: Path, key: str) -> None:
    """A vector may lie in an object, or under a key with a dot."""
    inner = {"ml": {"properties": {"emb": {"type": "rank_features"}, "dense": {"type": "knn_vector"}}}}
    mapping = {"emb": {"type": "rank_features"}} if key == "emb" else inner
    source = {"ml": {"emb": {"x": 1.0}, "model": "m"}} if key == "ml" else {key: {"x": 1.0}}
    hit = {"_id": "a", "_source": {**source, "year": 1}, "sort": [0]}

    def respond(asked: Asked) -> Answer:
        if asked.path.endswith("/_mapping"):
            return 200, {"i": {"mappings": {"properties": mapping}}}
        if asked.path.endswith("/_count"):
            return 200, {"count": 1}
        hits = [hit] if asked.path.endswith("/_search") else []
        return 200, {"_scroll_id": "s", "hits": {"hits": hits}}

    with serving(respond) as service:
        result = run("convert", f"{service.url}/i", tmp_path / "i.parquet", "--from", "opensearch")
    assert result.exit_code == 0, result.output
    (row,) = rows(tmp_path / "i.parquet")
    assert dict(row.pop("vector")) == {"x": 1.0}
    assert row == {"id": "a", "year": 1} | ({"ml": {"model": "m"}} if key == "ml" else {})


SOME = [point(1, {3: 1.0}), point(2, {4: 1.0}), point(3, {4: 1.0})]

REFUSED: dict[str, tuple[Respond, str]] = {
    "no vector": (
        qdrant([*SOME, point(9, None)]),
        "URL/c, document 9, field 'text': has no such vector; every document",
    ),
    "negative": (
        qdrant([*SOME, point(9, {3: -1.5})]),
        "document 9, field 'text': found the negative value -1.5, expected",
    ),
    "not a number": (qdrant([point(9, {3: "x"})]), "document 9, field 'values': found \"x\", expected a number"),
    "no sparse vector": (
        qdrant([point(9, [1.0, 2.0])]),
        "document 9, field 'text': found [1.0, 2.0], expected a sparse",
    ),
    "fewer": (qdrant(SOME, count=4), "URL/c: read 3 documents, but the service counted 4; nothing is written"),
    "more": (qdrant(SOME, count=2), "URL/c: read more than 2 documents, but the service counted 2; nothing is written"),
    "empty": (qdrant([]), "URL/c: found no documents"),
    "dense only": (
        qdrant([], {}, {"size": 4, "distance": "Cosine"}),
        "URL/c: found no sparse vector, only dense ones: the one without a name; this index holds sparse vectors only",
    ),
    "several": (
        qdrant([], {"a": {}, "b": {}}),
        "found several of a sparse vector: a, b; choose one with --vector-name",
    ),
    "mixed ids": (qdrant([*SOME, point("uuid", {3: 1.0})]), "document uuid, field 'id': found \"uuid\" among ids of"),
    "mixed payload": (
        qdrant([point(1, {3: 1.0}, {"year": 1}), point(2, {3: 1.0}, {"year": "old"})]),
        "URL/c, document 2, field 'year': found \"old\", expected int64 as before",
    ),
    "two columns of a name": (qdrant([point(1, {}, {"id": 1, "payload_id": 1})]), "found 'id' and 'payload_id'"),
    "unauthorized": (
        lambda asked: (401, {"status": {"error": "Invalid api-key"}}),
        "status 401 Unauthorized (Invalid api-key); set the environment variable SOURCE_API_KEY, or --user",
    ),
    "forbidden": (lambda asked: (403, {}), "status 403 Forbidden; the key or user may not read 'c'"),
    "broken": (lambda asked: (500, b"<html>"), "status 500 Internal Server Error"),
    "busy": (lambda asked: (503, {}), "status 503 Service Unavailable; try again later"),
    "another service": (lambda asked: (200, b"<html>"), "the answer is no JSON object; check that the URL is of such"),
    "another answer": (
        lambda asked: (200, {"hits": []}),
        "cannot read the answer (KeyError: 'result'); check that this",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(run: Run, tmp_path: Path, case: str) -> None:
    respond, expected = REFUSED[case]
    assert expected in refusal(run, tmp_path, respond, "--page", "2")


def test_a_missing_collection_is_named_with_those_there_are(run: Run, tmp_path: Path) -> None:
    said = refusal(run, tmp_path, qdrant(SOME), path="/nope")
    assert "URL/collections/nope: status 404 Not Found (Not found: Collection doesn't exist!)" in said
    assert said.endswith("; the service has c")


def opensearch(answer: dict[str, Any], properties: dict[str, Any]) -> Respond:
    def respond(asked: Asked) -> Answer:
        if asked.path == "/c/_mapping":
            return 200, {"c": {"mappings": {"properties": properties}}}
        return 200, {"_scroll_id": "s", "count": 1, **answer}

    return respond


RANKS = {"emb": {"type": "rank_features"}}


@pytest.mark.parametrize(
    ("answer", "properties", "expected"),
    [
        (
            {},
            {"text": {"type": "text"}},
            "found no field of the type rank_features or sparse_vector, and no vectors of",
        ),
        ({}, {"v": {"type": "knn_vector"}}, "or sparse_vector, only dense ones: v; this index"),
        (
            {"hits": {"hits": [{"_id": "a", "_source": {"text": "x"}}]}},
            RANKS,
            "document a, field 'emb': has no such vector",
        ),
        ({"hits": {"hits": [{"_id": "a"}]}}, RANKS, "document 'a': has no _source"),
        ({"hits": {"hits": []}}, RANKS, "read 0 documents, but the service counted 1"),
        ({"_shards": {"failed": 1, "total": 2}}, RANKS, "the answer is incomplete: 1 of 2 shards failed"),
        (
            {"hits": {"hits": [{"_id": "a", "_source": {"emb": {"x": 1.0}}}]}},
            {"emb": {"type": "sparse_vector"}},
            "document 'a': 'emb' has the component 'x', expected an integer",
        ),
    ],
)
def test_refusals_of_opensearch(run: Run, tmp_path: Path, answer: Any, properties: Any, expected: str) -> None:
    assert expected in refusal(run, tmp_path, opensearch(answer, properties), kind="opensearch")


def test_ids_of_both_kinds_as_text(run: Run, tmp_path: Path) -> None:
    with serving(qdrant([*SOME, point("uuid", {3: 1.0})])) as service:
        result = run("convert", f"{service.url}/c", tmp_path / "c.parquet", "--from", "qdrant", "--text-ids")
    assert result.exit_code == 0, result.output
    assert [row["id"] for row in rows(tmp_path / "c.parquet")] == ["1", "2", "3", "uuid"]


def test_opensearch_is_not_elasticsearch(run: Run, tmp_path: Path) -> None:
    said = refusal(run, tmp_path, recorded("elasticsearch"), kind="opensearch", path="/i")
    assert "URL/i: this is Elasticsearch 9.5.0; use --from elasticsearch" in said
    answer = {"version": {"number": "3.3.0", "distribution": "opensearch"}}
    said = refusal(run, tmp_path, opensearch(answer, RANKS), kind="elasticsearch")
    assert "this is OpenSearch 3.3.0; use --from opensearch" in said


def test_a_service_that_cannot_be_reached(run: Run, tmp_path: Path) -> None:
    with serving(qdrant(SOME)) as service:
        pass
    result = run("convert", f"{service.url}/c", tmp_path / "x.parquet", "--from", "qdrant")
    assert result.exit_code == 2
    assert "no answer (ConnectError: " in result.stderr
    assert names(tmp_path) == []


def test_a_busy_service_is_asked_again(run: Run, tmp_path: Path) -> None:
    answers, refused = qdrant(SOME), iter([True, True])
    with serving(lambda asked: (429, {}) if next(refused, False) else answers(asked)) as service:
        assert run("convert", f"{service.url}/c", tmp_path / "x.parquet", "--from", "qdrant").exit_code == 0
    assert [asked.path for asked in service.asked].count("/collections/c") == 3


@pytest.mark.parametrize(
    ("kind", "header", "value"),
    [
        ("qdrant", "api-key", "id:secret"),
        ("opensearch", "authorization", "Bearer id:secret"),
        ("elasticsearch", "authorization", "ApiKey aWQ6c2VjcmV0"),
    ],
)
def test_keys_come_from_the_environment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, header: str, value: str
) -> None:
    monkeypatch.setenv("SOURCE_API_KEY", "id:secret")
    with serving(lambda asked: (401, {})) as service:
        result = run("convert", f"{service.url}/c", tmp_path / "x.parquet", "--from", kind)
    assert service.asked[0].headers[header] == value
    assert "secret" not in result.output


def test_passwords_come_from_the_environment(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda asked: (401, {})) as service:
        arguments = "convert", f"{service.url}/c", tmp_path / "x.parquet", "--from", "opensearch", "--user", "admin"
        assert "--user admin: found no password in the environment variable SOURCE_PASSWORD" in run(*arguments).stderr
        monkeypatch.setenv("SOURCE_PASSWORD", "secret")
        assert run(*arguments).exit_code == 2
    assert [asked.headers["authorization"] for asked in service.asked] == ["Basic YWRtaW46c2VjcmV0"]
    said = run("convert", "https://admin:secret@host/c", tmp_path / "x.parquet", "--from", "opensearch").stderr
    assert "https://host/c: found a user in the URL, where others can read the password; use --user NAME" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["http://h/c"], "http://h/c: --from is missing; expected qdrant, opensearch, elasticsearch"),
        (["http://h/c", "--from", "csr"], "http://h/c: --from csr; expected qdrant, opensearch, elasticsearch"),
        (["file.csr", "--from", "qdrant"], "--from qdrant: found file.csr, expected one http://HOST:PORT/COLLECTION"),
        (["http://h/c", "http://h/d", "--from", "qdrant"], "expected one http://HOST:PORT/COLLECTION"),
        (["http://h:6333", "--from", "qdrant"], "names no collection, expected http://h:6333/COLLECTION"),
        (["ftp://h/c", "--from", "qdrant"], "ftp://h/c: expected http://HOST:PORT/COLLECTION, or https"),
        (["http://h/c?x=1", "--from", "qdrant"], "found a query or a fragment"),
        (["http://h/c", "--from", "qdrant", "--resume"], "--resume is for files, not for a service"),
        (["http://h/c", "--from", "qdrant", "--ids", "ids.txt"], "--ids is for files, not for a service"),
        (["x.csr", "--vector-name", "a"], "--vector-name, --user, --page and --text-ids are for services; see --from"),
    ],
)
def test_wrong_arguments(run: Run, tmp_path: Path, arguments: list[str], expected: str) -> None:
    first, *options = arguments
    others = [each for each in options if each.startswith("http")]
    result = run("convert", first, *others, tmp_path / "x.parquet", *(each for each in options if each not in others))
    assert result.exit_code == 2
    assert expected in result.stderr


def test_without_httpx_the_extra_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name == "httpx2":
            raise ModuleNotFoundError("No module named 'httpx2'", name="httpx2")
        return load(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    result = run("convert", "http://127.0.0.1:1/c", tmp_path / "x.parquet", "--from", "qdrant")
    assert "reading a service needs the extra `client`: pip install 'seismic-search[client]'" in result.stderr
