"""`seismic serve --ray`: answers, failures and restarts of nodes. Long forms: `python -m tests.ray.failures`."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from typer.testing import CliRunner

from seismic import Index
from seismic.cluster import ray_nodes
from seismic.cluster.connection import Address, connect
from seismic.cluster.errors import RefusedError
from seismic.cluster.topology import open_cluster
from seismic.cluster.wire import ANSWER
from seismic_tools.cli import app
from tests.cluster.collections import QUERIES, assert_same, build
from tests.cluster.processes import while_searching
from tests.ray.cluster import RayCluster
from tests.server.conftest import PATIENCE, Server, start, wait_for

SEARCH = "/v1/collections/books/search"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    with build(tmp_path_factory.mktemp("ray") / "served" / "books", "sorted") as made:
        made.warm_up()  # compiles once what all actors load
        yield made


class Service:
    """A service process and the nodes that Ray runs for it."""

    def __init__(self, cluster: RayCluster, index: Index, log: Path, *options: str) -> None:
        self.client: httpx2.Client | None = None
        self.server: Server = start(index.view.collection.parent, log, "--ray", cluster.address, *options)
        try:
            wait_for(lambda: self.ready() or self.server.process.poll() is not None)
            assert self.server.process.poll() is None, log.read_text()
        except BaseException:
            self.close()
            raise
        self.client = httpx2.Client(base_url=self.server.url, timeout=PATIENCE)

    def ready(self) -> bool:
        listening = any(line["event"] == "listening" for line in self.server.log())
        return listening and httpx2.get(f"{self.server.url}/readyz", timeout=PATIENCE).is_success

    def search(self, query: Any) -> httpx2.Response:
        assert self.client is not None
        return self.client.post(SEARCH, json={"query": query, "limit": 20})

    def beside(self) -> list[psutil.Process]:
        """Return the processes beside the front."""
        return psutil.Process(self.server.process.pid).children()

    def problems(self) -> list[str]:
        """Return what the service logged last of the placement."""
        told = [line for line in self.server.log() if "problems" in line]
        return list(told[-1]["problems"]) if told else ["nothing is known yet"]

    def close(self, number: int = signal.SIGTERM) -> None:
        if self.client is not None:
            self.client.close()
        self.server.process.send_signal(number)
        self.server.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def service(ray_cluster: RayCluster, index: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    log = tmp_path_factory.mktemp("log") / "server.jsonl"
    made = Service(ray_cluster, index, log, "--replicas", "2", "--groups", "2")
    yield made
    made.close()
    assert ray_nodes.stopped(index.view.collection, ray_cluster.address) == 4


def hits_of(index: Index, query: Any) -> list[tuple[Any, float]]:
    return [(hit.id, hit.score) for hit in index.search(query, 20)]


def under_load(service: Service, index: Index, event: Callable[[], None]) -> None:
    """Search from several threads while something happens; every answer must be the index's."""
    wanted = [hits_of(index, query) for query in QUERIES]

    def check(at: int) -> None:
        answer = service.search(QUERIES[at])
        assert answer.status_code == 200, answer.text
        assert [(hit["id"], hit["score"]) for hit in answer.json()["hits"]] == wanted[at]

    while_searching(len(QUERIES), check, event)


def endpoints(index: Index, cluster: RayCluster) -> dict[str, Any]:
    """Return the nodes and what each says of itself."""
    topology, problems = ray_nodes.running(index.view.collection, cluster.address, seconds=PATIENCE)
    assert not problems
    return {part.part: part.nodes for part in topology.collections["books"]}


def test_requests_of_every_kind(ray_cluster: RayCluster, service: Service, index: Index) -> None:
    topology, _ = ray_nodes.running(index.view.collection, ray_cluster.address, seconds=PATIENCE)
    with open_cluster(index.view.collection, topology) as cluster:
        assert_same(index, cluster)
    answer = service.search(QUERIES[0]).json()
    assert answer["shards"] == {"total": 5, "ok": 5}
    assert [(hit["id"], hit["score"]) for hit in answer["hits"]] == hits_of(index, QUERIES[0])


def test_replicas_are_on_different_machines(ray_cluster: RayCluster, service: Service, index: Index) -> None:
    topology, _ = ray_nodes.running(index.view.collection, ray_cluster.address, seconds=PATIENCE)
    machine = {}
    for node in ray_cluster.nodes:
        for process in node.workers("PartActor"):
            for one in process.net_connections("inet"):
                if one.status == psutil.CONN_LISTEN:
                    machine[f"127.0.0.1:{one.laddr.port}"] = node.id
    for part in topology.collections["books"]:
        assert len({machine[address] for address in part.nodes}) == 2
        wrong = connect_error(part.nodes[0])
        assert "another secret" in str(wrong)


def connect_error(address: str) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        connect(Address.parse(address), b"not the secret of the node", ANSWER, None, PATIENCE)
    return caught.value


def test_status(ray_cluster: RayCluster, service: Service, index: Index) -> None:
    command = ["cluster", "status", str(index.view.collection), "--ray", ray_cluster.address, "--json"]
    shown = CliRunner().invoke(app, command, catch_exceptions=False)
    states = json.loads(shown.stdout)
    assert shown.exit_code == 0
    assert sorted(part for one in states.values() for part in one["parts"]) == ["1/2", "1/2", *["2/2+changes"] * 2]


def test_a_new_front_finds_the_nodes(ray_cluster: RayCluster, index: Index, service: Service, tmp_path: Path) -> None:
    """No node is started or opens a shard again."""
    command = ["cluster", "status", str(index.view.collection), "--ray", ray_cluster.address, "--json"]

    def opened() -> dict[str, Any]:
        states = json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout)
        return {address: (one["process"], one["opened"]) for address, one in states.items()}

    before = opened()
    second = Service(ray_cluster, index, tmp_path / "log.jsonl")
    beside = second.beside()
    assert len(beside) == 1
    second.close(signal.SIGKILL)
    psutil.wait_procs(beside, timeout=PATIENCE)
    assert not any(one.is_running() for one in beside)
    third = Service(ray_cluster, index, tmp_path / "again.jsonl")
    assert third.search(QUERIES[0]).json()["hits"] == service.search(QUERIES[0]).json()["hits"]
    assert opened() == before
    third.beside()[0].kill()  # is started again; nobody notices
    wait_for(lambda: [line["event"] for line in third.server.log()].count("nodes are placed") >= 2)
    assert third.search(QUERIES[0]).is_success
    third.close()
    assert opened() == before


def test_another_layout_is_refused(ray_cluster: RayCluster, index: Index, service: Service) -> None:
    command = ["cluster", "start", str(index.view.collection), "--ray", ray_cluster.address, "--groups", "3"]
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code != 0
    assert "found 2 groups of 2 replicas on Ray, expected 3 of 2" in refused.output


def test_a_hung_machine_is_hedged(ray_cluster: RayCluster, index: Index, service: Service) -> None:
    node = next(one for one in ray_cluster.nodes[1:] if one.workers("PartActor"))
    [worker, *_] = node.workers("PartActor")

    def hang() -> None:
        os.kill(worker.pid, signal.SIGSTOP)
        for _ in range(40):
            service.search(QUERIES[1])
        os.kill(worker.pid, signal.SIGCONT)

    try:
        under_load(service, index, hang)
    finally:
        os.kill(worker.pid, signal.SIGCONT)


def test_a_killed_machine_is_not_noticed(ray_cluster: RayCluster, index: Index, service: Service) -> None:
    """Nodes start on another machine, and the nodes file then names their new addresses."""
    before = endpoints(index, ray_cluster)
    victim = next(one for one in ray_cluster.nodes[1:] if one.workers("PartActor"))
    lost = len(victim.workers("PartActor"))

    def kill() -> None:
        ray_cluster.kill_node(victim)
        wait_for(service.problems)
        wait_for(lambda: not service.problems())

    try:
        under_load(service, index, kill)
    finally:
        ray_cluster.add_node()
    after = endpoints(index, ray_cluster)
    moved = {address for listed in before.values() for address in listed}
    assert len(moved - {address for listed in after.values() for address in listed}) == lost


def test_one_replica(ray_cluster: RayCluster, tmp_path: Path) -> None:
    """While its machine is down, requests are refused, or answered in part if that is allowed."""
    with build(tmp_path / "served" / "books") as index:
        options = ["--replicas", "1", "--groups", "2"]
        strict = Service(ray_cluster, index, tmp_path / "strict.jsonl", *options)
        lenient = Service(ray_cluster, index, tmp_path / "lenient.jsonl", "--partial")
        try:
            wanted = strict.search(QUERIES[0]).json()["hits"]
            part = ray_nodes.running(index.view.collection, ray_cluster.address)[0].collections["books"][0]
            port = Address.parse(part.nodes[0]).port
            [worker] = [
                one
                for node in ray_cluster.nodes
                for one in node.workers("PartActor")
                if any(each.laddr.port == port for each in one.net_connections("inet"))
            ]
            worker.kill()
            refused, partial = strict.search(QUERIES[0]), lenient.search(QUERIES[0])
            assert refused.status_code == 503
            assert refused.json()["type"] == "urn:problem-type:seismic:unavailable"
            assert partial.json()["shards"] == {"total": 5, "ok": 3}
            wait_for(lambda: strict.search(QUERIES[0]).is_success)
            assert strict.search(QUERIES[0]).json()["hits"] == wanted
            wait_for(lambda: lenient.search(QUERIES[0]).json()["shards"]["ok"] == 5)
        finally:
            strict.close()
            lenient.close()
            command = ["cluster", "stop", str(index.view.collection), "--ray", ray_cluster.address]
            assert "ended 2 nodes" in CliRunner().invoke(app, command, catch_exceptions=False).stdout
