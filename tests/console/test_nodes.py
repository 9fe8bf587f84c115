"""The page of nodes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

import seismic
from seismic.cluster.connection import Address
from seismic.cluster.node import Node
from seismic.cluster.spec import PartSpec
from tests.console.browser import Page
from tests.console.conftest import until_ready
from tests.samples import random_vectors
from tests.server.conftest import PATIENCE, Server, start

SECRET = "a secret of the cluster"
HEADS = "Node, State, Part, Generation, Change, Documents, Memory, Running, Queue, Requests, Errors, Hedges"


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    """Two nodes, each of which has half of a collection, and their nodes file beside the served folder."""
    collection = tmp_path / "served" / "books"
    seismic.build(random_vectors(1200), collection, shards=2)
    lines, started = ['secret_file = "secret"'], []
    (tmp_path / "secret").write_text(SECRET)
    for part in ("1/2", "2/2+changes"):
        started.append(Node(collection, [PartSpec.parse(part)], SECRET.encode(), Address("127.0.0.1", 0)))
        lines += ["[[collections.books]]", f'part = "{part}"', f'nodes = ["{started[-1].start()}"]']
    (tmp_path / "nodes.toml").write_text("\n".join(lines))
    yield started
    for node in started:
        node.close(grace=0)


@pytest.fixture
def front(tmp_path: Path, nodes: list[Node]) -> Iterator[Server]:
    """A server process in front of them."""
    server = start(tmp_path / "served", tmp_path / "log.jsonl", "--nodes", str(tmp_path / "nodes.toml"))
    try:
        until_ready(server)
        yield server
    finally:
        server.process.terminate()
        server.process.wait(PATIENCE)


def test_what_nodes_have_and_do(driver: webdriver.Chrome, front: Server, nodes: list[Node]) -> None:
    page = Page(driver, front.url)
    page.size(1280)
    page.open(path="/console/nodes/")
    assert page.texts("#collections h2") == ["books"]
    assert ", ".join(page.texts("th")) == HEADS
    first, second = page.texts("tbody tr:nth-child(1) td"), page.texts("tbody tr:nth-child(2) td")
    assert first[:6] == [str(nodes[0].address), "up", "1/2", "000001", "0", "600"]
    assert second[:6] == [str(nodes[1].address), "up", "2/2+changes", "000001", "0", "600"]
    assert first[6].endswith(" MB")
    assert first[7:9] + first[10:] == ["0", "0", "0", "0"]
    assert not page.one("#nothing").is_displayed()
    page.size(390)
    assert page.js("return document.documentElement.scrollWidth") <= 390
    nodes[0].close(grace=0)
    page.open(path="/console/nodes/")
    down, up = page.texts("tbody td:nth-child(2)")
    assert down.startswith("down: ")
    assert up == "up"
    assert page.complaints() == []


def test_a_service_without_nodes(page: Page) -> None:
    page.open(path="/console/nodes/")
    assert page.text("#nothing") == "The service searches all collections itself."
    assert page.texts("table") == []
    assert not page.one("#problem").is_displayed()
