"""Options of nodes on Ray: files from a cache, TLS, ports, and machines that are missing."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import Result
from typer.testing import CliRunner

import seismic
from seismic import Index
from seismic.cluster import ray_nodes
from seismic.cluster.connection import Address
from seismic.cluster.placed import want
from seismic.cluster.push import push
from seismic.cluster.ray_keeper import Keeper
from seismic.cluster.ray_placement import Placement, Wanted
from seismic.cluster.ray_session import connect
from seismic.cluster.storage import Storage
from seismic.cluster.topology import open_cluster
from seismic_tools.cli import app
from tests.ray.cluster import PATIENCE, RayCluster
from tests.samples import random_vectors
from tests.server.conftest import wait_for


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """A collection without changes, also in shared storage that is not its folder."""
    seismic.build(random_vectors(400), tmp_path / "served" / "books", shards=2)
    with seismic.open(tmp_path / "served" / "books") as made:
        push(made.view.collection, str(tmp_path / "storage" / "books"))
        made.warm_up()
        yield made


def run(cluster: RayCluster, verb: str, index: Index, *options: str) -> Result:
    command = ["cluster", verb, str(index.view.collection), "--ray", cluster.address, *options]
    return CliRunner().invoke(app, command)


def nodes(cluster: RayCluster, index: Index) -> list[str]:
    topology, problems = ray_nodes.running(index.view.collection, cluster.address, seconds=PATIENCE)
    assert problems == []
    with open_cluster(index.view.collection, topology) as opened:
        for query in ({1: 1.0}, {2: 1.0, 5: 0.5}):
            assert opened.search(query) == index.search(query)
    return [node for part in topology.collections["books"] for node in part.nodes]


def test_cache_tls_and_ports(ray_cluster: RayCluster, index: Index, tmp_path: Path) -> None:
    """Two nodes of one host fetch each file once, and again if a byte of it is flipped."""
    server = trustme.CA().issue_cert("seismic-nodes")
    server.private_key_and_cert_chain_pem.write_to_path(tmp_path / "node.pem")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        first = taken.getsockname()[1]
        ports = f"{first}-{min(first + 500, 65535)}"
        files = ["--storage", str(tmp_path / "storage"), "--cache", str(tmp_path / "cache"), "--cache-size", "1GB"]
        tls = ["--tls-cert", str(tmp_path / "node.pem"), "--ports", ports]
        options = [*files, *tls, "--groups", "1", "--replicas"]
        started = run(ray_cluster, "start", index, *options, "2")
        assert started.exit_code == 0, started.output
        found = [Address.parse(one).port for one in nodes(ray_cluster, index)]
        assert len(set(found)) == 2
        assert all(first < port <= first + 500 for port in found)
    cached = {path.name: path for path in (tmp_path / "cache" / "files").iterdir() if not path.suffix}
    wanted = {file.xxh3_128 for shard in index.manifest.shards for file in shard.files.values()}
    assert wanted <= cached.keys()
    assert {path.stat().st_nlink for path in cached.values()} == {2}
    refused = run(ray_cluster, "start", index, "--ports", "1-9", "--cpus", "1")
    assert refused.exit_code != 0
    assert f"runs with --ports {ports} (expected 1-9); run `seismic cluster stop` before" in refused.output
    assert "ended 2 nodes" in run(ray_cluster, "stop", index).output
    assert not Storage(tmp_path / "storage" / "books").leases.held("000001")
    damaged = cached[sorted(wanted)[0]]
    before = damaged.read_bytes()
    damaged.write_bytes(bytes([before[0] ^ 1]) + before[1:])
    try:
        assert run(ray_cluster, "start", index, *options, "1").exit_code == 0
        assert len(nodes(ray_cluster, index)) == 1
        assert damaged.read_bytes() == before
    finally:
        run(ray_cluster, "stop", index)


def groups(cluster: RayCluster) -> list[Any]:
    table = connect(cluster.address).util.placement_group_table()
    return [one["name"] for one in table.values() if one["state"] != "REMOVED" and "books" in one["name"]]


def test_missing_machines(
    ray_cluster: RayCluster, index: Index, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are named at once; a front waits for them, or starts the replicas that fit."""
    refused = run(ray_cluster, "start", index, "--replicas", "4")
    assert "found 3 machines on Ray" in refused.output
    assert groups(ray_cluster) == []
    want(tmp_path, "books", index.view.collection)
    placement, ending = Placement(connect(ray_cluster.address), Wanted(4, 1)), threading.Event()
    keeper = Keeper(placement, tmp_path, seconds=600.0)
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(keeper.start, ending)
        wait_for(lambda: groups(ray_cluster))
        ending.set()
        starting.result(PATIENCE)
    assert groups(ray_cluster) == []
    assert '"event": "waiting for machines", "reason": "collection \'books\': found 3' in capsys.readouterr().out
    started = run(ray_cluster, "start", index, "--replicas", "4", "--groups", "1", "--degraded")
    try:
        assert started.exit_code == 0, started.output
        assert "degraded: part 1/1+changes, replica 4: waits for a machine with room for it" in started.output
        added = ray_cluster.add_node()
        assert len(nodes(ray_cluster, index)) == 4
        assert len(added.workers("PartActor")) == 1
    finally:
        assert "ended 4 nodes" in run(ray_cluster, "stop", index).output
    assert groups(ray_cluster) == []
    ray_cluster.kill_node(added)
    ray = connect(ray_cluster.address)
    wait_for(lambda: sum(node["Alive"] for node in ray.nodes()) == len(ray_cluster.nodes))
