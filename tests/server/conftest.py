"""Fixtures: a server process over SciFact, and applications inside the test."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pyarrow as pa
import pytest

import seismic
from seismic import BuildParams, Index, SparseVectors
from seismic_server import Settings, create_app
from tests.conftest import Scifact

ROOT = Path(__file__).parents[2]
PATIENCE = 600  # seconds; includes compiling kernels on a busy machine
PATIENT = ("--timeout-ms", str(1000 * PATIENCE))

Running = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


@dataclass(frozen=True)
class Server:
    """A server process."""

    process: subprocess.Popen[bytes]
    log_file: Path

    def log(self) -> list[dict[str, Any]]:
        """Return all complete lines; the last one may still be written."""
        whole = self.log_file.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    @property
    def url(self) -> str:
        return wait_for(lambda: next((line["url"] for line in self.log() if line["event"] == "listening"), None))


def wait_for(look: Callable[[], Any]) -> Any:
    """Return the result of `look` once it is true."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, f"still not so after {PATIENCE} seconds"
        time.sleep(0.05)
    return found


async def until_status(status: int, ask: Callable[[], Awaitable[httpx2.Response]]) -> httpx2.Response:
    """Return the first answer with this status."""
    deadline = time.monotonic() + PATIENCE
    while (response := await ask()).status_code != status:
        assert time.monotonic() < deadline, f"the last of many answers was {response.status_code}"
        await asyncio.sleep(0.01)
    return response


def start(directory: Path, log_file: Path, *options: str, limits: Mapping[int, int] | None = None) -> Server:
    """Start a server process. `limits`: soft and hard limit by resource, such as RLIMIT_NOFILE."""
    command = [
        sys.executable,
        "-m",
        "seismic_server",
        str(directory),
        "--port",
        "0",
        "--processes",
        "1",
        *PATIENT,
        *options,
    ]

    def set_limits() -> None:
        for kind, most in (limits or {}).items():
            resource.setrlimit(kind, (most, most))

    with log_file.open("wb") as log:
        return Server(subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, preexec_fn=set_limits), log_file)


@pytest.fixture(scope="session")
def lists_index(scifact: Scifact, scifact_index: Path) -> Path:
    """A collection beside `scifact`, of its first documents, with every plan."""
    folder, documents = scifact_index.parent / "lists", scifact.documents.slice(0, 1000)
    params = BuildParams(layout="lists")
    vectors = scifact.vectors.slice(0, 1000)
    seismic.build(vectors, folder, documents=documents, vocabulary=scifact.vocabulary, params=params)
    return folder


@pytest.fixture(scope="session")
def scratch_index(scifact: Scifact, scifact_index: Path) -> Path:
    """A collection beside `scifact`, for tests that change documents and tolerate other changes."""
    folder, documents = scifact_index.parent / "scratch", scifact.documents.slice(0, 100)
    seismic.build(scifact.vectors.slice(0, 100), folder, documents=documents, vocabulary=scifact.vocabulary)
    return folder


@pytest.fixture(scope="session")
def server(
    scifact_index: Path, lists_index: Path, scratch_index: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A ready server of the collections `scifact`, `lists` and `scratch`."""
    server = start(scifact_index.parent, tmp_path_factory.mktemp("log") / "server.jsonl")
    try:
        wait_for(lambda: httpx2.get(f"{server.url}/readyz", timeout=PATIENCE).is_success)
        yield server
    finally:
        server.process.terminate()
        server.process.wait(PATIENCE)


@pytest.fixture
def client(server: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, timeout=PATIENCE) as client:
        yield client


@pytest.fixture(scope="session")
def index(scifact_index: Path) -> Iterator[Index]:
    """The index `scifact`, opened by the test."""
    with seismic.open(scifact_index) as index:
        yield index


@pytest.fixture(scope="session")
def with_lists(lists_index: Path) -> Iterator[Index]:
    """The index `lists`, opened by the test."""
    with seismic.open(lists_index) as index:
        yield index


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A folder with one collection, `tiny`, of three documents without a vocabulary."""
    return build_tiny(tmp_path)


@pytest.fixture
def strict_tiny(tmp_path: Path) -> Path:
    """The same with a strict collection."""
    return build_tiny(tmp_path, strict=True)


def build_tiny(folder: Path, *, strict: bool = False) -> Path:
    vectors = SparseVectors.from_dicts([{0: 1.0, 1: 2.0}, {1: 1.0}, {2: 1.0}], dimension=4)
    documents = pa.table({"id": ["a", "b", "c"], "title": ["A", "B", "C"], "year": [2001, 2002, 2003]})
    seismic.build(vectors, folder / "tiny", documents=documents, strict=strict)
    return folder


@pytest.fixture
def running() -> Running:
    """`async with running(directory, **settings) as client`: an application inside this process."""

    @asynccontextmanager
    async def run(directory: Path, *, wait: bool = True, **settings: Any) -> AsyncIterator[httpx2.AsyncClient]:
        app = create_app(Settings(directory=directory, **{"timeout_ms": 1000 * PATIENCE, **settings}))
        transport = httpx2.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            if wait:
                await until_status(200, lambda: client.get("/readyz"))
            yield client

    return run


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No settings in the environment."""
    for name in os.environ:
        if name.startswith("SEISMIC_"):
            monkeypatch.delenv(name)
    return monkeypatch
