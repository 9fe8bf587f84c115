"""Send every kind of request to a warm service, and print the kernels compiled or loaded since the warm-up.

Run `python -m tests.server.tour FOLDER`.
"""

import asyncio
import importlib
import json
import pkgutil
import sys
from pathlib import Path
from typing import Any

import httpx2
from numba.core.dispatcher import Dispatcher

import seismic.kernels
from seismic_server import Settings, create_app

QUERY = {"tokens": {"planet": 2.1, "orbit": 0.7}}
NARROW = {"must": [{"key": "n_chars", "range": {"gte": 1500}}]}
WIDE = {"must": [{"key": "n_chars", "range": {"gte": 500}}], "must_not": [{"key": "title", "match": {"value": "x"}}]}
FEW = {"must": [{"ids": ["4983", "5836"]}]}
RUNS = [{"hits": [{"id": "4983", "score": 0.8}]}]
SEARCHES: list[dict[str, Any]] = [
    {},
    {"limit": 500},
    {"offset": 5, "score_threshold": 0.5},
    {"params": {"plan": "exact"}},
    {"params": {"heap_factor": 1.1}},
    {"params": {"recall": 0.9}},
    {"query": {"indices": [2054, 7592], "values": [1.2, 0.4]}},
    {"query": {"id": "4983"}},
    {"query": {"positive": ["4983", QUERY], "negative": ["5836"]}},
    {"filter": NARROW},
    {"filter": WIDE},
    {"filter": FEW},
    {"filter": {"must": [{"is_null": {"key": "title"}}]}},
    {"facets": [{"key": "n_sentences"}, {"key": "structured"}]},
    {"facets": [{"key": "n_sentences"}], "filter": WIDE},
    {"group_by": {"key": "n_sentences", "limit": 3, "size": 2}},
    {"group_by": {"key": "n_sentences"}, "filter": WIDE},
    {"feedback": {}},
    {"fusion": {"runs": RUNS}},
    {"explain": True},
    {"explain": True, "filter": FEW},
    {"limit": 0, "facets": [{"key": "n_sentences"}]},
    {"with_vector": True},
    {"with_vector": "tokens"},
]
DOCUMENT = {"id": "new", "tokens": {"planet": 1.0, "mars": 2.0}, "payload": {"title": "Mars"}}


def signatures() -> dict[str, int]:
    """Return the number of compiled or loaded signatures of each kernel."""
    names = [module.name for module in pkgutil.iter_modules(seismic.kernels.__path__)]
    modules = [importlib.import_module(f"seismic.kernels.{name}") for name in names]
    return {
        f"{value.__module__}.{value.__name__}": len(value.signatures)
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Dispatcher)
    }


async def ask(client: httpx2.AsyncClient, method: str, path: str, body: Any = None) -> None:
    """Send a request that must succeed."""
    response = await client.request(method, path, json=body)
    assert response.is_success, (path, body, response.text)


async def tour(client: httpx2.AsyncClient, name: str, plans: list[str]) -> None:
    """Use all routes of a collection before and after changes."""
    url = f"/v1/collections/{name}"
    for changed in (False, True):
        if changed:
            await ask(client, "PUT", f"{url}/documents", {"documents": [DOCUMENT]})
            await ask(client, "POST", f"{url}/documents/delete", {"ids": ["nowhere", "7912"]})
        for search in [*SEARCHES, *({"params": {"plan": plan}} for plan in plans)]:
            await ask(client, "POST", f"{url}/search", {"query": QUERY} | search)
        await ask(client, "POST", f"{url}/search/batch", {"searches": [{"query": QUERY} | one for one in SEARCHES]})
        await ask(client, "POST", f"{url}/why", {"query": QUERY, "ids": ["4983", "nowhere"], "filter": FEW})
        for body in ({}, {"filter": WIDE}):
            await ask(client, "POST", f"{url}/count", body)
        for path in ("", "/documents/4983"):
            await ask(client, "GET", url + path)
        for action in (":reload", ":warmup", ":verify?verify=full"):
            await ask(client, "POST", url + action)


async def main(folder: Path) -> tuple[int, dict[str, int]]:
    """Return the number of warm kernels, and the signatures that the tour added by kernel."""
    app = create_app(Settings(directory=folder, timeout_ms=600_000))
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://test", timeout=600) as client,
    ):
        while (await client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.05)
        for collection in app.state.service.collections:  # as the service does in the background
            await asyncio.to_thread(collection.index.warm_up, changes=True)
        before = signatures()
        for collection in app.state.service.collections:
            lists = collection.index.manifest.layout == "lists"
            await tour(client, collection.index.name, ["lists"] if lists else [])
        for path in ("/healthz", "/metrics", "/v1/collections"):
            await ask(client, "GET", path)
    late = {kernel: count for kernel, count in signatures().items() if count > before[kernel]}
    return sum(count > 0 for count in before.values()), late


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1])))))
