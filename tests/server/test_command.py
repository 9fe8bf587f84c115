"""`seismic serve`: start, refusals to start, shutdown, logs."""

import io
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import structlog
from typer.testing import CliRunner, Result

import seismic_server
from seismic_server import Settings
from seismic_server.observe.logs import configure_logging
from seismic_server.process.serve import cli
from seismic_server.process.server import listen

from .conftest import PATIENCE, ROOT, start, wait_for


@pytest.fixture(autouse=True)
def restored_logging(clean_environment: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    structlog.reset_defaults()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="seismic serve")


def refusal(*arguments: object) -> str:
    """Return the only line on stderr."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize(
    "arguments",
    [("seismic_server", "."), ("seismic_tools.measure.load", "--help")],
)
def test_an_invalid_simd_variable_ends_in_one_line(arguments: tuple[str, str]):
    command = [sys.executable, "-m", *arguments]
    ended = subprocess.run(command, cwd=ROOT, env={**os.environ, "SEISMIC_SIMD": "sse"}, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: SEISMIC_SIMD is 'sse', expected auto, ")
    assert ended.stderr.count("\n") == 1


def test_the_names_of_the_package():
    assert seismic_server.Settings is Settings
    with pytest.raises(AttributeError, match="no attribute 'app_factory'"):
        seismic_server.app_factory  # noqa: B018


def test_help():
    text = run("--help").stdout
    assert "Usage: seismic serve" in text
    assert "seismic serve collections/scifact --host 0.0.0.0 --port 8080" in text


def test_a_missing_folder(tmp_path):
    assert f"{tmp_path / 'nope'}: no such folder" in refusal(tmp_path / "nope")


def test_no_directory_given():
    assert "setting 'directory' is missing" in refusal()


def test_a_wrong_option(tiny: Path):
    assert "setting 'threads'" in refusal(tiny, "--threads", 0)


def test_a_port_in_use(tiny: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in refusal(tiny, "--port", port)


def test_wrong_settings_of_nodes(tiny: Path, tmp_path: Path):
    file = tmp_path / "nodes.toml"
    assert "partial is of collections that nodes search: give --nodes or --ray, too" in refusal(tiny, "--partial")
    found = refusal(tiny, "--nodes", file, "--ports", "7100-7199", "--replicas", 2, "--degraded")
    assert "replicas, degraded, ports: of nodes on Ray, but found no cluster; give --ray, too" in found
    assert f"nodes file {file}: No such file or directory" in refusal(tiny, "--nodes", file)
    file.write_text("[[collections.tiny]]")
    assert f"nodes file {file}: collections.tiny[0]: parameter 'part'" in refusal(tiny, "--nodes", file)
    part = '[[collections.tiny]]\npart = "1/1+changes"\nnodes = ["a:1"]\n'
    file.write_text(f'secret_file = "secret"\n{part}')
    for processes in (1, 2):
        refused = refusal(tiny, "--nodes", file, "--processes", processes)
        assert f"secret file {tmp_path / 'secret'}: No such file" in refused


def test_connections_do_not_wait_for_acknowledgements():
    with (
        listen(Settings(directory=Path("x"), port=0), 5) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_shuts_it_down_gracefully(tiny: Path, tmp_path: Path, number):
    server = start(tiny, tmp_path / "log.jsonl")
    assert httpx2.get(f"{server.url}/healthz", timeout=PATIENCE).status_code == 200
    server.process.send_signal(number)
    assert server.process.wait(PATIENCE) == (0 if number == signal.SIGINT else -signal.SIGTERM)
    events = [line["event"] for line in server.log()]
    assert "Application shutdown complete." in events
    assert events.count("listening") == 1


def test_one_access_line_per_request(server, client):
    request_id = uuid.uuid4().hex
    client.get("/v1/collections/a%0Ab", headers={"X-Request-ID": request_id})
    client.get("/healthz", headers={"X-Request-ID": f"{request_id}-after"})

    def logged(wanted: str) -> list[dict[str, object]]:
        return [line for line in server.log() if line.get("request_id") == wanted]

    wait_for(lambda: logged(f"{request_id}-after"))  # lines follow answers, in the order of requests
    lines = logged(request_id)
    assert len(lines) == 1
    assert lines[0] | {"duration_ms": 1, "timestamp": ""} == {
        "event": "request",
        "method": "GET",
        "path": "/v1/collections/a%0Ab",
        "status": 404,
        "duration_ms": 1,
        "client": "127.0.0.1",
        "request_id": request_id,
        "logger": "seismic_server.access",
        "level": "info",
        "timestamp": "",
    }


def lines_of(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a few events as logged on stderr."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    configure_logging(settings)
    structlog.get_logger("ours").info("hello", path=Path("x"))
    structlog.get_logger("ours").debug("hidden")
    logging.getLogger("theirs").warning("careful: %s", "hot")
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger("ours").exception("failed")
    return sys.stderr.getvalue()


@pytest.mark.parametrize("log_format", ["json", "auto"])
def test_json_lines(log_format, monkeypatch):
    text = lines_of(Settings(directory="x", log_format=log_format), monkeypatch)
    ours, theirs, failed = map(json.loads, text.splitlines())
    assert (ours["event"], ours["level"], ours["logger"]) == ("hello", "info", "ours")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("careful: hot", "warning", "theirs")
    assert "ValueError: broken" in failed["exception"]


def test_readable_lines(monkeypatch):
    text = re.sub("\x1b[^m]*m", "", lines_of(Settings(directory="x", log_format="console"), monkeypatch))
    assert re.search(r"\[info +\] hello", text)
    assert "Traceback (most recent call last)" in text
    assert "hidden" not in text


def test_ignored_variables_are_logged(tiny: Path, tmp_path: Path, clean_environment: pytest.MonkeyPatch):
    clean_environment.setenv("SEISMIC_PORT", "tcp://10.0.171.239:8000")
    server = start(tiny, tmp_path / "log.jsonl", "--log-format", "json")
    try:
        assert httpx2.get(f"{server.url}/healthz", timeout=PATIENCE).status_code == 200
        (line,) = [line for line in server.log() if "variables" in line]
        assert (line["level"], line["variables"]) == ("warning", ["SEISMIC_PORT"])
    finally:
        server.process.kill()
        server.process.wait(PATIENCE)
