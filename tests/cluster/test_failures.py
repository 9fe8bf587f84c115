"""Nodes as processes that are killed, hang and restart under load, and what the commands say of them."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import seismic
from seismic import Index
from seismic.cluster.index import ClusterIndex
from seismic.cluster.topology import open_cluster
from seismic_tools.cli import app
from tests.changed import documents
from tests.cluster.collections import QUERIES, build, vectors
from tests.cluster.processes import HALVES, PATIENCE, Process, replicas, while_searching


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("failures")
    build(made / "books").close()
    return made


@pytest.fixture(scope="module")
def nodes(folder: Path) -> Iterator[list[Process]]:
    """Two nodes, and the nodes file."""
    with replicas(folder, hedge_ms=30) as started:
        yield started


@pytest.fixture
def cluster(folder: Path, nodes: list[Process]) -> Iterator[ClusterIndex]:
    with open_cluster(folder / "books", folder / "nodes.toml") as made:
        yield made


def found(index: Index, query: Any, k: int) -> list[tuple[Any, float]]:
    """Return the ids and scores of hits. Numbers of changed documents depend on how often an index is refreshed."""
    return [(hit.id, hit.score) for hit in index.search(query, k)]


def under_load(cluster: Index, index: Index, event: Callable[[], None]) -> None:
    """Search from several threads while something happens, and check every answer."""
    wanted = [found(index, query, 50) for query in QUERIES]

    def check(at: int) -> None:
        assert found(cluster, QUERIES[at], 50) == wanted[at]

    while_searching(len(QUERIES), check, event)


def answered(cluster: Index, count: int) -> None:
    """Search for a while."""
    for _ in range(count):
        cluster.search(QUERIES[0], 5)


def test_a_hung_node_is_hedged_and_comes_back(folder: Path, nodes: list[Process], cluster: ClusterIndex) -> None:
    with seismic.open(folder / "books") as index:

        def hang() -> None:
            nodes[0].signal(signal.SIGSTOP)
            answered(cluster, 60)
            nodes[0].signal(signal.SIGCONT)

        try:
            under_load(cluster, index, hang)
        finally:
            nodes[0].signal(signal.SIGCONT)


def test_changes_are_visible_at_once(folder: Path, cluster: ClusterIndex) -> None:
    made = vectors(40, "shuffled")
    with seismic.open(folder / "books") as index:
        for at in range(12):
            sequence = seismic.upsert(folder / "books", made.slice(at, at + 2), documents(range(900 + at, 902 + at)))
            if at % 3 == 2:
                sequence = seismic.delete(folder / "books", [f"d{900 + at}", f"d{at}"])
            cluster.refresh(min_sequence=sequence)
            index.refresh(min_sequence=sequence)
            assert cluster.sequence == sequence
            assert cluster.exists([f"d{901 + at}"]).tolist() == [True]
            assert found(cluster, QUERIES[2], 700) == found(index, QUERIES[2], 700)
            assert len(cluster) == len(index)


def test_generations_switch_together(folder: Path, cluster: ClusterIndex) -> None:
    before = cluster.frozen()
    with seismic.open(folder / "books") as index:
        wanted = [found(index, query, 50) for query in QUERIES]
        seismic.compact(folder / "books")
        assert [found(cluster, query, 50) for query in QUERIES] == wanted  # of the old one, until told
        assert cluster.refresh()
        index.refresh()
        assert cluster.generation == index.generation != before.generation
        assert [cluster.search(query, 50) for query in QUERIES] == [index.search(query, 50) for query in QUERIES]
        assert [found(before, query, 50) for query in QUERIES] == wanted


def test_status(folder: Path, nodes: list[Process]) -> None:
    shown = CliRunner().invoke(app, ["cluster", "status", str(folder / "nodes.toml"), "--json"], catch_exceptions=False)
    states = [part for one in json.loads(shown.stdout).values() for part in one["parts"].items()]
    assert sorted(name for name, _ in states) == sorted(HALVES * 2)
    assert {max(state) for _, state in states} == {"000002"}


def test_a_killed_node_is_not_noticed(folder: Path, nodes: list[Process], cluster: ClusterIndex) -> None:
    """Comes last: it replaces a node, and ends the other one."""
    address = json.loads((folder / "nodes.toml").read_text().splitlines()[-1].removeprefix("nodes = "))[0]
    with seismic.open(folder / "books") as index:

        def kill() -> None:
            nodes[0].signal(signal.SIGKILL)
            answered(cluster, 60)
            nodes[0].end()
            nodes[0] = Process(folder, address)
            assert nodes[0].listening() == address
            nodes[1].signal(signal.SIGTERM)  # the new one alone answers from now on
            assert nodes[1].process.wait(PATIENCE) == 0
            answered(cluster, 60)

        under_load(cluster, index, kill)
        assert len(cluster) == len(index)
