"""A tour of the project on SciFact: build, serve, search, evaluate. `make demo` runs it."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[3]
DATA = Path("tests/data/scifact")
START_SECONDS = 300

_http = build_opener(ProxyHandler({}))  # proxies cannot reach a service on this machine


def main(folder: Path = Path("demo")) -> None:
    """Run the tour; the collection goes to `folder`, relative to the repository."""
    collection = folder / "scifact"
    _seismic("build", DATA / "documents.parquet", collection, "--encoder", "splade-tiny", "--replace")
    with _service(folder) as url:
        for claim in _claims(3):
            print(f"\n{claim}")
            body = {"query": {"text": claim}, "limit": 3, "with_payload": ["title"]}
            answer = _post(f"{url}/v1/collections/scifact/search", body)
            for rank, hit in enumerate(answer["hits"], 1):
                print(f"{rank:4} {hit['score']:8.4f}  {hit['payload']['title']}")
            print(f"     plan {answer['plan']}, {answer['took_ms']:.1f} ms")
    judged = "--qrels", DATA / "qrels.tsv", "--where", "split=test"
    _seismic("evaluate", collection, "--queries", DATA / "queries.parquet", *judged)


def _seismic(verb: str, *arguments: str | Path) -> None:
    code = subprocess.run(_command(verb, *arguments), cwd=ROOT).returncode
    if code:
        sys.exit(code)


def _command(verb: str, *arguments: str | Path) -> list[str]:
    """Print a command line and return it."""
    words = [verb, *map(str, arguments)]
    print(f"\n$ seismic {' '.join(words)}", flush=True)
    return [sys.executable, "-m", "seismic_tools.cli", *words]


@contextlib.contextmanager
def _service(folder: Path) -> Iterator[str]:
    """Start a service and yield its URL once it is ready; it stops with the context."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = _command("serve", folder, "--port", str(port), "--log-level", "warning")
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(process, f"{url}/readyz")
            yield url
        finally:
            process.terminate()
            process.wait()  # Popen itself waits only 0.25 s after Ctrl-C


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        if process.poll() is not None:
            sys.exit(f"error: the service ended with code {process.returncode}")
        with contextlib.suppress(URLError), _http.open(url):  # connection refused, or 503
            return
        time.sleep(0.1)
    sys.exit(f"error: the service was not ready after {START_SECONDS} s")


def _post(url: str, body: dict[str, Any]) -> Any:
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with _http.open(request) as response:
        return json.load(response)


def _claims(count: int) -> list[str]:
    """Return claims of the test split."""
    table = pq.read_table(ROOT / DATA / "queries.parquet", columns=["text"], filters=[("split", "=", "test")])
    claims: list[str] = table["text"].slice(0, count).to_pylist()
    return claims


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # unwinds, which stops the service
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
