"""Connections to a Ray cluster, and what the cluster opens to the network."""

import socket
import sys
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest

from seismic import ParameterError
from seismic.cluster import ray_session
from seismic.cluster.connection import Address
from seismic.cluster.ray_session import check_machine, check_software, connect, software
from seismic.errors import UnavailableError
from tests.ray.cluster import RayCluster


def test_a_connection_is_made_once(ray_cluster: RayCluster) -> None:
    ray = connect(ray_cluster.address)
    assert connect(ray_cluster.address) is ray
    alive = [node for node in ray.nodes() if node["Alive"]]
    assert {node["NodeID"] for node in alive} == {node.id for node in ray_cluster.nodes}
    with pytest.raises(ParameterError, match=r"found 127\.0\.0\.2:1, but this process is connected to 127"):
        connect("127.0.0.2:1")


def test_everything_listens_on_loopback(ray_cluster: RayCluster) -> None:
    connect(ray_cluster.address)
    for process in [psutil.Process(), *ray_cluster.members()]:
        for one in process.net_connections("inet"):
            for end in filter(None, (one.laddr, one.raddr)):
                assert ip_address(end.ip.removeprefix("::ffff:")).is_loopback, (process.cmdline(), one)


def test_other_versions_are_named() -> None:
    ours = software()
    check_software(ours, "node a")
    theirs = {name: one for name, one in ours.items() if name != "ray"} | {"numba": "0.1"}
    with pytest.raises(ParameterError, match=r"node a: found ray missing \(expected .*\), numba 0\.1 \(expected"):
        check_software(theirs, "node a")


def test_wrong_addresses_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ray_session.disconnect()
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    with pytest.raises(UnavailableError, match=rf"ray: nothing listens on 127\.0\.0\.1:{free} \(connection refused\)"):
        connect(f"127.0.0.1:{free}")
    with pytest.raises(ParameterError, match="ray: found 'auto', expected HOST:PORT"):
        connect("auto")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UnavailableError, match=f"ray: (cannot connect to )?{address}"):
            connect(address, seconds=1.0)


def test_a_machine_without_a_node_is_refused_at_once(tmp_path: Path) -> None:
    where = Address("10.0.0.1", 6379)
    check_machine(where, tmp_path)
    (tmp_path / "12").mkdir()
    (tmp_path / "12" / "comm").write_text("python3\n")
    with pytest.raises(
        UnavailableError, match=r"this machine runs no Ray node, .*`ray start --address 10\.0\.0\.1:6379` here"
    ):
        check_machine(where, tmp_path)
    (tmp_path / "13").mkdir()
    (tmp_path / "13" / "comm").write_text("raylet\n")
    check_machine(where, tmp_path)


def test_a_missing_ray_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"extra `ray`: pip install 'seismic-search\[ray\]'"):
        connect("127.0.0.1:1")
