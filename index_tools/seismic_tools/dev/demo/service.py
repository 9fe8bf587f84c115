"""The service of the demo, and how the demo runs commands."""

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

ROOT = Path(__file__).resolve().parents[4]
START_SECONDS = 900

_http = build_opener(ProxyHandler({}))  # proxies cannot reach a service on this machine


def seismic(verb: str, *arguments: str | Path) -> None:
    """Show and run a command in the repository; exit with its code if it fails."""
    code = subprocess.run(command(verb, *arguments), cwd=ROOT).returncode
    if code:
        sys.exit(code)


def command(verb: str, *arguments: str | Path) -> list[str]:
    """Print a command line and return it."""
    words = [verb, *map(str, arguments)]
    print(f"$ seismic {' '.join(words)}", flush=True)
    return [sys.executable, "-m", "seismic_tools.cli", *words]


@contextlib.contextmanager
def service(folder: Path) -> Iterator[str]:
    """Start a service and yield its URL once it is ready; it stops with the context."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = command("serve", folder, "--port", str(port), "--log-level", "warning")
    with subprocess.Popen(words, cwd=ROOT) as process:
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


def post(url: str, body: dict[str, Any]) -> Any:
    """Return the answer to a request."""
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with _http.open(request) as response:
        return json.load(response)
