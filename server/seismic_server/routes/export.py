"""Export: all documents of a collection, or those that match a filter, as a stream."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response

from seismic import ParameterError
from seismic.export.formats import Format, encode
from seismic.export.tables import CHUNK_BYTES, AsVectors, Selection, read_tables
from seismic.stop import Stop, stoppable_by
from seismic_server.http.head import is_head
from seismic_server.http.parts import Streamed
from seismic_server.http.strict_route import StrictRoute
from seismic_server.memory import budget as memory
from seismic_server.openapi import problems
from seismic_server.routes.collections import Name
from seismic_server.routes.reading import AsVector
from seismic_server.service import Service, ServiceDep

router = APIRouter(tags=["documents"], route_class=StrictRoute)

MEDIA_TYPES: dict[Format, str] = {"jsonl": "application/x-ndjson", "parquet": "application/vnd.apache.parquet"}

COPIES = 4
"""Times that a part is in memory: read from the files, as Arrow's table, as Python's objects or pages, and written."""

_FORMS: dict[str, AsVectors] = {"true": True, "false": False, "tokens": "tokens"}

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The documents of one state of the collection, which the headers name",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()},
    }
}


@router.get("/v1/collections/{name}/export", response_class=Response, responses=_RESPONSES | problems(404, 422, 503))
async def export_documents(
    request: Request,
    name: Name,
    service: ServiceDep,
    format: Annotated[Literal["jsonl", "parquet"], Query(description="JSON lines, or Parquet")] = "jsonl",
    filter: Annotated[str | None, Query(description="Only documents that match this filter, as JSON")] = None,
    columns: Annotated[
        list[str] | None, Query(description="Payload columns, a parameter for each; without any, all")
    ] = None,
    with_vector: AsVector = "true",
) -> Response:
    """Return all documents with their vectors and payload, as a stream of one state of the collection.

    A collection built from it gives the same answers. There is no deadline. If reading fails after the first part, the
    connection closes before the end of the response.
    """
    index = service.collections.ready(name).frozen()
    wanted = None if filter is None else _parsed(filter)
    selection = await service.pool.run(index.select, wanted, columns=columns, with_vectors=_FORMS[with_vector])
    headers = {
        "Content-Disposition": f'attachment; filename="export.{format}"',
        "X-Seismic-Generation": index.generation,
        "X-Seismic-Sequence": str(index.sequence),
    }
    if is_head(request.scope):
        return Response(headers=headers, media_type=MEDIA_TYPES[format])
    memory.current().grow(COPIES * CHUNK_BYTES)
    return Streamed(_parts(service, selection, format), headers=headers, media_type=MEDIA_TYPES[format])


async def _parts(service: Service, selection: Selection, format: Format) -> AsyncIterator[bytes]:
    """Yield the parts, each read when the one before is sent. A shutdown stops them, and nothing else."""
    parts, stop = encode(read_tables(selection), selection.schema, format), Stop()
    service.running.add(stop)
    try:
        while (part := await service.exports.run(_next, parts, stop)) is not None:
            yield part
    finally:
        service.running.discard(stop)


def _next(parts: Iterator[bytes], stop: Stop) -> bytes | None:
    with stoppable_by(stop):
        return next(parts, None)


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ParameterError(f"filter: not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise ParameterError(f"filter: found a JSON {type(value).__name__}, expected an object")
    return value
