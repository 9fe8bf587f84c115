"""Snapshots of a collection: create, list, download, delete and restore them."""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path as File
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from seismic import InputError
from seismic.errors import NotFoundError
from seismic_server import lifecycle
from seismic_server.access.auth import permit
from seismic_server.conversion.jobs import describe_job
from seismic_server.http.json_body import OptionalJsonRoute
from seismic_server.http.strict_route import StrictRoute
from seismic_server.observe.trail import record
from seismic_server.openapi import problems
from seismic_server.routes.collections import Name
from seismic_server.schemas.lifecycle import JobOut, SnapshotList, SnapshotOut, SnapshotRequest
from seismic_server.service import Service, ServiceDep

reads = APIRouter(prefix="/v1/collections", tags=["snapshots"], route_class=StrictRoute)
jobs = APIRouter(prefix="/v1/collections", tags=["snapshots"], route_class=OptionalJsonRoute)
ACCEPTED: dict[str, Any] = {"status_code": 202, "response_model_exclude_none": True}
BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
UPLOAD = {"requestBody": {"content": BYTES, "description": "The snapshot, unless `snapshot` names one"}}
WRITE_BYTES = 1 << 22

Snapshot = Annotated[str, Path(description="File of the snapshot", examples=["20261129T153000-3f2a9c.snapshot"])]


class Download(FileResponse):
    """A file, or ranges of it. Wrong ranges are answered with a problem document."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""

        async def send_checked(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                expected = f"expected ranges of bytes within {self.headers['content-length']}"
                raise HTTPException(message["status"], f"Range: found {scope_range(scope)}, {expected}")
            await send(message)

        await super().__call__(scope, receive, send_checked)


def scope_range(scope: Scope) -> str:
    """Return the header Range of a request."""
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"range"), "none")


@jobs.post("/{name}:snapshot", responses=problems(400, 404, 413, 415, 422, 503), **ACCEPTED)
async def create_snapshot(
    name: Name, request: Request, service: ServiceDep, body: SnapshotRequest | None = None
) -> JobOut:
    """Start a job that writes a snapshot: the collection with all its changes in one file, which the result names.

    If one waits already, that one is returned. Searches and changes continue meanwhile.
    """
    job = await lifecycle.snapshot(service, service.collections[name], compress=body is not None and body.compress)
    record(request, "snapshot", collection=job.collection, job=job.id)
    return describe_job(job)


@reads.get("/{name}/snapshots", responses=problems(404, 422))
async def list_snapshots(name: Name, service: ServiceDep) -> SnapshotList:
    """List the snapshots of a collection that are on the service's disk, oldest first.

    They stay when the collection is dropped.
    """
    found = await service.threads.run(service.snapshots.all, _owner(service, name))
    return SnapshotList(snapshots=[SnapshotOut(**one._asdict()) for one in found])


@reads.get(
    "/{name}/snapshots/{file}",
    responses={200: {"content": BYTES}, 206: {"content": BYTES}, **problems(400, 404, 416, 422)},
    response_class=FileResponse,
)
async def download_snapshot(name: Name, file: Snapshot, request: Request, service: ServiceDep) -> Download:
    """Return the file of a snapshot. Requests for ranges of it are answered."""
    path = await service.threads.run(service.snapshots.find, _owner(service, name), file)
    record(request, "download", collection=name, snapshot=file)
    return Download(path, media_type="application/octet-stream", filename=file, stat_result=path.stat())


@reads.delete("/{name}/snapshots/{file}", responses=problems(404, 422, 503))
async def delete_snapshot(name: Name, file: Snapshot, request: Request, service: ServiceDep) -> SnapshotOut:
    """Delete a snapshot."""
    owner = _owner(service, name)
    found = next((one for one in await service.threads.run(service.snapshots.all, owner) if one.file == file), None)
    path = await service.threads.run(service.snapshots.find, owner, file)
    if found is None:
        raise NotFoundError(f"found no snapshot '{file}' of collection '{name}'")
    await service.threads.run(path.unlink)
    record(request, "delete snapshot", collection=name, snapshot=file)
    return SnapshotOut(**found._asdict())


@reads.post(
    "/{name}:restore",
    responses=problems(400, 404, 408, 409, 413, 422, 503, 507),
    openapi_extra=UPLOAD,
    **ACCEPTED,
)
async def restore_snapshot(
    name: Name,
    request: Request,
    service: ServiceDep,
    replace: Annotated[bool, Query(description="Whether the collection may exist; its changes are void then")] = False,
    snapshot: Annotated[
        str | None, Query(description="A snapshot on the service's disk, instead of one in the body")
    ] = None,
    of: Annotated[str | None, Query(description="The collection of `snapshot`; without it, the same one")] = None,
) -> JobOut:
    """Start a job that publishes a snapshot as a new generation of a new or existing collection.

    The snapshot is the body, as `application/octet-stream`, or one that is on the service's disk. The body is stored
    first and checked for being a snapshot; the job checks every hash before it publishes anything.
    """
    await lifecycle.check_restore(service, name, replace=replace)
    if snapshot is None:
        if of is not None:
            raise InputError("?of: found no ?snapshot, expected both: `of` says whose snapshot it is")
        with service.snapshots.upload() as path:
            await _store(request, service, path)
            job = await lifecycle.restore(service, name, path, replace=replace, uploaded=True)
    else:
        permit(request.state.key, of or name)
        path = await service.threads.run(service.snapshots.find, _owner(service, of or name), snapshot)
        if [part async for part in request.stream() if part]:
            raise InputError("?snapshot: found a body as well, expected one of the two")
        job = await lifecycle.restore(service, name, path, replace=replace, uploaded=False)
    record(request, "restore", collection=name, job=job.id, replace=replace)
    return describe_job(job)


def _owner(service: Service, name: str) -> str:
    """Return the name under which a collection's snapshots are kept. Raises IndexNotFoundError if there are none."""
    owner = service.collections.aliases.get(name, name)
    if not lifecycle.is_name(owner) or not service.snapshots.folder(owner).is_dir():
        return service.collections[name].name
    return owner


async def _store(request: Request, service: Service, path: File) -> None:
    """Write the body to a file, a few megabytes at a time."""
    file = await service.threads.run(path.open, "xb", buffering=0)
    with closing(file):
        async for part in _large_parts(request):
            await service.threads.run(_write, file, part)


def _write(file: BinaryIO, part: bytes) -> None:
    view = memoryview(part)
    while view:
        view = view[file.write(view) :]


async def _large_parts(request: Request) -> AsyncIterator[bytes]:
    waiting = bytearray()
    async for part in request.stream():
        waiting += part
        if len(waiting) >= WRITE_BYTES:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)
