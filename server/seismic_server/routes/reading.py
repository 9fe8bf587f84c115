"""Read documents: by id, and page by page."""

import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pyarrow as pa
from fastapi import APIRouter, Path, Query, Response
from starlette.convertors import Convertor, register_url_convertor

from seismic import Index, ParameterError
from seismic.errors import DocumentNotFoundError
from seismic_server.access.values import VALUE_BYTES
from seismic_server.conversion.answers import encode, vectors, write_documents
from seismic_server.conversion.body import Body
from seismic_server.http.json_body import JsonRoute
from seismic_server.http.parts import JsonParts
from seismic_server.http.strict_route import StrictRoute
from seismic_server.memory import budget as memory
from seismic_server.openapi import problems
from seismic_server.routes.collections import Name
from seismic_server.schemas.answers import DocumentAnswer
from seismic_server.schemas.documents import GetAnswer, GetRequest, ScrollAnswer, ScrollRequest
from seismic_server.service import Service, ServiceDep


class AnyText(Convertor[str]):
    """The rest of a path, line feeds included, which Starlette's own `path` does not match."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        """Return the text itself."""
        return value

    def to_string(self, value: str) -> str:
        """Return the text itself."""
        return value


register_url_convertor("any", AnyText())

PREFIX = "/v1/collections/{name}/documents"

router = APIRouter(prefix=PREFIX, tags=["documents"], route_class=JsonRoute)
by_id = APIRouter(prefix=PREFIX, tags=["documents"], route_class=StrictRoute)

PROBLEMS = problems(400, 404, 413, 415, 422, 503, 504)

Id = Annotated[str, Path(description="The document's id", examples=["4983"])]
AsVector = Annotated[
    Literal["false", "true", "tokens"],
    Query(description="Whether to return the stored vector: as `indices` and `values`, or as `tokens`"),
]
MinSequence = Annotated[
    int,
    Query(
        ge=0, lt=1 << 63, description="Wait until this change is included, such as the `sequence` of a change's answer"
    ),
]


@router.post("/get", response_model=GetAnswer, responses=PROBLEMS)
async def get_documents(name: Name, body: GetRequest, service: ServiceDep) -> Response:
    """Return documents by id."""
    started = time.perf_counter()
    check_limit("ids", len(body.ids), service)

    def find(index: Index) -> tuple[list[int], dict[str, Any]]:
        numbers = index.find(body.ids).tolist()
        missing = [id for id, number in zip(body.ids, numbers, strict=True) if number < 0]
        return [number for number in numbers if number >= 0], {"missing": missing}

    index = (await service.ready(name, body.min_sequence)).frozen()
    return await service.pool.run(_answer, service, index, body, find, started)


@router.post("/scroll", response_model=ScrollAnswer, responses=PROBLEMS)
async def scroll_documents(name: Name, body: ScrollRequest, service: ServiceDep) -> Response:
    """List documents, page by page, by id or by a column. Pass each answer's `cursor` back for the next page."""
    started = time.perf_counter()
    check_limit("limit", body.limit, service)

    def find(index: Index) -> tuple[list[int], dict[str, Any]]:
        numbers, cursor = index.browse(body.filter, body.limit, body.cursor, body.order_by)
        return numbers, {} if cursor is None else {"cursor": cursor}

    index = (await service.ready(name, body.min_sequence)).frozen()
    return await service.pool.run(_answer, service, index, body, find, started)


@by_id.get("/{id:any}", response_model=DocumentAnswer, responses=problems(404, 422, 503, 504))
async def get_document(
    name: Name, id: Id, service: ServiceDep, with_vector: AsVector = "false", min_sequence: MinSequence = 0
) -> Response:
    """Return a document."""
    index, body = (await service.ready(name, min_sequence)).frozen(), Body(service.settings.max_answer_bytes)
    body.add(encode(await service.pool.run(_get, index, id, with_vector)))
    return JsonParts(body.parts)


def check_limit(field: str, found: int, service: Service) -> None:
    """Raise ParameterError if a page would have too many documents, and lease the memory for those it may have."""
    most = service.settings.max_limit
    if found > most:
        raise ParameterError(f"{field}: found {found}, expected at most {most} (setting max_limit)")
    memory.current().grow(found * VALUE_BYTES)


def _answer(
    service: Service,
    index: Index,
    request: GetRequest | ScrollRequest,
    find: Callable[[Index], tuple[list[int], dict[str, Any]]],
    started: float,
) -> Response:
    """Return a `GetAnswer` or a `ScrollAnswer`. `find` returns document numbers, and fields of the answer."""
    body = Body(service.settings.max_answer_bytes)
    numbers, rest = find(index)
    body.add(b'{"documents":')
    write_documents(body, index, numbers, request.with_payload, request.with_vector)
    took = round((time.perf_counter() - started) * 1000, 3)
    rest |= {"generation": index.generation, "sequence": index.sequence, "took_ms": took}
    body.add(b"," + encode(rest)[1:])
    return JsonParts(body.parts)


def _get(index: Index, text: str, with_vector: str) -> dict[str, Any]:
    """Return a `DocumentAnswer`."""
    number = next(iter(index.view.find(ids_of(index, text)).tolist()), -1)
    if number < 0:
        raise DocumentNotFoundError(f"found no document '{text}' in collection '{index.name}'")
    document = {"id": index.document_ids([number])[0], "payload": index.payloads([number])[0]}
    if with_vector != "false":
        document["vector"] = vectors(index, [number], with_vector == "true" or "tokens")[0]
    return document | {"generation": index.generation, "sequence": index.sequence}


def ids_of(index: Index, text: str) -> pa.Array:
    """Return the id in a path with the type of the collection's ids; none if they are numbers and the text is none."""
    kind = index.view.rules.schema.field("id").type
    try:
        return pa.array([text]).cast(kind)
    except pa.ArrowException:
        return pa.array([], kind)
