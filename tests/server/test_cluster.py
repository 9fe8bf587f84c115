"""The service in front of nodes: the same answers as from its own shards."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx2
import pytest

import seismic
from seismic import Index, StorageError
from seismic.cluster.connection import Address
from seismic.cluster.node import Node
from seismic.cluster.sources import SharedFolder
from seismic.cluster.spec import PartSpec
from seismic_server import Settings, create_app
from seismic_server.discovery import Discovery
from seismic_server.membership import answers_to_peers
from seismic_server.peers.peers import Alone
from tests.cluster.collections import FILTER, QUERIES, build

pytestmark = pytest.mark.anyio

URL = "/v1/collections/books"
HALVES = ["1/2", "2/2+changes"]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("service")
    with build(folder / "served" / "books") as made:
        yield made


@pytest.fixture
def nodes(index: Index) -> Iterator[list[Node]]:
    """A node of each half, and the nodes file beside the served folder."""
    folder = index.view.collection.parent.parent
    (folder / "secret").write_text("a secret of the cluster")
    lines, started = ['secret_file = "secret"', "hedge_ms = 5000"], []
    for half in HALVES:
        secret = (folder / "secret").read_bytes()
        started.append(Node(index.view.collection, [PartSpec.parse(half)], secret, Address("127.0.0.1", 0)))
        lines += ["[[collections.books]]", f'part = "{half}"', f'nodes = ["{started[-1].start()}"]']
    (folder / "nodes.toml").write_text("\n".join(lines))
    yield started
    for node in started:
        node.close(grace=0)


def without_time(answer: dict[str, Any]) -> dict[str, Any]:
    answer.pop("took_ms")
    for one in answer.get("answers", []):
        one.pop("took_ms", None)
    return answer


async def test_answers_are_those_of_the_shards(running: Any, index: Index, nodes: list[Node]) -> None:
    folder = index.view.collection.parent
    query = QUERIES[0]
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("search", {"query": query, "limit": 20}),
        ("search", {"query": query, "filter": FILTER, "with_payload": ["title"], "with_vector": True}),
        ("search", {"query": query, "facets": [{"key": "tags"}], "limit": 2}),
        ("search", {"query": query, "group_by": {"key": "year", "size": 2}, "with_payload": True}),
        ("search/batch", {"searches": [{"query": one} for one in QUERIES]}),
        ("count", {"filter": FILTER}),
        ("why", {"query": query, "filter": FILTER, "ids": ["d1", "d17", "nothing"]}),
        ("documents/get", {"ids": ["d1", "d601", "nothing"], "with_vector": True}),
        ("documents/scroll", {"limit": 7, "order_by": {"key": "year"}, "filter": FILTER}),
    ]
    async with running(folder) as local:
        wanted = [without_time((await local.post(f"{URL}/{path}", json=body)).json()) for path, body in bodies]
        info, exported = (await local.get(URL)).json(), (await local.get(f"{URL}/export")).text
        assert (await local.get(f"{URL}/nodes")).json() == {"nodes": []}
        assert "seismic_node_up" not in (await local.get("/metrics")).text
    async with running(folder, nodes=folder.parent / "nodes.toml") as client:
        for (path, body), expected in zip(bodies, wanted, strict=True):
            answer = without_time((await client.post(f"{URL}/{path}", json=body)).json())
            assert answer == expected, (path, body)
        assert (await client.get(URL)).json() | {"integrity": ""} == info | {"integrity": ""}
        await check_nodes(client, [str(node.address) for node in nodes])
        assert (await client.get("/console/nodes/")).text.startswith("<!doctype html>")
        assert (await client.post(f"{URL}:warmup")).is_success
        assert (await client.get(f"{URL}/export")).text == exported


async def check_nodes(client: Any, addresses: list[str]) -> None:
    """Check what the service says of its nodes, as JSON and as metrics."""
    listed = (await client.get(f"{URL}/nodes")).json()["nodes"]
    assert [node["address"] for node in listed] == addresses
    assert [[part["part"] for part in node["parts"]] for node in listed] == [[half] for half in HALVES]
    assert [part["documents"] for node in listed for part in node["parts"]] == [240, 360]
    for node in listed:
        assert node["up"]
        assert not node["suspended"]
        assert (node["errors"], node["hedges"], node["running"], node["queue"]) == (0, 0, 0, 0)
        assert node["requests"] >= 8
        assert node["memory"] > 1 << 20
    text = (await client.get("/metrics")).text
    for address, half in zip(addresses, HALVES, strict=True):
        labels = f'collection="books",node="{address}"'
        assert f"seismic_node_up{{{labels}}} 1.0" in text
        assert f"seismic_node_suspended{{{labels}}} 0.0" in text
        assert f"seismic_node_errors_total{{{labels}}} 0.0" in text
        assert f'seismic_node_generation{{{labels},part="{half}"}} 1.0' in text
        assert f'seismic_node_sequence{{{labels},part="{half}"}} 5.0' in text


class Twin(Alone):
    """Another server process, which has counted the same as this one."""

    calls: Mapping[str, Any]

    async def everywhere(self, call: str, /, *, patience: float = 1.0, **arguments: Any) -> list[Any]:
        return [await self.calls[call](**arguments)]


async def test_counts_of_all_processes(index: Index, nodes: list[Node]) -> None:
    twin, folder = Twin(), index.view.collection.parent
    app = create_app(Settings(directory=folder, nodes=folder.parent / "nodes.toml"), twin)
    service = app.state.service
    twin.calls = answers_to_peers(service, Discovery(service))
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        counted = service.collections["books"].index.node_counts()
        listed = (await client.get(f"{URL}/nodes")).json()["nodes"]
    assert [one["address"] for one in listed] == [str(node.address) for node in nodes]
    assert [one["requests"] for one in listed] == [2 * counted[one["address"]]["requests"] for one in listed]
    assert all(one["requests"] >= 2 for one in listed)


async def test_changes_and_parts_without_nodes(running: Any, index: Index, nodes: list[Node]) -> None:
    folder = index.view.collection.parent
    file, body = folder.parent / "nodes.toml", {"query": QUERIES[0], "limit": 5}
    async with running(folder, nodes=file) as strict, running(folder, nodes=file, partial=True) as lenient:
        document = {"id": "fresh", "indices": [1, 20], "values": [50.0, 50.0], "payload": {"title": "new"}}
        changed = await strict.put(f"{URL}/documents", json={"documents": [document]})
        assert changed.is_success, changed.text
        for client in (strict, lenient):
            answer = (
                await client.post(f"{URL}/search", json=body | {"min_sequence": changed.json()["sequence"]})
            ).json()
            assert answer["hits"][0]["id"] == "fresh"
            assert answer["shards"] == {"total": 5, "ok": 5}
        nodes[0].close(grace=0)
        refused = await strict.post(f"{URL}/search", json=body)
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:problem-type:seismic:unavailable"
        assert "part 1/2: found no answer of its nodes" in refused.json()["detail"]
        assert "127.0.0.1" not in refused.json()["detail"]
        answer = (await lenient.post(f"{URL}/search", json=body)).json()
        assert answer["shards"] == {"total": 5, "ok": 3}
        assert answer["exact"] is False
        assert answer["hits"][0]["id"] == "fresh"


async def until(answer: Callable[[], Any], condition: Callable[[Any], bool]) -> None:
    for _ in range(6000):
        if condition((await answer()).json()):
            return
        await asyncio.sleep(0.01)
    raise AssertionError((await answer()).json())


async def test_a_front_tries_again_until_nodes_have_a_generation(
    running: Any, index: Index, nodes: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise StorageError("files are still fetched")

    monkeypatch.setattr("seismic_server.collections.refresher.SHORT_SECONDS", 0.05)
    folder = index.view.collection.parent
    async with running(folder, nodes=folder.parent / "nodes.toml") as client:
        with monkeypatch.context() as blocked:
            blocked.setattr(SharedFolder, "fetch", refuse)
            seismic.compact(index.view.collection)
            await until(lambda: client.get(URL), lambda info: "newer generation" in info.get("problem", ""))
        body = {"query": QUERIES[0]}
        await until(lambda: client.post(f"{URL}/search", json=body), lambda found: found["generation"] == "000002")
        assert "problem" not in (await client.get(URL)).json()
