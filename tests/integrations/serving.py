"""Build and serve collections by the project's own interpreter. Standard library only, for any environment."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

ROOT = Path(__file__).parents[2]
SCIFACT = ROOT / "tests" / "data" / "scifact"
PATIENCE = 900
"""Seconds after which something hangs; a busy machine with a cold cache of kernels needs a few hundred."""

_DIRECT = build_opener(ProxyHandler({}))  # a proxy of the environment must not see what stays on this machine
_QUERIES = """
import json, sys
import numpy as np, pyarrow.parquet as pq
folder = sys.argv[1]
vocabulary = open(folder + "/vocab.txt", encoding="utf-8").read().split("\\n")
ids = pq.read_table(folder + "/documents.parquet", columns=["id"])["id"].to_pylist()
truth = np.load(folder + "/groundtruth.npz")
for row, query in enumerate(pq.read_table(folder + "/queries.parquet").to_pylist()):
    if query.pop("split") == "test":
        hits = zip([ids[at] for at in truth["rows"][row]], truth["scores"][row].tolist())
        tokens = dict(zip([vocabulary[at] for at in query["indices"]], query["values"]))
        print(json.dumps({**query, "tokens": tokens, "top": list(hits)}))
"""
_DOCUMENTS = """
import json, sys
import pyarrow.parquet as pq
folder = sys.argv[1]
vocabulary = open(folder + "/vocab.txt", encoding="utf-8").read().split("\\n")
for document in pq.read_table(folder + "/documents.parquet").to_pylist():
    tokens = dict(zip([vocabulary[at] for at in document["indices"]], document["values"]))
    print(json.dumps({**document, "tokens": tokens}))
"""


class Query(NamedTuple):
    """A test query of SciFact, its vector by splade-tiny, and the engine's own hits."""

    id: str
    text: str
    indices: list[int]
    values: list[float]
    tokens: dict[str, float]
    top: list[tuple[str, float]]  # exact top 10: id and score, best first


class Service(NamedTuple):
    """A running service."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path


def project_python() -> str:
    """Return the interpreter that has this project and its dependencies."""
    return os.environ.get("SEISMIC_PYTHON", sys.executable)


def run_project(*arguments: str | Path) -> str:
    """Run the project's interpreter and return its standard output; RuntimeError with its errors if it fails."""
    command = [project_python(), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=project_environ(), capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with code {done.returncode}:\n{done.stderr}")
    return done.stdout


def seismic(*arguments: str | Path) -> str:
    """Run the command `seismic` and return what it prints."""
    return run_project("-m", "seismic_tools.cli", *arguments)


def build_scifact(out: Path, *options: str) -> Path:
    """Build SciFact with splade-tiny's vectors; return the folder of the collection."""
    seismic("build", SCIFACT / "documents.parquet", out, "--vocabulary", SCIFACT / "vocab.txt", *options)
    return out


def scifact_queries() -> list[Query]:
    """Return the 300 test queries with the engine's top 10."""
    rows = map(json.loads, run_project("-c", _QUERIES, SCIFACT).splitlines())
    return [Query(**{**row, "top": [(key, score) for key, score in row["top"]]}) for row in rows]


def scifact_documents() -> list[dict[str, Any]]:
    """Return the 5,183 documents: id, text, indices, values, payload columns, and tokens by weight."""
    return [json.loads(line) for line in run_project("-c", _DOCUMENTS, SCIFACT).splitlines()]


@contextmanager
def serve(directory: Path, *options: str) -> Iterator[Service]:
    """Serve a folder of collections on a free port of loopback until the block ends.

    `options` are those of `seismic serve`, such as "--compat", "qdrant".
    """
    arguments = [str(directory), "--host", "127.0.0.1", "--port", "0", "--timeout-ms", str(1000 * PATIENCE), *options]
    with tempfile.TemporaryDirectory(prefix="seismic-serving-") as scratch:
        log = Path(scratch, "log.jsonl")
        with log.open("wb") as out:
            command = [project_python(), "-m", "seismic_server", *arguments]
            process = subprocess.Popen(command, cwd=ROOT, env=project_environ(), stdout=out, stderr=out)
        try:
            url = _wait_for_url(process, log)
            _wait_until_ready(process, log, url)
            yield Service(url, process, log)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def request(url: str, body: Any = None, *, method: str | None = None, headers: dict[str, str] | None = None) -> Any:
    """Send a request, with JSON if there is a body; return the JSON of the answer. RuntimeError if it is an error."""
    data = None if body is None else json.dumps(body).encode()
    sent = Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with _DIRECT.open(sent, timeout=PATIENCE) as answer:
            return json.load(answer)
    except HTTPError as error:
        raise RuntimeError(f"{sent.get_method()} {url}: {error}: {error.read().decode()}") from error


def _wait_for_url(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while True:
        for line in log.read_text(encoding="utf-8").rpartition("\n")[0].splitlines():
            if line.startswith("{") and (entry := json.loads(line)).get("event") == "listening":
                return str(entry["url"])
        _check(process, log, deadline)


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path, url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with _DIRECT.open(f"{url}/readyz", timeout=PATIENCE):
                return
        except (URLError, ConnectionError):
            _check(process, log, deadline)


def _check(process: subprocess.Popen[bytes], log: Path, deadline: float) -> None:
    """Wait a moment; fail if the service ended or hangs."""
    if process.poll() is not None or time.monotonic() > deadline:
        state = "hangs" if process.returncode is None else f"ended with code {process.returncode}"
        raise RuntimeError(f"the service {state}:\n{log.read_text(encoding='utf-8')}")
    time.sleep(0.1)


def project_environ() -> dict[str, str]:
    """Return the variables of the project's interpreter: it imports this tree, not what a venv has."""
    path = os.pathsep.join(str(ROOT / name) for name in ("", "server", "index_tools"))
    dropped = ("PYTHONHOME", "VIRTUAL_ENV", "SEISMIC_PYTHON")  # the service refuses settings that it does not know
    return {**{name: value for name, value in os.environ.items() if name not in dropped}, "PYTHONPATH": path}
