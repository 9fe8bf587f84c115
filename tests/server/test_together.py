"""Several server processes: changes of each are seen by all, one leads, and dead ones are replaced.

The tests run in order against one service; the last ones kill processes and shut it down.
"""

import asyncio
import http.client
import itertools
import os
import re
import signal
import socket
import threading
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest

import seismic
from seismic import StorageError
from seismic.errors import OverloadedError
from seismic_server import Settings
from seismic_server.access.limits import Rates
from seismic_server.memory.budget import MemoryBudget
from seismic_server.observe.exposition import Totals, exposition
from seismic_server.peers.channel import Channel, ChannelClosedError
from seismic_server.process import child, supervisor
from seismic_server.process.server import listen
from seismic_server.shared import Shared, create

from .conftest import PATIENCE, Server, build_tiny, start, wait_for
from .test_command import refusal, run
from .test_jobs import is_running
from .test_process import BODY, HEAD

URL = "/v1/collections/tiny"
JSON = {"Content-Type": "application/json"}
QUERY = {"indices": [3], "values": [1.0]}


class Service:
    """A service of two processes, and a connection to each."""

    def __init__(self, server: Server) -> None:
        self.server, self.url = server, server.url
        self.clients: dict[int, httpx2.Client] = {}

    def connect(self) -> None:
        """Open connections until there is one to each process."""
        self.close()
        every = []
        while len(self.clients) < 2:
            client = httpx2.Client(base_url=self.url, timeout=PATIENCE)
            every.append(client)
            self.clients.setdefault(self.process_of(client), client)
        for client in every:
            if client not in self.clients.values():
                client.close()

    def close(self) -> None:
        for client in self.clients.values():
            client.close()
        self.clients.clear()

    def process_of(self, client: httpx2.Client) -> int:
        request = uuid.uuid4().hex
        client.get("/healthz", headers={"X-Request-ID": request})
        return wait_for(lambda: self.processes().get(request, -1) + 1) - 1

    def processes(self) -> dict[str, int]:
        """Return the process that answered each request."""
        return {line["request_id"]: line["process"] for line in self.server.log() if line["event"] == "request"}

    def pids(self) -> dict[int, int]:
        """Return the newest process of each number."""
        pattern = re.compile(r"Started server process \[(\d+)\]")
        found = [(line["process"], pattern.match(line["event"])) for line in self.server.log()]
        return {number: int(match[1]) for number, match in found if match}

    def leaders(self) -> list[int]:
        return [line["process"] for line in self.server.log() if line["event"].startswith("process leads")]

    def metrics(self) -> dict[str, float]:
        text = httpx2.get(f"{self.url}/metrics", timeout=PATIENCE).text
        lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}


def ready(url: str) -> bool:
    answer = httpx2.get(f"{url}/readyz", timeout=PATIENCE)
    return answer.is_success and answer.json()["processes"] == {"ready": 2, "expected": 2}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("together")
    server = start(
        folder, tmp_path_factory.mktemp("log") / "log.jsonl", "--processes", "2", "--shutdown-seconds", "600"
    )
    try:
        wait_for(lambda: ready(server.url))
        service = Service(server)
        service.connect()
        build_tiny(folder)
        wait_for(lambda: all(client.get(URL).is_success for client in service.clients.values()))
        yield service
        service.close()
    finally:
        server.process.kill()
        server.process.wait(PATIENCE)


def put(client: httpx2.Client, id: str, **more: Any) -> httpx2.Response:
    document = {"id": id, "indices": [3], "values": [9.0], **more}
    return client.put(f"{URL}/documents", json={"documents": [document]})


def test_changes_of_one_process_are_searched_in_the_other_once_they_are_answered(service):
    one, other = service.clients.values()
    for number, (writer, reader) in enumerate([(one, other), (other, one)] * 5):
        sequence = put(writer, f"n{number}").json()["sequence"]
        search = {"query": QUERY, "limit": 20, "min_sequence": sequence}
        found = reader.post(f"{URL}/search", json=search).json()
        assert f"n{number}" in [hit["id"] for hit in found["hits"]]
        assert reader.get(f"{URL}/documents/n{number}").status_code == 200
        assert reader.get(URL).json()["sequence"] == sequence


def test_conditions_hold_across_processes(service):
    one, other = service.clients.values()
    with ThreadPoolExecutor(8) as threads:
        racing = [threads.submit(put, client, "once", if_absent=True) for client in [one, other] * 8]
        assert sorted(answer.result().status_code for answer in racing) == [200] + [409] * 15
        sequence = one.get(f"{URL}/documents/once").json()["sequence"]
        racing = [threads.submit(put, client, "once", if_sequence=sequence) for client in [one, other] * 8]
        assert sorted(answer.result().status_code for answer in racing) == [200] + [409] * 15
    service.connect()  # each client had several connections


def test_collections_and_aliases_are_the_same_in_all_processes(service):
    one, other = service.clients.values()
    for client, reader in ((one, other), (other, one)):
        assert client.put("/v1/collections/new", json={"dimension": 4}).status_code == 201
        assert reader.put("/v1/collections/new", json={}).status_code == 409
        assert client.put("/v1/aliases/live", json={"collection": "new"}).status_code == 200
        assert reader.get("/v1/collections/live").json()["alias_of"] == "new"
        change = {"documents": [{"id": "x", "indices": [1], "values": [1.0]}]}
        assert reader.put("/v1/collections/live/documents", json=change).status_code == 200
        assert client.post("/v1/collections/new:rename", json={"to": "newer"}).status_code == 200
        assert reader.get("/v1/collections/new").status_code == 404
        assert reader.get("/v1/collections/live").json()["alias_of"] == "newer"
        assert reader.put("/v1/collections/live/documents", json=change).json()["updated"] == 1
        assert client.delete("/v1/collections/newer").json()["aliases"] == ["live"]
        assert [reader.get(f"/v1/collections/{name}").status_code for name in ("newer", "live")] == [404, 404]


def test_jobs_are_those_of_the_service(service):
    one, other = service.clients.values()
    jobs = [client.post(f"{URL}:compact").json() for client in (one, other)]
    again = wait_for(lambda: (found := other.get(f"/v1/jobs/{jobs[0]['id']}").json())["state"] == "done" and found)
    generation = again["result"]["generation"]
    wait_for(lambda: one.get(f"/v1/jobs/{jobs[1]['id']}").json()["state"] == "done")
    assert [client.get(URL).json()["generation"] for client in (one, other)] == [generation] * 2
    assert one.get("/v1/jobs").json() == other.get("/v1/jobs").json()
    saved = one.post(f"{URL}:snapshot").json()["id"]
    assert other.post(f"/v1/jobs/{saved}:cancel").json()["state"] in ("cancelled", "done")
    assert one.get("/v1/jobs/none").status_code == 404
    assert any(name.startswith("seismic_jobs{") and 'state="done"' in name for name in service.metrics())
    assert one.post(f"{URL}:rollback", json={"generation": "7"}).status_code == 404


def counted(metrics: dict[str, float], route: str) -> list[float]:
    pattern = re.compile(rf'seismic_request_seconds_count{{process="\d",route="{re.escape(route)}",status="404"}}')
    return [value for name, value in metrics.items() if pattern.fullmatch(name)]


def test_metrics_are_those_of_all_processes(service):
    for client in list(service.clients.values()) * 3:
        assert client.get("/v1/aliases/none").status_code == 404
    found = service.metrics()
    assert sum(counted(found, "/v1/aliases/{alias}")) == 6  # of either: a connection may have been renewed meanwhile
    assert found['seismic_processes{process="supervisor"}'] == 2
    assert sum("process_resident_memory_bytes" in name for name in found) == 3
    assert all('process="' in name for name in found)


class Load:
    """Searches over several connections, each with requests in a row, which connect again after a failure."""

    def __init__(self, url: str, connections: int) -> None:
        self._url, self._stop = httpx2.URL(url), threading.Event()
        self.failed: list[str] = []  # the first request that was answered over the connection
        self.first = [""] * connections  # of the present connections; later log lines may die with their process
        self.answered = [0] * connections
        self.wrong: list[object] = []
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(connections)]
        for thread in self._threads:
            thread.start()

    def _ask(self, number: int) -> None:
        while not self._stop.is_set():
            connection = http.client.HTTPConnection(self._url.host, self._url.port, timeout=PATIENCE)
            self.first[number] = ""
            try:
                while not self._stop.is_set():
                    request = uuid.uuid4().hex
                    connection.request("POST", f"{URL}/search", BODY, JSON | {"X-Request-ID": request})
                    response = connection.getresponse()
                    content = response.read()
                    if response.status != 200:
                        self.wrong.append(content)
                    self.first[number] = self.first[number] or request
                    self.answered[number] += 1
            except (OSError, http.client.HTTPException):
                self.failed.append(self.first[number])
            finally:
                connection.close()

    def more(self) -> None:
        """Wait until each connection has got some more answers."""
        before = list(self.answered)
        wait_for(lambda: all(now > then + 5 for now, then in zip(self.answered, before, strict=True)))

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)


def test_a_killed_process_costs_only_its_connections_and_another_leads(service):
    before, leader = service.metrics(), service.leaders()[-1]
    load = Load(service.url, 8)
    load.more()
    wait_for(lambda: service.processes().keys() >= set(load.first))
    os.kill(service.pids()[leader], signal.SIGKILL)
    wait_for(lambda: len(service.leaders()) > 1 and ready(service.url))
    load.more()
    load.end()
    assert not load.wrong
    answered_by = service.processes()
    assert {answered_by[request] for request in load.failed} == {leader}
    assert len(load.failed) <= 8
    assert service.leaders()[-1] != leader
    after = service.metrics()
    kept = [
        name for name in before if name.startswith("seismic_") and name.partition("{")[0].endswith(("_count", "_total"))
    ]
    assert len(kept) > 10
    assert all(after[name] >= before[name] for name in kept)
    assert after['seismic_process_restarts_total{process="supervisor"}'] == 1


def test_one_process_compacts_by_itself(service):
    service.connect()
    one, other = service.clients.values()
    documents = [{"id": f"m{number}", "indices": [2], "values": [1.0]} for number in range(1100)]
    assert one.put(f"{URL}/documents", json={"documents": documents}).status_code == 200

    def automatic() -> list[Any]:
        return [job for job in other.get("/v1/jobs").json()["jobs"] if job["automatic"]]

    wait_for(lambda: automatic() and automatic()[0]["state"] == "done")
    assert [client.get(URL).json()["changed"] for client in (one, other)] == [0, 0]
    assert len(automatic()) == 1


def test_busy_connections_are_all_answered_during_a_shutdown(service):
    cut, begun, url = [], threading.Barrier(17), httpx2.URL(service.url)

    def ask() -> None:
        connection = http.client.HTTPConnection(url.host, url.port, timeout=PATIENCE)
        try:
            for number in itertools.count():
                if number == 5:
                    begun.wait(PATIENCE)
                connection.request("POST", f"{URL}/search", BODY, JSON)
                response = connection.getresponse()
                content = response.read()
                assert response.status in (200, 503), content
                if response.getheader("connection") == "close":
                    return
        except Exception as error:
            cut.append(error)
        finally:
            connection.close()

    clients = [threading.Thread(target=ask) for _ in range(16)]
    for client in clients:
        client.start()
    begun.wait(PATIENCE)
    service.server.process.send_signal(signal.SIGTERM)
    for client in clients:
        client.join(PATIENCE)
    assert not cut
    assert service.server.process.wait(PATIENCE) == 0
    log = service.server.log()
    assert [line["process"] for line in log if line["event"] == "listening"] == ["supervisor"]
    assert {line.get("process") for line in log} == {0, 1, "supervisor"}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_processes_end_with_a_killed_supervisor_and_at_once_on_a_second_signal(tiny, tmp_path, number):
    service = Service(start(tiny, tmp_path / "log.jsonl", "--processes", "2", "--shutdown-seconds", "600"))
    url, supervisor = httpx2.URL(service.url), service.server.process
    with socket.create_connection((url.host, url.port), PATIENCE) as slow:
        slow.sendall(HEAD + b"Content-Length: 9\r\n\r\n")
        wait_for(lambda: httpx2.get(f"{service.url}/healthz", timeout=PATIENCE).is_success)
        pids = service.pids()
        supervisor.send_signal(number)
        if number == signal.SIGTERM:
            wait_for(lambda: any(line["event"].startswith("processes are shut") for line in service.server.log()))
            supervisor.send_signal(number)
        assert supervisor.wait(PATIENCE) == (-number if number == signal.SIGKILL else 128 + number)
    assert pids
    wait_for(lambda: not any(map(is_running, pids.values())))


def test_processes_that_die_at_start_end_the_service(tiny, monkeypatch):
    monkeypatch.setattr(child, "MODULE", ("-c", "import os; os._exit(3)"))
    monkeypatch.setattr(supervisor, "LEAST_PAUSE", 0.001)
    settings = Settings(directory=tiny, port=0, processes=2)
    with listen(settings, 5) as listener, pytest.raises(supervisor.StartError) as ended:
        supervisor.supervise(settings, listener)
    assert str(ended.value) == "5 server processes in a row did not start; the last one ended with status 3"


def test_settings_that_no_process_accepts_are_refused_once(tiny, tmp_path, clean_environment, monkeypatch):
    together = ("--processes", 2, "--port", 0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port}: Address already in use" in refusal(tiny, "--processes", 2, "--port", port)
    assert "no such folder" in refusal(tmp_path / "none", *together)
    assert f"keys file {tmp_path / 'none'}" in refusal(tiny, *together, "--keys-file", tmp_path / "none")
    assert "setting 'processes'" in refusal(tiny, "--processes", 0)
    words = (
        "import socket, sys; from seismic_server.peers.channel import receive, send;"
        "end = socket.socket(fileno=int(sys.argv[1])); receive(end);"
        "send(end, [1, 'refused', {'problem': 'no luck'}])"
    )
    monkeypatch.setattr(child, "MODULE", ("-c", words))
    assert "error: no luck" in refusal_after_log(tiny, *together)


def refusal_after_log(*arguments: object) -> str:
    """Return the error of a service that had begun to listen, which is its last line and the only error."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.count("error: ") == 1
    return result.stderr.splitlines()[-1]


async def lease_from_both(first: MemoryBudget, second: MemoryBudget) -> None:
    with first.lease() as lease, second.lease() as other:
        lease.grow(60)
        with pytest.raises(OverloadedError, match="use 60 bytes of memory, expected at most 100"):
            other.grow(41)
    with second.lease() as lease:
        lease.grow(100)


async def talk(ends: Sequence[socket.socket]) -> None:
    async def double(value: int) -> int:
        return 2 * value

    async def fail() -> None:
        raise OverloadedError("too much")

    async def tell() -> object:
        return object()  # JSON cannot express it

    async def wait() -> None:
        await asyncio.Event().wait()

    answering = Channel(ends[0], {"double": double, "fail": fail, "tell": tell, "wait": wait})
    asking = Channel(ends[1], {})
    early = asyncio.create_task(asking.call("double", value=4))  # before either end runs
    await asyncio.sleep(0)
    running = [asyncio.create_task(channel.run()) for channel in (answering, asking)]
    assert await early == 8
    assert await asking.call("double", value=2**40) == 2**41
    with pytest.raises(OverloadedError, match="too much"):
        await asking.call("fail")
    for name, arguments in (("tell", {}), ("none", {}), ("double", {"other": 1})):
        with pytest.raises(StorageError, match=f"the call '{name}' failed; the server's log has the cause"):
            await asking.call(name, **arguments)
    waiting = asyncio.create_task(asking.call("wait"))
    await asking.call("double", value=1)
    answering.close()
    with pytest.raises(ChannelClosedError):
        await waiting
    await asyncio.gather(*running)
    with pytest.raises(ChannelClosedError):
        await asking.call("double", value=1)


def test_calls_between_processes():
    asyncio.run(talk(socket.socketpair()))


@pytest.fixture
def pair() -> tuple[Shared, Shared]:
    """The memory that two processes share, as each of them sees it."""
    memory = create(2)
    return Shared(memory.descriptor, 2, 0), Shared(memory.descriptor, 2, 1)


def test_memory_and_rates_are_counted_together(pair):
    asyncio.run(lease_from_both(*(MemoryBudget(100, shared) for shared in pair)))
    first, second = (Rates(0.001, 3, shared) for shared in pair)
    taken = [rates.take("caller") for rates in (first, second, first, second)]
    assert taken[:3] == [0, 0, 0]
    assert 900 < taken[3] <= 1000
    assert second.take("another") == 0
    assert all(first.take(f"caller {number}") == 0 for number in range(20_000))  # drops the oldest of full sets


def test_connections_of_others_are_known(pair):
    first, second = pair
    assert (first.others("connections"), second.of_others("private")) == ([-1], 0)
    second.publish("connections", 7)
    assert first.others("connections") == [7]
    first.clear(1)
    assert first.others("connections") == [-1]


def test_limits_are_divided(tiny):
    settings = Settings(directory=tiny, processes=4, threads=2, queue=9, max_connections=10)
    own = settings.of_one_process()
    assert (own.threads, own.queue, own.max_connections) == (1, 3, 3)


def test_counters_go_on_after_a_restart():
    totals = Totals()
    totals.add("0", [["a", "A", "counter", [["a_total", {"k": "x"}, 5], ["a_created", {"k": "x"}, 1.0]]]])
    totals.add("1", [["a", "A", "counter", [["a_total", {"k": "x"}, 1]]], ["g", "G", "gauge", [["g", {}, 7]]]])
    totals.end("0")
    totals.end("1")
    assert 'a_total{k="x",process="0"} 5.0' in exposition(totals.all()).decode()
    totals.add("0", [["a", "A", "counter", [["a_total", {"k": "x"}, 2], ["a_created", {"k": "x"}, 9.0]]]])
    totals.add("1", [["a", "A", "counter", []]])
    text = exposition(totals.all()).decode()
    for line in (
        'a_total{k="x",process="0"} 7.0',
        'a_created{k="x",process="0"} 1.0',
        'a_total{k="x",process="1"} 1.0',
    ):
        assert line in text
    assert "\ng{" not in text


def test_a_change_of_another_process_is_read_for_a_search_that_needs_it(running, tiny):
    async def check() -> None:
        async with running(tiny, reload_ms=3_600_000) as client:
            sequence = seismic.upsert(tiny / "tiny", [{3: 9.0}], [{"id": "late"}])
            search = {"query": QUERY, "min_sequence": sequence}
            found = (await client.post(f"{URL}/search", json=search)).json()
            assert [hit["id"] for hit in found["hits"]] == ["late"]

    asyncio.run(check())


def test_a_process_that_still_opens_collections_is_not_waited_for() -> None:
    """It answers no calls, so it gets a signal."""
    sent = list[int]()
    opening = SimpleNamespace(warm=False, eager=True, kill=sent.append)
    supervisor.Supervisor._shut_down(cast(Any, None), cast(Any, opening), at_once=False)
    assert sent == [signal.SIGTERM]
