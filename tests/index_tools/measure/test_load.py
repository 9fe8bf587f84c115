"""The load test, against servers that answer in a known way."""

import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from seismic_tools.measure.load.command import main
from tests.index_tools.conftest import write_lines

METRICS = b"# HELP x\nprocess_resident_memory_bytes 2e+06\nprocess_cpu_seconds_total 1.5\n"


class Service(socketserver.ThreadingTCPServer):
    """Answers every third search with 503, every fifth by closing the connection."""

    allow_reuse_address, daemon_threads = True, True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock, self.searches, self.bodies = threading.Lock(), 0, set[bytes]()


class Handler(socketserver.StreamRequestHandler):
    server: Service

    def handle(self) -> None:
        while line := self.rfile.readline():
            length = 0
            while (header := self.rfile.readline()) not in (b"\r\n", b""):
                if header.lower().startswith(b"content-length:"):
                    length = int(header.partition(b":")[2])
            body = self.rfile.read(length)
            if line.startswith(b"GET /metrics"):
                self.answer(200, METRICS)
                continue
            with self.server.lock:
                self.server.searches += 1
                number = self.server.searches
                self.server.bodies.add(body)
            if number % 5 == 0:
                return
            self.answer(503 if number % 3 == 0 else 200, b"{}")

    def answer(self, status: int, body: bytes) -> None:
        self.wfile.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (status, len(body)))
        self.wfile.write(body)


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        yield service
        service.shutdown()


@pytest.mark.parametrize(("options", "searches"), [([], 1), (["--rate", "200"], 1), (["--batch", "3"], 3)])
def test_what_comes_back_is_counted(service: Service, tmp_path: Path, options: list[str], searches: int) -> None:
    lines = [{"id": "a", "indices": [1, 2], "values": [1.0, 2.0]}, {"id": "b", "indices": [3], "values": [1.5]}]
    queries, output = write_lines(tmp_path / "queries.jsonl", *lines), tmp_path / "load.json"
    app = Typer()
    app.command()(main)
    url = f"http://127.0.0.1:{service.server_address[1]}"
    numbers = ["--connections", "1", "--connections", "4", "--seconds", "0.5", "--every", "0.1"]
    result = CliRunner().invoke(app, [url, "c", str(queries), *numbers, *options, "--output", str(output)])
    assert result.exit_code == 0, result.output
    found = json.loads(output.read_text())["results"]
    assert [one["connections"] for one in found] == [1, 4]
    counted = sum(count for one in found for count in one["statuses"].values())
    assert service.searches - 5 <= counted <= service.searches  # those on the way at the end are not counted
    for one in found:
        assert set(one["statuses"]) == {"0", "200", "503"}
        assert one["per_second"] * 0.5 == pytest.approx(one["statuses"]["200"])
        assert 0 < one["p50_ms"] <= one["p99_ms"] <= one["max_ms"]
        assert one["rss_mb"] == 2
        assert one["memory"][0]["seconds"] < one["memory"][-1]["seconds"]
        assert {look["rss_mb"] for look in one["memory"]} == {2}
    assert result.stdout.startswith("| connections | ")
    assert "| seconds at 4 connections | RSS MB |" in result.stdout
    sent = [json.loads(body) for body in service.bodies]
    if searches == 1:
        assert {len(body["query"]["indices"]) for body in sent} == {1, 2}
    else:
        assert {len(body["searches"]) for body in sent} == {3}
