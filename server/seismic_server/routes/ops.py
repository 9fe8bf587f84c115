"""Operation: metrics, and warm-up and verification of a collection."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

import seismic
from seismic import Index
from seismic.params import Verify
from seismic.store.collection import GENERATIONS
from seismic.store.pages import load
from seismic_server.http.strict_route import StrictRoute
from seismic_server.observe.exposition import exposition
from seismic_server.openapi import problems
from seismic_server.routes.collections import Name
from seismic_server.schemas.operation import DamageFound, VerifyAnswer, WarmUpAnswer
from seismic_server.service import ServiceDep

CHUNK = 1 << 23

router = APIRouter(tags=["operation"], route_class=StrictRoute)

Hashes = Annotated[Verify, Query(description="Hashes to check: all, a new random sample, or none")]


_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


@router.get("/metrics", responses=_TEXT | problems(422))
async def metrics(service: ServiceDep) -> Response:
    """Return the metrics for Prometheus: of all server processes, with the label `process` if there are several."""
    if service.peers.member:
        text = exposition(await service.peers.ask("metrics"))
    else:
        text = generate_latest(service.metrics.registry)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


@router.post("/v1/collections/{name}:warmup", responses=problems(404, 422, 503))
async def warm_up(name: Name, service: ServiceDep) -> WarmUpAnswer:
    """Compile the kernels and read the collection's files, so that searches wait for neither."""
    started = time.perf_counter()
    index = service.collections.ready(name).frozen()
    await service.pool.run(index.warm_up)
    if index.has_shards:
        await service.maintenance.run(_read_all, index)
    return WarmUpAnswer(
        generation=index.generation,
        files=len(index.manifest.files),
        bytes=index.manifest.bytes,
        took_ms=_since(started),
    )


@router.post("/v1/collections/{name}:verify", responses=problems(404, 422, 503), response_model_exclude_none=True)
async def verify(name: Name, service: ServiceDep, verify: Hashes = "full") -> VerifyAnswer:
    """Look for damage in the files of the current generation and in the log. By default every byte is read."""
    started = time.perf_counter()
    folder = service.collections[name].index.view.collection
    found = await service.maintenance.run(seismic.verify, folder, verify=verify)
    hidden = str(folder)  # of this machine
    return VerifyAnswer(
        generation=found.generation,
        verify=found.verify,
        files=found.files,
        bytes=found.bytes,
        damages=[
            DamageFound(file=one.file, section=one.section, problem=one.problem.replace(hidden, name))
            for one in found.damages
        ],
        took_ms=_since(started),
    )


def _read_all(index: Index) -> None:
    """Read the index's files into the page cache, first through their mappings, which may have huge pages."""
    for shard in index.view.base:
        load(shard.shard.mapped())
    folder = index.view.collection / GENERATIONS / index.generation
    for name in index.manifest.files:
        with (folder / name).open("rb", buffering=0) as file:
            while file.read(CHUNK):
                pass


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)
