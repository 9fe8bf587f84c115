"""Services that answer what was recorded, or what a test says, on a port of loopback."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

RECORDED = Path(__file__).parents[1] / "data" / "services"


class Asked(NamedTuple):
    """A request that a service got."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


Answer = tuple[int, Any]
Respond = Callable[[Asked], Answer]


class Service(NamedTuple):
    """A running service, and all that it was asked."""

    url: str
    asked: list[Asked]


@contextmanager
def serving(respond: Respond) -> Iterator[Service]:
    """Serve with a function from a request to status and JSON."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            size, url = int(self.headers.get("Content-Length") or 0), urlsplit(self.path)
            data = self.rfile.read(size)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(data) if data else None
            asked.append(Asked(self.command, unquote(url.path), dict(parse_qsl(url.query)), headers, body))
            status, answer = respond(asked[-1])
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Service(f"http://127.0.0.1:{server.server_port}", asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def recorded(name: str, prefix: str = "") -> Respond:
    """Return what answers as recorded: answers to the same method and path come in their order."""
    waiting: dict[tuple[str, str], list[Answer]] = {}
    for line in (RECORDED / f"{name}.jsonl").read_text().splitlines():
        call = json.loads(line)
        waiting.setdefault((call["method"], call["path"]), []).append((call["status"], call["answer"]))

    def respond(asked: Asked) -> Answer:
        answers = waiting.get((asked.method, asked.path))
        if not answers:
            return 404, {"error": f"nothing recorded for {asked.method} {asked.path}"}
        return answers.pop(0)

    return respond


def qdrant(
    points: list[dict[str, Any]], sparse: dict[str, Any] | None = None, dense: Any = None, count: int | None = None
) -> Respond:
    """Return a Qdrant with one collection `c`."""
    params = {"vectors": {} if dense is None else dense, "sparse_vectors": {"text": {}} if sparse is None else sparse}

    def respond(asked: Asked) -> Answer:
        result: Any
        if asked.path == "/collections":
            result = {"collections": [{"name": "c"}]}
        elif asked.path == "/collections/c":
            result = {"config": {"params": params}}
        elif asked.path == "/collections/c/points/count":
            result = {"count": len(points) if count is None else count}
        elif asked.path == "/collections/c/points/scroll":
            first = next((at for at, each in enumerate(points) if each["id"] == asked.body.get("offset")), 0)
            end = first + asked.body["limit"]
            following = points[end]["id"] if end < len(points) else None
            result = {"points": points[first:end], "next_page_offset": following}
        else:
            return 404, {"status": {"error": "Not found: Collection doesn't exist!"}, "time": 0.0}
        return 200, {"result": result, "status": "ok", "time": 0.0}

    return respond


def point(identity: Any, vector: Any, payload: Any = None, name: str = "text") -> dict[str, Any]:
    """Return a point whose sparse vector has these components."""
    sparse = {"indices": list(vector), "values": list(vector.values())} if isinstance(vector, dict) else vector
    return {"id": identity, "payload": payload, "vector": {} if vector is None else {name: sparse}}
