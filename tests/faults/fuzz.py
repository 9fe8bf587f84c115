"""Mutate recorded valid requests, and send them to a server process.

    python -m tests.faults.fuzz --minutes 40 --seed 1

Reports as JSON: requests, answers by status, and the memory of the process over time. A case is wrong if its answer is
5xx other than 503, 504 and 507, or if the process ends. The seed decides the requests; nothing is judged by time.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import psutil
import pyarrow as pa

import seismic
from seismic import SparseVectors
from tests.server.conftest import Server, start, wait_for

NAME = "/v1/collections/fuzzed"
GOOD_FAILURES = (503, 504, 507)
WINDOW = 500
"""Requests between two looks at the memory."""

QUERY: dict[str, Any] = {"indices": [1, 2, 3], "values": [1.0, 0.5, 0.25]}
SEARCHES: list[dict[str, Any]] = [
    {"query": QUERY, "limit": 5, "offset": 1, "with_payload": ["title", "year"], "with_vector": True},
    {"query": QUERY, "filter": {"must": [{"key": "year", "range": {"gte": 3, "lt": 50}}]}, "explain": True},
    {"query": QUERY, "filter": {"should": [{"key": "title", "match": {"any": ["7", "9"]}}]}, "score_threshold": 0.1},
    {"query": QUERY, "facets": [{"key": "year", "limit": 5}, {"key": "tags"}]},
    {"query": QUERY, "group_by": {"key": "year", "limit": 4, "size": 2}},
    {"query": QUERY, "feedback": {"documents": 2, "components": 5, "weight": 0.3}},
    {"query": QUERY, "fusion": {"runs": [{"hits": [{"id": "d1", "score": 2.5}], "weight": 2.0}], "method": "weighted"}},
    {"query": {"positive": ["d1", QUERY], "negative": ["d2"]}, "params": {"timeout_ms": 1000}},
    {"query": {"id": "d3"}, "params": {"plan": "exact", "recall": 0.9}},
    {"query": {"tokens": {"a": 1.0}}},
    {"query": {"text": "some text"}},
]
UPSERT = {"documents": [{"id": "n1", "indices": [1], "values": [1.0], "payload": {"title": "x", "year": 1}}]}
JSON = {"content-type": "application/json"}

ODD: list[Any] = [
    None, True, 0, -1, 1, 2**31, 2**63, 2**64, 10**400, 1e-320, 1e308, -0.0, 0.5, "", "a", "\x00", "\u202e", "1e999",
    [], {}, [[]], {"": {}}, "x" * 5000, [1] * 5000, {"a": 1}, "exact", "tokens", "../../etc/passwd",
]  # fmt: skip
ODD_BYTES = [
    b"NaN",
    b"Infinity",
    b"\xff\xfe",
    b'"\\ud800"',
    b"[" * 2000,
    b"1" * 3000,
    b"1e-50000000",
    b"\x00",
    b"}",
    b",",
]


class Case(NamedTuple):
    """A request."""

    method: str
    path: str
    content: bytes
    headers: dict[str, str]


def recorded() -> list[Case]:
    """Return valid requests of every route that takes input."""
    bodies = [(f"{NAME}/search", one) for one in SEARCHES]
    bodies += [
        (f"{NAME}/search/batch", {"searches": SEARCHES[:4]}),
        (f"{NAME}/count", {"filter": SEARCHES[1]["filter"]}),
    ]
    bodies += [(f"{NAME}/documents/delete", {"ids": ["n1", "n2"]})]
    cases = [Case("POST", path, json.dumps(body).encode(), JSON) for path, body in bodies]
    cases += [Case("PUT", f"{NAME}/documents", json.dumps(UPSERT).encode(), JSON)]
    gets = [
        "/healthz",
        "/readyz",
        "/metrics",
        "/v1/collections",
        NAME,
        f"{NAME}/documents/d1?with_vector=true",
        "/docs",
    ]
    cases += [Case("GET", path, b"", {}) for path in gets]
    return [*cases, Case("POST", f"{NAME}:reload", b"", {}), Case("POST", f"{NAME}:verify?verify=sample", b"", {})]


def mutations(seed: int) -> Iterator[Case]:
    """Yield mutated requests forever."""
    rng, cases = random.Random(seed), recorded()
    while True:
        case = rng.choice(cases)
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
            case = rng.choices((of_value, of_bytes, of_path, of_head), (8, 3, 1, 1))[0](case, rng)
        yield case


def of_value(case: Case, rng: random.Random) -> Case:
    """Replace, remove, repeat or swap a value anywhere in the body."""
    try:
        body = json.loads(case.content)
    except (ValueError, RecursionError):
        return case
    places = [*_places(body)]
    if not places:
        return case
    parent, key = rng.choice(places)
    match rng.randrange(4):
        case 0:
            parent[key] = rng.choice(ODD)
        case 1:
            del parent[key]
        case 2 if isinstance(parent, list):
            parent[key : key + 1] = [parent[key]] * rng.choice((2, 3, 100))
        case 2:
            parent[rng.choice(("", "limit", "key", "\u202e", "x" * 3000))] = parent[key]
        case _:
            other, place = rng.choice(places)
            parent[key] = json.loads(json.dumps(other[place] if place in _keys(other) else rng.choice(ODD)))
    return case._replace(content=json.dumps(body).encode())


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in _keys(value):
        yield value, key
        yield from _places(value[key])


def _keys(value: Any) -> list[Any]:
    return [*value] if isinstance(value, dict) else [*range(len(value))] if isinstance(value, list) else []


def of_bytes(case: Case, rng: random.Random) -> Case:
    """Change, insert, cut or repeat bytes of the body."""
    content, at = bytearray(case.content), rng.randrange(len(case.content) + 1)
    match rng.randrange(4):
        case 0:
            content[at : at + 1] = bytes([rng.randrange(256)])
        case 1:
            content[at:at] = rng.choice(ODD_BYTES)
        case 2:
            del content[at:]
        case _:
            content[at:at] = content[at : at + rng.randrange(1, 50)] * rng.choice((1, 2, 500))
    return case._replace(content=bytes(content))


def of_path(case: Case, rng: random.Random) -> Case:
    """Change the path or the query string."""
    odd = rng.choice(
        ("%00", "%2e%2e%2f", "/", "//", "?", "?x=1", "&verify=full", ":reload", "%ff", "x" * 3000, "%E2%80%AE")
    )
    at = rng.randrange(1, len(case.path) + 1)
    return case._replace(path=case.path[:at] + odd + rng.choice((case.path[at:], "")))


def of_head(case: Case, rng: random.Random) -> Case:
    """Change the method or a header."""
    if rng.random() < 0.5:
        return case._replace(method=rng.choice(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")))
    name = rng.choice(
        ("content-type", "content-encoding", "x-request-id", "authorization", "expect", "origin", "accept")
    )
    return case._replace(
        headers={**case.headers, name: rng.choice(("", "gzip", "text/plain", "a" * 3000, "*", "100-continue"))}
    )


def attack(server: Server, seed: int, requests: int | None, seconds: float | None) -> dict[str, Any]:
    """Send mutated requests until their number or the time is reached, and return the report."""
    process, statuses, memory = psutil.Process(server.process.pid), Counter[int](), []
    wrong: list[dict[str, Any]] = []
    ends = None if seconds is None else time.monotonic() + seconds
    with httpx2.Client(base_url=server.url, timeout=600) as client:
        for number, case in enumerate(mutations(seed)):
            if number == requests or (ends and time.monotonic() > ends):
                break
            if number % WINDOW == 0:
                memory.append(process.memory_info().rss)
            try:
                response = client.request(case.method, case.path, content=case.content, headers=case.headers)
            except httpx2.InvalidURL:
                continue
            except httpx2.TransportError as error:  # closed after a head that cannot be read
                if server.process.poll() is not None:
                    wrong.append({"number": number, "error": str(error), "case": repr(case)[:2000]})
                    break
                statuses[0] += 1
                continue
            statuses[response.status_code] += 1
            if response.status_code >= 500 and response.status_code not in GOOD_FAILURES:
                wrong.append({"number": number, "status": response.status_code, "case": repr(case)[:2000]})
    memory.append(process.memory_info().rss)
    return {"requests": statuses.total(), "statuses": dict(sorted(statuses.items())), "wrong": wrong, "memory": memory}


def build(folder: Path) -> None:
    """Build the collection that is attacked."""
    rows = range(2000)
    vectors = SparseVectors.from_dicts([{row % 50: 1.0, 50 + row % 7: 0.5, 1: 0.1} for row in rows], dimension=64)
    columns = {"title": [str(row % 97) for row in rows], "year": [row % 60 for row in rows]}
    tags = pa.array([[str(row % 5), "all"] for row in rows])
    seismic.build(vectors, folder, documents=pa.table({"id": [f"d{row}" for row in rows], **columns, "tags": tags}))


def run(folder: Path, seed: int, requests: int | None, seconds: float | None = None) -> dict[str, Any]:
    """Build a collection in a folder, start a server and attack it."""
    build(folder / "fuzzed")
    server = start(folder, folder.parent / f"{folder.name}.jsonl", "--timeout-ms", "5000")
    try:
        wait_for(lambda: server.process.poll() is not None or ready(server))
        return attack(server, seed, requests, seconds)
    finally:
        server.process.terminate()
        server.process.wait(600)


def ready(server: Server) -> bool:
    """Return whether the server listens and is ready."""
    return httpx2.get(f"{server.url}/readyz", timeout=600).is_success


def main() -> None:
    """Run by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        report = run(Path(temporary) / "served", options.seed, None, 60 * options.minutes)
        print(json.dumps(report, indent=1))
        sys.exit(bool(report["wrong"]))


if __name__ == "__main__":
    main()
