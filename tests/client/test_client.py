"""Both clients against a real service."""

import asyncio
import datetime
import importlib
import inspect
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import orjson
import pytest
import tenacity
from pydantic import BaseModel

from seismic.client import AsyncClient, Batching, Client, Retries, calls, lifecycle, models
from seismic.client.batching import DEFAULT as BATCHING
from seismic.client.problems import ERRORS
from seismic.client.retries import TemporaryError
from seismic.errors import (
    ConflictError,
    DocumentNotFoundError,
    FilterError,
    IndexNotFoundError,
    InputError,
    ParameterError,
    QueryError,
    SeismicError,
    ServiceError,
)
from seismic_server.http.errors import KINDS
from seismic_server.schemas import answers, bodies, changes, documents
from seismic_server.schemas.search import SearchRequest
from tests.server.conftest import PATIENCE, Server, start, wait_for

AT_ONCE = Retries(attempts=3, first_wait=0.0, longest_wait=0.0)
QUERY = {"tokens": {"planet": 2.1, "orbit": 0.7}}

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def service(changing_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start(changing_index, tmp_path_factory.mktemp("log") / "log.jsonl")
    try:
        with httpx2.Client(base_url=server.url, timeout=PATIENCE) as http:
            wait_for(lambda: http.get("/readyz").is_success)
        yield server
    finally:
        server.process.terminate()
        server.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def changing_index(scifact: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import seismic

    folder = tmp_path_factory.mktemp("client") / "papers"
    vectors, documents = scifact.vectors.slice(0, 200), scifact.documents.slice(0, 200)
    seismic.build(vectors, folder, documents=documents, vocabulary=scifact.vocabulary)
    return folder


def test_a_plain_text_is_sent_as_a_text_query() -> None:
    assert calls.search("papers", "a text", {}).body == {"query": {"text": "a text"}}
    (batch,) = calls.search_batch("papers", ["a", QUERY], {}, BATCHING)
    assert orjson.loads(batch.content or b"") == {"searches": [{"query": {"text": "a"}}, {"query": QUERY}]}
    for wrong in ("a text", QUERY):
        with pytest.raises(InputError, match="expected a list of queries; search takes one"):
            calls.search_batch("papers", wrong, {}, BATCHING)


@pytest.fixture(params=["blocking", "asynchronous"])
def ask(request: pytest.FixtureRequest, service: Server) -> Ask:
    """Calls a method of either client."""
    return lambda method, *arguments, **options: asked(request.param, service.url, method, *arguments, **options)


def asked(
    kind: str, url: str, method: str, *arguments: Any, client: dict[str, Any] | None = None, **options: Any
) -> Any:
    if kind == "blocking":
        with Client(url, **(client or {})) as blocking:
            answer = getattr(blocking, method)(*arguments, **options)
            return list(answer) if inspect.isgenerator(answer) else answer

    async def run() -> Any:
        async with AsyncClient(url, **(client or {})) as asynchronous:
            answer = getattr(asynchronous, method)(*arguments, **options)
            return [one async for one in answer] if inspect.isasyncgen(answer) else await answer

    return asyncio.run(run())


def test_search(ask: Ask, changing_index: Path) -> None:
    import seismic

    answer = ask("search", "papers", QUERY, limit=3, with_payload=["title"], params={"plan": "exact"})
    with seismic.open(changing_index) as index:
        hits = index.search(QUERY, 3)
        payloads = index.payloads([hit.number for hit in hits], ["title"])
    assert [(hit.id, hit.score) for hit in answer.hits] == [(hit.id, pytest.approx(hit.score)) for hit in hits]
    assert [hit.payload for hit in answer.hits] == payloads
    assert answer.plan == "exact"
    assert answer.shards["ok"] == 1  # a field that the model does not name


def test_numpy_arrays_are_queries(ask: Ask, scifact: Any) -> None:
    components = sorted(scifact.vocabulary.component(token) for token in ("planet", "orbit"))
    weights = np.array([2.1 if one == scifact.vocabulary.component("planet") else 0.7 for one in components])
    query = {"indices": np.array(components, np.uint16), "values": weights}
    assert [hit.id for hit in ask("search", "papers", query).hits] == [
        hit.id for hit in ask("search", "papers", QUERY).hits
    ]


def test_what_was_asked_for_is_typed(ask: Ask) -> None:
    options = {"filter": {}, "facets": [{"key": "structured"}], "explain": True, "with_vector": "tokens"}
    answer = ask("search", "papers", QUERY, limit=2, **options)
    assert answer.matched.value == 200
    assert sum(facet.count for facet in answer.facets["structured"]) >= len(answer.hits) > 0
    hit = answer.hits[0]
    assert sum(part.product for part in hit.explanation) == pytest.approx(hit.score, rel=1e-5)
    assert {part.token for part in hit.explanation} <= set(hit.vector["tokens"])
    groups = ask("search", "papers", QUERY, group_by={"key": "structured"}).groups
    assert groups[0].hits[0].id == hit.id


@pytest.mark.parametrize(
    ("model", "schema"),
    [
        (models.SearchAnswer, answers.SearchAnswer),
        (models.Hit, answers.SearchHit),
        (models.Group, answers.SearchGroup),
        (models.Matched, answers.Matched),
        (models.Document, answers.DocumentAnswer),
        (models.Page, documents.ScrollAnswer),
        (models.Count, bodies.CountAnswer),
        (models.Change, bodies.ChangeAnswer),
        (models.CollectionInfo, bodies.CollectionInfo),
    ],
)
def test_every_field_of_the_service_is_typed(model: type[BaseModel], schema: type[BaseModel]) -> None:
    assert model.model_fields.keys() == schema.model_fields.keys()


def test_fields_are_sent_as_they_are() -> None:
    created = lifecycle.create("papers", {"fields": {"raw": {"idf": True}}})
    assert orjson.loads(created.content or b"") == {"fields": {"raw": {"idf": True}}}
    vector = {"indices": np.array([7]), "values": np.array([1.5])}
    query = {"fields": {"raw": vector, "bm25": "a planet"}, "weights": {"raw": 0.5}}
    plain = {"fields": {"raw": {"indices": [7], "values": [1.5]}, "bm25": "a planet"}, "weights": {"raw": 0.5}}
    assert orjson.loads(calls.search("papers", query, {}).content or b"") == {"query": plain}
    (stored,) = calls.upsert("papers", [{"id": "a", "fields": {"raw": vector}}], BATCHING)
    assert orjson.loads(stored.content or b"")["documents"][0]["fields"] == {"raw": plain["fields"]["raw"]}


def test_every_option_of_a_search_is_typed() -> None:
    assert models.SearchOptions.__annotations__.keys() == SearchRequest.model_fields.keys() - {"query"}


def test_every_option_of_a_scroll_is_typed() -> None:
    assert models.ScrollOptions.__annotations__.keys() == documents.ScrollRequest.model_fields.keys() - {"cursor"}


def test_every_option_of_a_patch_is_typed() -> None:
    assert models.PatchOptions.__annotations__.keys() == changes.PatchRequest.model_fields.keys()
    assert models.NewDocument.__annotations__.keys() == bodies.DocumentIn.model_fields.keys()


def test_payloads_of_what_json_has_no_type_for() -> None:
    document = {"id": "a", "payload": {"price": Decimal("1.50"), "raw": b"\x00", "day": datetime.date(2024, 2, 29)}}
    (call,) = calls.upsert("papers", [document], BATCHING)
    sent = orjson.loads(call.content or b"")["documents"][0]["payload"]
    assert sent == {"price": "1.50", "raw": "AA==", "day": "2024-02-29"}


@pytest.mark.parametrize("payload", [{"x": object()}, {"x": "\ud800"}, {"x": 1 << 64}])
def test_what_cannot_be_sent_is_an_error_of_the_engine(ask: Ask, payload: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="cannot encode the request as JSON"):
        ask("upsert", "papers", [{"id": "a", "tokens": {"planet": 1.0}, "payload": payload}])


def test_queries_as_the_engine_takes_them(ask: Ask) -> None:
    wanted = ask("search", "papers", {"indices": [2000, 3000], "values": [1.0, 2.0]}).hits
    assert ask("search", "papers", {np.int64(3000): 2, 2000: np.float32(1)}).hits == wanted
    for query, problem in [
        ({"indices": [1], "values": [float("nan")]}, "values: found nan, expected finite numbers"),
        ({"indices": np.array([1]), "values": np.array([np.inf], np.float32)}, "values: found inf"),
        ({"tokens": {"planet": float("-inf")}}, "tokens: found -inf"),
        ({"fields": {"a": {"indices": [1], "values": [float("nan")]}}}, "values: found nan"),
        ([(1, 1.0)], r"found \[\(1, 1.0\)\], expected a text, or an object such as"),
    ]:
        with pytest.raises(QueryError, match=f"^{problem}"):
            ask("search", "papers", query)
        with pytest.raises(QueryError, match=rf"^queries\[1\]: {problem}"):
            ask("search_batch", "papers", [QUERY, query])


def test_search_without_a_query(ask: Ask) -> None:
    facets = [{"key": "structured"}]
    answer = ask("search", "papers", limit=3, facets=facets, order_by={"key": "n_chars", "direction": "desc"})
    lengths = [hit.payload["n_chars"] for hit in answer.hits]
    assert (len(lengths), lengths, answer.exact) == (3, sorted(lengths, reverse=True), True)
    assert sum(facet.count for facet in answer.facets["structured"]) == 200
    assert ask("search", "papers", limit=3, order_by="n_chars").hits[0].payload["n_chars"] <= lengths[-1]
    listed, found = ask("search_batch", "papers", [None, QUERY], limit=2)
    assert [hit.score for hit in listed.hits] == [0, 0]
    assert [hit.id for hit in found.hits] == [hit.id for hit in ask("search", "papers", QUERY, limit=2).hits]
    assert ask("search", "papers", QUERY, limit=0, facets=facets).hits == []


def test_why_not(ask: Ask) -> None:
    best, second = ask("search", "papers", QUERY, limit=2).hits
    found = ask("why_not", "papers", QUERY, [second.id, "nowhere"], limit=1, filter={"must_not": [{"ids": [best.id]}]})
    assert [(one.id, one.state) for one in found] == [(second.id, "hit"), ("nowhere", "missing")]
    assert (found[0].rank, found[0].rank_unfiltered, found[0].score) == (1, 2, second.score)
    (excluded,) = ask("why_not", "papers", QUERY, [best.id], filter={"must_not": [{"ids": [best.id]}]})
    assert excluded.excluded_by == ["filter.must_not[0]"]
    assert {part.token for part in excluded.components} <= {"planet", "orbit"}
    (low,) = ask("why_not", "papers", QUERY, [second.id], score_threshold=best.score)
    assert low.state == "below_threshold"


def test_search_batch(ask: Ask) -> None:
    queries = [QUERY, {"tokens": {"cell": 1.0}}, {"tokens": {"planet": 1.0}}]
    batch = ask("search_batch", "papers", queries, limit=2)
    assert [[hit.id for hit in answer.hits] for answer in batch] == [
        [hit.id for hit in ask("search", "papers", query, limit=2).hits] for query in queries
    ]


def test_count(ask: Ask) -> None:
    assert ask("count", "papers").count == 200
    assert ask("count", "papers", {"must": [{"key": "structured", "match": {"value": True}}]}).count < 200


def test_documents_come_and_go(ask: Ask) -> None:
    name = "a new / one"
    changed = ask("upsert", "papers", [{"id": name, "tokens": {"planet": 9.0}, "payload": {"title": "Mars"}}])
    assert changed.documents == 1
    assert ask("search", "papers", QUERY, limit=1).hits[0].id == name
    assert ask("document", "papers", name).payload["title"] == "Mars"
    assert ask("document", "papers", name).vector is None
    assert set(ask("document", "papers", name, with_vector=True).vector) == {"indices", "values"}
    assert set(ask("document", "papers", name, with_vector="tokens").vector) == {"tokens"}
    before = ask("collection", "papers").documents
    assert ask("delete", "papers", [name, "not there"]).sequence == changed.sequence + 1
    assert ask("collection", "papers").documents == before - 1
    with pytest.raises(DocumentNotFoundError, match="a new / one"):
        ask("document", "papers", name)


def test_documents_are_read_by_id_and_page_by_page(ask: Ask, scifact: Any) -> None:
    ids = scifact.documents["id"].to_pylist()[:200]
    assert [document.id for document in ask("scroll", "papers", limit=30, with_payload=False)] == sorted(ids)
    lengths = dict(zip(ids, scifact.documents["n_chars"].to_pylist(), strict=False))
    wanted = {"must": [{"key": "n_chars", "range": {"gte": 1000}}]}
    order: dict[str, Any] = {"key": "n_chars", "direction": "desc"}
    found = ask("scroll", "papers", limit=7, filter=wanted, order_by=order, with_payload=["n_chars"])
    assert [document.payload for document in found] == [
        {"n_chars": length} for length in sorted(lengths.values(), reverse=True) if length >= 1000
    ]
    first = ask("scroll_page", "papers", limit=2, order_by="n_chars", with_vector=True)
    second = ask("scroll_page", "papers", first.cursor, limit=198)
    assert len({document.id for document in (*first.documents, *second.documents)}) == 200
    assert second.cursor is None
    asked = ["none", *ids[:50], ids[0]]
    got = ask("documents", "papers", asked, with_payload=["n_chars"], client={"batching": Batching(documents=7)})
    assert [document and document.id for document in got] == [None, *asked[1:]]
    assert got[1].payload == {"n_chars": lengths[ids[0]]}
    assert ask("exists", "papers", asked) == [False, *[True] * 51]
    assert ask("documents", "papers", []) == []
    vectors = ask("documents", "papers", [first.documents[0].id], with_vector=True)
    assert vectors[0].vector == first.documents[0].vector
    with pytest.raises(InputError, match="expected a list of ids"):
        ask("documents", "papers", "4983")


def test_documents_are_patched_on_conditions(ask: Ask) -> None:
    made = ask(
        "upsert", "papers", [{"id": "p", "tokens": {"planet": 1.0}, "payload": {"title": "P"}, "if_absent": True}]
    )
    assert (made.created, made.updated, made.deleted) == (1, 0, 0)
    with pytest.raises(ConflictError, match="document 'p': it exists") as caught:
        ask("upsert", "papers", [{"id": "p", "tokens": {"planet": 2.0}, "if_absent": True}])
    assert caught.value.conflicts == [("p", made.sequence)]
    read = ask("document", "papers", "p", min_sequence=made.sequence)
    patches = [
        {"id": "p", "payload": {"title": "Q"}, "if_sequence": read.sequence},
        {"id": "never", "unset": ["title"]},
    ]
    patched = ask("patch", "papers", documents=patches)
    assert patched.updated == 1
    (again,) = ask("documents", "papers", ["p"], min_sequence=patched.sequence)
    assert again.payload["title"] == "Q"
    with pytest.raises(ConflictError):
        ask("patch", "papers", documents=patches)
    with pytest.raises(ConflictError):
        ask("delete", "papers", ["p"], if_sequence=made.sequence)
    title = {"must": [{"key": "title", "match": {"value": "Q"}}]}
    assert ask("patch", "papers", filter=title, payload={"title": "R"}).updated == 1
    assert ask("delete", "papers", filter=title).deleted == 0
    title["must"][0]["match"]["value"] = "R"
    gone = ask("delete", "papers", filter=title)
    assert gone.deleted == 1
    assert ask("count", "papers", title, min_sequence=gone.sequence).count == 0
    assert ask("search", "papers", QUERY, min_sequence=gone.sequence).sequence == gone.sequence
    with pytest.raises(InputError, match="expected a list of documents"):
        ask("patch", "papers", documents={"id": "p"})


def test_changes_on_conditions_are_not_repeated_blindly() -> None:
    refused = httpx2.Response(503, request=httpx2.Request("PUT", "http://test"))
    unknown = httpx2.Response(502, request=httpx2.Request("PUT", "http://test"))
    for error, repeated in (
        (TemporaryError(refused), True),
        (TemporaryError(unknown), False),
        (httpx2.ConnectError("no"), True),
        (httpx2.ReadTimeout("no"), False),
    ):
        calls_made = []

        def attempt(error: Exception = error, calls_made: list[int] = calls_made) -> None:
            calls_made.append(1)
            raise error

        with pytest.raises(type(error)):
            tenacity.Retrying(**AT_ONCE.keywords(repeatable=False))(attempt)
        assert (len(calls_made) > 1) == repeated
    new: list[Any] = [{"id": "a", "tokens": {}}, {"id": "b", "tokens": {}, "if_absent": True}]
    assert [calls.upsert("papers", new[:end], BATCHING)[0].repeatable for end in (1, 2)] == [True, False]
    assert not calls.patch("papers", {"documents": [{"id": "a", "if_sequence": 1}]}, BATCHING)[0].repeatable
    assert not calls.delete("papers", ["a"], None, 1).repeatable


def test_collections(ask: Ask) -> None:
    (found,) = ask("collections")
    assert (found.name, found.state, found.dimension) == ("papers", "ready", 30522)
    assert ask("ready") is True


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "message"),
    [
        (("no", QUERY), {}, IndexNotFoundError, "found no collection 'no'"),
        (("papers", {"indices": [1, 1], "values": [1.0, 2.0]}), {}, QueryError, "component 1 twice"),
        (("papers", QUERY), {"limit": -1}, InputError, "#/limit"),
        (("papers", QUERY), {"limit": 10**6}, ParameterError, "limit"),
        (("papers", QUERY), {"lim": 3}, InputError, "#/lim: unknown field"),
        (("papers", QUERY), {"filter": {"must": [{"exists": {"key": "x"}}]}}, FilterError, "^filter.must.0..*'x'"),
    ],
)
def test_what_the_service_refuses_is_what_the_engine_raises(
    ask: Ask, arguments: tuple[Any, ...], options: dict[str, Any], kind: type[SeismicError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        ask("search", *arguments, **options)
    assert type(caught.value) is kind
    assert caught.value.__notes__[0].startswith("HTTP status 4")


def test_every_problem_of_the_service_has_its_error() -> None:
    assert {kind.slug: error for error, kind in KINDS.items() if kind.slug} == ERRORS


def test_both_clients_have_the_same_methods() -> None:
    def methods(client: type) -> dict[str, Any]:
        found = inspect.getmembers(client, inspect.isfunction)
        signatures = {name: inspect.signature(method) for name, method in found if not name.startswith("_")}
        alike = {"AsyncIterator[": "Iterator["}
        return {name: str(one).replace(*next(iter(alike.items()))) for name, one in signatures.items()}

    assert len(methods(Client)) > 9
    assert methods(Client) == methods(AsyncClient)


def test_connections_are_kept(service: Server) -> None:
    opened = []

    class Counting(httpx2.HTTPTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            response = super().handle_request(request)
            opened.append(response.extensions["network_stream"].get_extra_info("client_addr"))
            return response

    with Client(service.url, transport=Counting()) as client:
        for _ in range(5):
            client.collections()
    assert len(set(opened)) == 1


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ServiceError, match="ConnectError"):
        asked("blocking", f"http://127.0.0.1:{port}", "ready", client={"retries": AT_ONCE})


def test_many_searches_at_once(service: Server) -> None:
    async def run() -> list[Any]:
        async with AsyncClient(service.url) as client:
            searches: list[Awaitable[Any]] = [client.search("papers", QUERY, limit=1) for _ in range(50)]
            return await asyncio.gather(*searches)

    assert len({answer.hits[0].id for answer in asyncio.run(run())}) == 1


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("seismic.client")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "httpx2", None)
    with pytest.raises(ImportError, match=r"pip install 'seismic-search\[client\]'"):
        importlib.import_module("seismic.client")
