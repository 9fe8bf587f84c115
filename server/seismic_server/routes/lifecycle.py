"""Create, drop and rename collections."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request

from seismic import Bm25, Chunking, EncoderError, ParameterError, load_encoder
from seismic.changes.evolution import declared, parse_columns
from seismic.edits.editor import Edit
from seismic.encoders.bm25 import NAME as BM25
from seismic_server import lifecycle
from seismic_server.access.auth import permit
from seismic_server.http.json_body import JsonRoute
from seismic_server.http.strict_route import StrictRoute
from seismic_server.observe.trail import record
from seismic_server.openapi import problems
from seismic_server.routes.collections import Name, describe
from seismic_server.schemas.bodies import CollectionInfo
from seismic_server.schemas.fields import FieldOptions
from seismic_server.schemas.lifecycle import ColumnsRequest, CreateRequest, Dropped, RenameRequest
from seismic_server.service import ServiceDep

reads = APIRouter(prefix="/v1/collections", tags=["collections"], route_class=StrictRoute)
changes = APIRouter(prefix="/v1/collections", tags=["collections"], route_class=JsonRoute)
BARE: dict[str, Any] = {"response_model_exclude_none": True}


@changes.put("/{name}", status_code=201, responses=problems(400, 409, 413, 415, 422, 503, 507), **BARE)
async def create_collection(name: Name, body: CreateRequest, request: Request, service: ServiceDep) -> CollectionInfo:
    """Create an empty collection. It can be changed and searched once this is answered.

    Its components are below `dimension`, or are the tokens of `vocabulary`, or those of `encoder`; with neither, they
    grow with the documents. With `fields`, documents have several vectors, each with a name.
    """
    options = body.model_dump(exclude_none=True, exclude={"bm25", "chunks", "fields"})
    if body.bm25 is not None and body.encoder != BM25:
        raise ParameterError(f"bm25: parameters of the encoder {BM25}, found the encoder {body.encoder or 'none'}")
    if body.encoder is not None:
        encoder = await service.threads.run(_packaged_encoder, body.encoder, body.bm25)
        chunks = None if body.chunks is None else Chunking(**body.chunks.model_dump())
        options["encoder"] = encoder if chunks is None else encoder.recorded(chunks=chunks)
    elif body.chunks is not None:
        raise ParameterError("chunks: found no encoder, expected one whose tokenizer cuts the texts")
    if body.fields is not None:
        options["fields"] = await service.threads.run(_with_encoders, body.fields)
    collection = await lifecycle.create(service, name, **options)
    record(request, "create", collection=name)
    return describe(collection, name)


@changes.patch("/{name}", responses=problems(400, 404, 413, 415, 422, 503, 507), **BARE)
async def add_columns(name: Name, body: ColumnsRequest, request: Request, service: ServiceDep) -> CollectionInfo:
    """Add payload columns, or widen their types. Nothing is rebuilt; documents have nulls in a new column.

    If one column is wrong, none is added. The answer is sent when they are durable and served.
    """
    collection, fields = service.collections[name], parse_columns(body.columns)
    await service.committers[name].commit(Edit(lambda rules, _: declared(fields, rules)))
    record(request, "add columns", collection=collection.name, columns=sorted(body.columns))
    return describe(collection, name)


@reads.delete("/{name}", responses=problems(404, 409, 422, 503))
async def drop_collection(name: Name, request: Request, service: ServiceDep) -> Dropped:
    """Remove a collection and its aliases. Running searches still answer, its jobs are cancelled, and snapshots stay.

    Other processes that serve the folder notice it within seconds.
    """
    aliases = await lifecycle.drop(service, name)
    record(request, "drop", collection=name, aliases=aliases)
    return Dropped(name=name, aliases=aliases)


@changes.post("/{name}:rename", responses=problems(400, 404, 409, 413, 415, 422, 503), **BARE)
async def rename_collection(name: Name, body: RenameRequest, request: Request, service: ServiceDep) -> CollectionInfo:
    """Rename a collection with its aliases and snapshots. Running searches still answer; running jobs are cancelled.

    The key must permit both names.
    """
    permit(request.state.key, body.to)
    collection = await lifecycle.rename(service, name, body.to)
    record(request, "rename", collection=name, to=body.to)
    return describe(collection, body.to)


def _with_encoders(fields: Mapping[str, FieldOptions]) -> dict[str, dict[str, Any]]:
    """Return the options of fields with their encoders loaded."""
    loaded = {}
    for name, given in fields.items():
        options = given.model_dump(exclude_none=True, exclude={"bm25"})
        if given.bm25 is not None and given.encoder != BM25:
            found = given.encoder or "none"
            raise ParameterError(f"fields: field '{name}': bm25: parameters of the encoder {BM25}, found {found}")
        if given.encoder is not None:
            try:
                options["encoder"] = _packaged_encoder(given.encoder, given.bm25)
            except ParameterError as error:
                raise ParameterError(f"fields: field '{name}': {error}") from None
        loaded[name] = options
    return loaded


def _packaged_encoder(name: str, bm25: Bm25 | None) -> Any:
    """Load an encoder by its name. Paths are for whoever starts the service: `encoder add`, or SEISMIC_ENCODERS."""
    expected = (
        "expected the name of a packaged encoder, or of one that `seismic encoder list` shows on the service's machine"
    )
    if "/" in name or "\\" in name or name.startswith("."):
        raise ParameterError(f"encoder: found '{name}', {expected}")
    try:
        return load_encoder(name, bm25)
    except EncoderError as error:
        if "found no encoder" not in str(error):
            raise
        raise ParameterError(f"encoder: found '{name}', {expected}") from None
