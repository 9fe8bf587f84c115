"""Nodes over sockets: answers, secrets, hostile frames, failures and changes."""

import copy
import json
import math
import pickle
import select
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trustme

import seismic
from seismic import Index, ParameterError, StorageError
from seismic.cluster.connection import Address, connect
from seismic.cluster.errors import PartUnavailableError, RefusedError
from seismic.cluster.fan import LOOK_SECONDS
from seismic.cluster.index import ClusterIndex
from seismic.cluster.listening import Ports
from seismic.cluster.node import Node, NodeLimits
from seismic.cluster.part import PartHost
from seismic.cluster.spec import PartSpec
from seismic.cluster.topology import PartNodes, Topology, fan_of, open_cluster
from seismic.cluster.wire import ANSWER, HEADER, MAGIC, VERSION, Message, encode
from seismic.stop import current
from tests.cluster.collections import QUERIES, assert_same, build
from tests.samples import random_vectors

SECRET = "a secret of the cluster"
LOOPBACK = Address("127.0.0.1", 0)
HALVES = ["1/2", "2/2+changes"]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("nodes")
    (folder / "secret").write_text(SECRET)
    with build(folder / "books") as made:
        yield made


def start(index: Index, *parts: str, **options: Any) -> tuple[Node, str]:
    specs = [PartSpec.parse(part) for part in parts]
    node = Node(index.view.collection, specs, SECRET.encode(), LOOPBACK, **options)
    return node, str(node.start())


@pytest.fixture(scope="module")
def nodes(index: Index) -> Iterator[dict[str, list[str]]]:
    """Two nodes of each half: part -> addresses."""
    before = threading.active_count()
    started = [(part, *start(index, part)) for part in HALVES for _ in range(2)]
    yield {part: [address for name, _, address in started if name == part] for part in HALVES}
    for _, node, _ in started:
        node.close()
    assert threading.active_count() <= before + 1  # that of deadlines


def topology(index: Index, nodes: dict[str, list[str]], **options: Any) -> Topology:
    parts = [PartNodes(part=part, nodes=listed) for part, listed in nodes.items()]
    secret = str(index.view.collection.parent / "secret")
    return Topology(secret_file=secret, collections={"books": parts}, **options)


def opened(index: Index, nodes: dict[str, list[str]], *, partial: bool = False, **options: Any) -> ClusterIndex:
    return open_cluster(index.view.collection, topology(index, nodes, **options), partial=partial)


def test_nodes_answer_as_an_index(index: Index, nodes: dict[str, list[str]]) -> None:
    with opened(index, nodes) as cluster:
        assert_same(index, cluster)
        with copy.copy(cluster) as other:
            assert other.search(QUERIES[0]) == index.search(QUERIES[0])
        assert cluster.search(QUERIES[0]) == index.search(QUERIES[0])
        with pytest.raises(TypeError, match="call open_cluster again"):
            pickle.dumps(cluster)


def test_tls(index: Index, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server = authority.issue_cert("127.0.0.1")
    server.configure_cert(tls)
    node, address = start(index, "1/1+changes", tls=tls)
    try:
        with opened(index, {"1/1+changes": [address]}, ca_file=str(tmp_path / "ca.pem")) as cluster:
            assert cluster.search(QUERIES[0]) == index.search(QUERIES[0])
            assert cluster.search(QUERIES[2], 300) == index.search(QUERIES[2], 300)
        with pytest.raises(StorageError, match=r"nodes cannot serve .* expects TLS \(ca_file\)"):
            opened(index, {"1/1+changes": [address]})
        trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
        with pytest.raises(StorageError, match=r"certificate: .*; check ca_file"):
            opened(index, {"1/1+changes": [address]}, ca_file=str(tmp_path / "other.pem"))
        pinned = {"certificates": {address: server.cert_chain_pems[0].bytes().decode()}}
        with opened(index, {"1/1+changes": [address]}, **pinned) as cluster:
            assert cluster.search(QUERIES[0]) == index.search(QUERIES[0])
        other = {"certificates": {address: authority.issue_cert("127.0.0.1").cert_chain_pems[0].bytes().decode()}}
        with pytest.raises(StorageError, match=r"certificate: .*; check ca_file"):
            opened(index, {"1/1+changes": [address]}, **other)
        with pytest.raises(ParameterError, match="certificates: found what is no certificate in PEM"):
            opened(index, {"1/1+changes": [address]}, certificates={address: "nothing"})
    finally:
        node.close()


def test_the_first_free_port_of_a_range(index: Index) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        first = taken.getsockname()[1]
        only = Ports(first, first)
        node = Node(index.view.collection, [PartSpec.parse("1/2")], SECRET.encode(), LOOPBACK)
        try:
            with pytest.raises(ParameterError, match=rf"ports: all of {first}-{first} are taken on 127\.0\.0\.1"):
                node.start(only)
            assert first < node.start(Ports(first, 65535)).port
        finally:
            node.close()
    for wrong in ("7100-7099", "0-5", "7100-70000", "a-b", "7100-"):
        with pytest.raises(ParameterError, match="expected FIRST-LAST between 1 and 65535"):
            Ports.parse(wrong)
    assert str(Ports.parse("7100")) == "7100-7100"


def test_another_secret_is_refused(index: Index, nodes: dict[str, list[str]]) -> None:
    address = Address.parse(nodes["1/2"][0])
    with pytest.raises(RefusedError, match="another secret"):
        connect(address, b"not the secret at all", ANSWER, None, 5)


def test_a_node_that_does_not_know_the_secret_is_refused(index: Index) -> None:
    node = Node(index.view.collection, [PartSpec.parse("1/1+changes")], b"what another cluster has", LOOPBACK)
    address = node.start()
    try:
        with pytest.raises(RefusedError, match="another secret"):
            connect(address, SECRET.encode(), ANSWER, None, 5)
    finally:
        node.close()


HOSTILE = [
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    HEADER.pack(MAGIC, 1, 0, 0.0, 10, 0),
    HEADER.pack(MAGIC, VERSION, 0, 0.0, 1 << 31, 1 << 60),
    HEADER.pack(MAGIC, VERSION, 0, math.nan, 2, 0) + b"[]",
    HEADER.pack(MAGIC, VERSION, 7, 0.0, 2, 0) + b"{}",
    HEADER.pack(MAGIC, VERSION, 0, 0.0, 20, 0) + b'{"head": {"nonce": 1',
    b"\xff" * 100,
]


def send_to_end(sock: socket.socket, data: bytes) -> None:
    """Send data and no more, and wait until the node closes the connection, perhaps before it has read everything."""
    try:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(1 << 16):
            pass
    except TimeoutError:
        pytest.fail("the node does not close the connection")
    except OSError:
        return


@pytest.mark.parametrize("data", HOSTILE)
def test_strangers_cannot_harm_a_node(index: Index, nodes: dict[str, list[str]], data: bytes) -> None:
    address = Address.parse(nodes["1/2"][0])
    with socket.create_connection(address, 60) as sock:
        send_to_end(sock, data)
    with opened(index, nodes) as cluster:
        assert cluster.search(QUERIES[0]) == index.search(QUERIES[0])


def frames() -> list[bytes]:
    """Return requests of a peer that knows the secret, all wrong in some way."""
    pin = {"part": "1/2", "generation": "000001", "sequence": 5}
    one = {"indptr": np.array([0, 1]), "components": np.array([3], np.uint32), "values": np.array([1], np.float32)}
    search = {"verb": "search", **pin, "k": 3, "choice": ["exact", 15, 1.0, 1.0]}
    made = [
        Message({}),
        Message({"verb": "nothing", **pin}),
        Message({"verb": "search", **pin}),
        Message({**search, "k": -1}, one),
        Message({**search, "k": 1 << 40, "filter": {"nothing": 1}}, one),
        Message({**search, "choice": ["no", None]}, one),
        Message(search, {**one, "components": np.array([1 << 31], np.uint32)}),
        Message(search, {**one, "indptr": np.array([0, 1 << 40])}),
        Message(search, {**one, "values": np.array([np.nan], np.float32)}),
        Message({**search, "sequence": "x"}, one),
        Message({**search, "generation": "../../etc"}, one),
        Message({"verb": "vectors", **pin}, {"numbers": np.array([-5, 1 << 50])}),
        Message({"verb": "fetch", **pin, "columns": [1]}, {"numbers": np.array([1])}),
        Message({"verb": "groups", **pin, "by": 3}, one),
        Message({"verb": "page", **pin, "by": {"key": 7}, "limit": 1 << 70}),
        Message({"verb": "find", **pin, "ids": [[1]]}),
    ]
    return [encode(message) for message in made]


def test_wrong_requests_are_errors_of_the_request(index: Index, nodes: dict[str, list[str]]) -> None:
    address = Address.parse(nodes["1/2"][0])
    connection = connect(address, SECRET.encode(), ANSWER, None, 10)
    for frame in frames():
        connection.socket.sendall(frame)
        assert "error" in connection.receive(time.monotonic() + 60).head, frame
    connection.close()


def test_mangled_frames_never_end_a_node(index: Index, nodes: dict[str, list[str]]) -> None:
    rng = np.random.default_rng(0)
    address = Address.parse(nodes["1/2"][0])
    for frame in frames() * 4:
        mangled = bytearray(frame)
        for at in rng.integers(0, len(mangled), 3).tolist():
            mangled[at] = int(rng.integers(256))
        connection = connect(address, SECRET.encode(), ANSWER, None, 10)
        connection.socket.settimeout(60)
        send_to_end(connection.socket, bytes(mangled[: int(rng.integers(1, len(mangled) + 1))]))
        connection.close()
    with opened(index, nodes) as cluster:
        assert cluster.search(QUERIES[0]) == index.search(QUERIES[0])


def test_too_many_connections_are_refused(index: Index) -> None:
    node, address = start(index, "1/1+changes", limits=NodeLimits(connections=2))
    try:
        first, second = (connect(Address.parse(address), SECRET.encode(), ANSWER, None, 10) for _ in range(2))
        with pytest.raises(OSError, match=r"closed|reset"):
            connect(Address.parse(address), SECRET.encode(), ANSWER, None, 10)
        first.close()
        second.close()
    finally:
        node.close()


def test_a_closed_connection_stops_its_search(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    node, address = start(index, "1/1+changes")
    begun, stopped = threading.Event(), threading.Event()

    def search(host: PartHost, message: Message) -> Message:
        begun.set()
        if wait_for(lambda: bool(current().flag[0])):
            stopped.set()
        current().check()
        return Message({})

    monkeypatch.setattr(PartHost, "answer", search)
    try:
        connection = connect(Address.parse(address), SECRET.encode(), ANSWER, None, 60)
        connection.send(Message({"verb": "search", "part": "1/1+changes"}))
        assert begun.wait(60)
        connection.close()
        assert stopped.wait(60)
        late = connect(Address.parse(address), SECRET.encode(), ANSWER, None, 60)
        late.send(Message({"verb": "search", "part": "1/1+changes"}, timeout_ms=1))
        assert late.receive(time.monotonic() + 60).head["error"] == "DeadlineError"
        late.close()
    finally:
        node.close()


def wait_for(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + 60
    while not holds() and time.monotonic() < until:
        time.sleep(0.005)
    return holds()


def test_one_replica_less_is_not_noticed(index: Index, nodes: dict[str, list[str]]) -> None:
    third, address = start(index, "1/2")
    wanted = index.search(QUERIES[0])
    with opened(index, {"1/2": [address, nodes["1/2"][0]], "2/2+changes": nodes["2/2+changes"]}) as cluster:
        answers = [cluster.search(QUERIES[0]) for _ in range(20)]
        third.close(grace=0)
        answers += [cluster.search(QUERIES[0]) for _ in range(20)]
    assert answers == [wanted] * 40


def test_a_restarted_node_is_asked_at_once(index: Index) -> None:
    """Its front has connections that ended while nobody used them, and does not suspend it for those."""
    first, address = start(index, "1/1+changes")
    with opened(index, {"1/1+changes": [address]}) as cluster:
        wanted = cluster.search(QUERIES[0])
        first.close()
        again = Node(index.view.collection, [PartSpec.parse("1/1+changes")], SECRET.encode(), Address.parse(address))
        again.start()
        try:
            assert cluster.search(QUERIES[0]) == wanted
            (report,) = cluster.nodes()
            assert (report.suspended, report.errors) == (False, 0)
        finally:
            again.close()


def test_requests_larger_than_the_room_of_a_socket(index: Index, nodes: dict[str, list[str]]) -> None:
    """The rest is sent when the node has read the beginning."""
    queries = [QUERIES[2]] * 20_000  # 30 components each
    with opened(index, nodes) as cluster:
        numbers, scores = cluster.search_batch(queries, 1)
    wanted = index.search(QUERIES[2], 1)[0]
    assert (numbers == wanted.number).all()
    assert (scores == np.float32(wanted.score)).all()


def test_a_part_without_nodes_is_refused_or_left_out(index: Index, nodes: dict[str, list[str]]) -> None:
    only, address = start(index, "1/2")
    there = {"1/2": [address], "2/2+changes": nodes["2/2+changes"]}
    request = seismic.SearchRequest(query=QUERIES[0], limit=1000)
    with opened(index, there) as strict, opened(index, there, partial=True) as lenient:
        whole = lenient.ask(request)
        assert strict.ask(request).hits == whole.hits
        only.close()
        with pytest.raises(PartUnavailableError, match=r"part 1/2: found no answer of its nodes .*start them"):
            strict.ask(request)
        answer = lenient.ask(request)
        first = index.manifest.shards[2].first_document
        assert answer.hits == [hit for hit in whole.hits if hit.number >= first]
        assert answer.shards_missing == 2
        assert not answer.exact
        assert "the answer is partial: part 1/2 of the collection does not answer (2 shards)" in answer.warnings
        with pytest.raises(PartUnavailableError):
            lenient.search(QUERIES[0])  # hits alone cannot say that some are missing
    nobody, address = start(index, "1/1+changes")
    with opened(index, {"1/1+changes": [address]}, partial=True) as lenient:
        nobody.close()
        with pytest.raises(PartUnavailableError, match="no part of the collection answers"):
            lenient.ask(request)


def test_two_replicas_answer_at_the_same_time(
    index: Index, nodes: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second answer lies there already when the first one closes its connection."""
    made, answer = select.poll, PartHost.answer

    class LatePoll:
        def __init__(self) -> None:
            self._poll, self._registered = made(), set[int]()

        def register(self, descriptor: Any, events: int) -> None:
            self._registered.add(descriptor)
            self._poll.register(descriptor, events)

        def unregister(self, descriptor: int) -> None:
            self._poll.unregister(descriptor)

        def poll(self, milliseconds: float) -> Any:
            if len(self._registered) >= 4:  # both replicas of both parts are asked, and answer now
                time.sleep(0.4)
            return self._poll.poll(milliseconds)

    def slow(host: PartHost, message: Message) -> Message:
        time.sleep(0.1)
        return answer(host, message)

    with opened(index, nodes, hedge_ms=1.0) as cluster:
        wanted = cluster.search(QUERIES[0])
        monkeypatch.setattr(PartHost, "answer", slow)
        monkeypatch.setattr("seismic.cluster.asking.select.poll", LatePoll)
        found: list[Any] = []
        searching = threading.Thread(target=lambda: found.append(cluster.search(QUERIES[0])), daemon=True)
        searching.start()
        searching.join(60)
        assert found == [wanted]


def test_a_wrong_nodes_file(tmp_path: Path, index: Index) -> None:
    file, good = tmp_path / "nodes.toml", 'part = "1/1+changes"\nnodes = ["127.0.0.1:1"]'
    books = 'secret_file = "s"\n[[collections.books]]\n'
    for text, problem in [
        ("", "collections"),
        ("[[collections.books]]\n" + good, r"secret_file: found none, expected .* secret of node 127\.0\.0\.1:1"),
        ("x = [", r"nodes\.toml"),
        (books + good.replace("1/1+changes", "1/3"), "found the parts 1/3"),
        (books + good.replace("+changes", ""), "changes in exactly one"),
        (books + good.replace("1/1+changes", "2"), r"found '2', expected I/N"),
        (books + good.replace("127.0.0.1:1", "x"), "found 'x', expected HOST:PORT"),
        (books + good.replace('"127.0.0.1:1"', ""), "nodes"),
        (books + good.replace("]", ', "127.0.0.1:01"]'), r"part 1/1\+changes: nodes\[1\]: found 127\.0\.0\.1:01 again"),
        (books + good + '\n[secrets]\n"127.0.0.1:1" = "short"', "^(?!.*short).*at least 16 characters for node 127"),
        (books + good + f'\n[secrets]\n"127.0.0.1:2" = "{SECRET}"', "secrets: found 127.0.0.1:2, expected the address"),
        (
            books + good + '\n[certificates]\n"127.0.0.1:2" = ""',
            "certificates: found 127.0.0.1:2, expected the address",
        ),
        (f'[secrets]\nx = "{SECRET}"', f"^(?!.*{SECRET}).*collections"),
        (books.replace("books", "other") + good, "expected 'books'"),
        (books + good, "secret file"),
    ]:
        file.write_text(text)
        with pytest.raises(ParameterError, match=problem):
            open_cluster(index.view.collection, file)


@pytest.mark.parametrize(
    "text",
    [
        "http://a:1",
        "a:0",
        "a:65536",
        "a:１",
        " a:1",
        "a b:1",
        "a..b:1",
        "::1:1",
        "[a]:1",
        "[1.2.3.4]:1",
        ":1",
        "a:",
        "a:+1",
    ],
)
def test_wrong_addresses(text: str) -> None:
    with pytest.raises(ParameterError, match=r"node: found .* expected HOST:PORT, or \[IPV6\]:PORT"):
        Address.parse(text, "node")


def test_addresses() -> None:
    for text in ("127.0.0.1:1", "node-0.nodes.default:7700", "[::1]:65535", "[fe80::1%eth0]:1"):
        assert str(Address.parse(text)) == text
    assert Address.parse("a:0", least_port=0) == ("a", 0)


def test_a_node_of_another_collection_is_refused(tmp_path: Path, index: Index) -> None:
    """Its generation has the same number. One of a folder that was removed and built again is opened instead."""
    (tmp_path / "secret").write_text(SECRET)
    folder = tmp_path / "books"
    seismic.build(random_vectors(40, seed=9), folder, shards=2)
    with seismic.open(folder) as other:
        wanted = numbers(other)
        node, address = start(other, "1/1+changes")
        named = topology(other, {"1/1+changes": [address]})
    try:
        with pytest.raises(StorageError, match="has another generation 000001 than the front"):
            opened(index, {"1/1+changes": [address]})
        with open_cluster(folder, named) as cluster:
            assert numbers(cluster) == wanted
            shutil.rmtree(folder)
            seismic.build(random_vectors(50, seed=8), folder, shards=2)
            with seismic.open(folder) as again, open_cluster(folder, named) as rebuilt:
                assert numbers(rebuilt) == numbers(again) != wanted
            with pytest.raises(PartUnavailableError, match="has another generation 000001"):
                numbers(cluster)
    finally:
        node.close()


def numbers(index: Index) -> Any:
    query = dict.fromkeys(range(0, index.dimension, 3), 1.0)
    return index.search_batch([query], 20)[0].tolist()


def test_the_wrong_part_and_missing_tls_are_named(index: Index, nodes: dict[str, list[str]], tmp_path: Path) -> None:
    wrong = {"1/2": nodes["2/2+changes"][:1], "2/2+changes": nodes["1/2"][:1]}
    with closing(fan_of(topology(index, wrong), "books")) as fan:
        problems = [one.problem for one in fan.nodes()]
    assert problems == ["has the parts 2/2+changes, expected 1/2", "has the parts 1/2, expected 2/2+changes"]
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    with pytest.raises(StorageError, match=r"no TLS \(.*\): start it with --tls-cert, or remove ca_file"):
        opened(index, nodes, ca_file=str(tmp_path / "ca.pem"))


def test_a_front_follows_its_nodes_file(tmp_path: Path, index: Index) -> None:
    """As a supervisor writes it who starts nodes at other addresses, each with a secret of its own."""
    file = tmp_path / "nodes.json"

    def write(*addresses: str) -> None:
        secrets = dict.fromkeys(addresses, SECRET)
        parts = [{"part": "1/1+changes", "nodes": list(addresses), "replicas": 2}]
        (tmp_path / "new").write_text(json.dumps({"secrets": secrets, "collections": {"books": parts}}))
        (tmp_path / "new").replace(file)

    first, address = start(index, "1/1+changes")
    write(address)
    with open_cluster(index.view.collection, file) as cluster:
        wanted = cluster.search(QUERIES[0])
        second, other = start(index, "1/1+changes")
        write(other)
        first.close()
        file.with_name("broken").write_text("{")
        deadline = time.monotonic() + 60
        while str(cluster.fan.groups[0][0].address) != other:  # type: ignore[attr-defined]
            assert time.monotonic() < deadline
        assert cluster.search(QUERIES[0]) == wanted
        file.with_name("broken").replace(file)
        time.sleep(2 * LOOK_SECONDS)
        assert cluster.search(QUERIES[0]) == wanted  # a wrong file is ignored
    second.close()
