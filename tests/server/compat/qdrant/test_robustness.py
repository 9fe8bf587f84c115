"""No body, however wrong, fails the service: every answer is a result or an error of Qdrant's form."""

import copy
import json
import random

import pytest

from .conftest import SPARSE
from .test_recording import CALLS

pytestmark = pytest.mark.anyio

WRONG = [None, True, -1, 0, 1.5, 2**63, 2**64, 1e300, "", "x", "\u0000", [], [[]], [1], {}, {"a": 1}, {"": {"": ""}}]
REQUESTS = 700


def places(body, path=()):
    yield path
    parts = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for name, part in parts:
        yield from places(part, (*path, name))


def changed(body, path, value):
    if not path:
        return value
    made = copy.deepcopy(body)
    node = made
    for name in path[:-1]:
        node = node[name]
    node[path[-1]] = value
    return made


async def test_wrong_bodies_are_answered_in_words(served):
    of = random.Random(5)
    calls = [
        call for call in CALLS if "body" in call and call["path"].startswith(("/collections/c", "/collections/aliases"))
    ]
    async with served() as qdrant:
        await qdrant.create(name="c")
        await qdrant.upsert([{"id": 1, "vector": SPARSE, "payload": {"year": 1, "title": "t"}}])
        for _ in range(REQUESTS):
            call = of.choice(calls)
            body = changed(call["body"], of.choice(list(places(call["body"]))), of.choice(WRONG))
            path = call["path"] if of.random() < 0.9 else call["path"].replace("/c/", "/c%0A/")
            sent = json.dumps(body).replace("text", "s").encode()
            response = await qdrant.client.request(
                call["method"], f"/qdrant{path}", content=sent, headers={"content-type": "application/json"}
            )
            assert response.status_code < 500, (call["method"], path, body, response.text)
            answer = response.json()
            assert "result" in answer or answer["status"]["error"], (call, body)


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": NaN}', b"[1,", b'"\xff"', b"null", b"[]", b"1", b"{" * 5000])
async def test_what_is_no_json_object_is_refused(served, content):
    async with served() as qdrant:
        await qdrant.create()
        for method, path in (("PUT", "/points"), ("POST", "/points/query"), ("POST", "/points/scroll")):
            response = await qdrant.client.request(
                method, f"/qdrant/collections/c{path}", content=content, headers={"content-type": "application/json"}
            )
            assert response.status_code == 400
            assert response.json()["status"]["error"]


async def test_limits_of_the_service_hold(served):
    async with served(max_body_bytes=300, max_upsert_bytes=2000, max_components=3, max_batch=2, max_limit=50) as qdrant:
        await qdrant.create()
        many = {"indices": [1, 2, 3, 4], "values": [1.0] * 4}
        assert "max_components" in await qdrant.error(
            "POST", "/collections/c/points/query", {"query": many, "using": "s"}
        )
        searches = {"searches": [{}] * 3}
        assert "max_batch" in await qdrant.error("POST", "/collections/c/points/query/batch", searches)
        assert "max_limit" in await qdrant.error("POST", "/collections/c/points/scroll", {"limit": 51})
        assert "max_limit" in await qdrant.error("POST", "/collections/c/points", {"ids": list(range(51))})
        groups = {"query": SPARSE["s"], "using": "s", "group_by": "a", "limit": 20}
        assert "max_limit" in await qdrant.error("POST", "/collections/c/points/query/groups", groups)
        assert "max_body_bytes" in await qdrant.error(
            "POST", "/collections/c/points", {"ids": [10**15] * 40}, status=413
        )
        points = [{"id": id, "vector": SPARSE} for id in range(20)]
        await qdrant.upsert(points)
        operations = {"operations": [{"upsert": {"points": points}}]}
        await qdrant.result("POST", "/collections/c/points/batch", operations)
        await qdrant.error("PUT", "/collections/c/points", {"points": points * 3}, status=413)
        assert "max_answer" not in str(await qdrant.result("POST", "/collections/c/points/scroll", {"limit": 5}))
