"""Documents by id: upsert, delete, get."""

import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import pyarrow as pa
from fastapi import APIRouter, Path, Query, Response
from starlette.convertors import Convertor, register_url_convertor

from seismic import Index
from seismic.changes.records import Change, Rules, check_delete
from seismic.errors import DocumentNotFoundError
from seismic.weight_range import range_problem
from seismic_server.conversion.answers import encode, vectors
from seismic_server.conversion.body import Body
from seismic_server.conversion.documents import to_upserts
from seismic_server.conversion.texts import encode_documents
from seismic_server.http.json_body import JsonRoute
from seismic_server.http.parts import JsonParts
from seismic_server.http.strict_route import StrictRoute
from seismic_server.openapi import problems
from seismic_server.routes.collections import Name
from seismic_server.schemas.answers import DocumentAnswer
from seismic_server.schemas.bodies import ChangeAnswer, DeleteRequest, UpsertRequest
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

router = APIRouter(prefix=PREFIX, tags=["documents"], route_class=StrictRoute)
changes = APIRouter(prefix=PREFIX, tags=["documents"], route_class=JsonRoute)

Id = Annotated[str, Path(description="The document's id", examples=["4983"])]
AsVector = Annotated[
    Literal["false", "true", "tokens"],
    Query(description="Whether to return the stored vector: as `indices` and `values`, or as `tokens`"),
]


@changes.put("", responses=problems(400, 404, 413, 415, 422, 503, 507))
async def upsert_documents(name: Name, body: UpsertRequest, service: ServiceDep) -> ChangeAnswer:
    """Insert documents, or replace those with the same ids. If one document is invalid, none is written.

    The answer is sent when the change is durable and visible to searches.
    """
    started = time.perf_counter()
    index = service.collections.ready(name).frozen()
    encoded = await service.pool.run(encode_documents, index, body.documents)
    warnings = list(encoded.warnings)

    def check(rules: Rules) -> list[Change]:
        encoded.check(rules)
        upserts, vectors = to_upserts(encoded.documents, rules)
        problem = range_problem(vectors, index.manifest.layout)
        warnings[:] = [*encoded.warnings, *([problem] if problem else [])]
        return [*upserts]

    return await _commit(service, name, check, len(body.documents), started, warnings)


@changes.post("/delete", responses=problems(400, 404, 413, 415, 422, 503, 507))
async def delete_documents(name: Name, body: DeleteRequest, service: ServiceDep) -> ChangeAnswer:
    """Delete documents. Unknown ids are ignored.

    The answer is sent when the change is durable and visible to searches.
    """
    started = time.perf_counter()
    service.collections.ready(name)
    return await _commit(service, name, lambda rules: [check_delete(body.ids, rules)], len(body.ids), started)


@router.get("/{id:any}", response_model=DocumentAnswer, responses=problems(404, 422, 503, 504))
async def get_document(name: Name, id: Id, service: ServiceDep, with_vector: AsVector = "false") -> Response:
    """Return a document."""
    index, body = service.collections.ready(name).frozen(), Body(service.settings.max_answer_bytes)
    body.add(encode(await service.pool.run(_get, index, id, with_vector)))
    return JsonParts(body.parts)


async def _commit(
    service: Service, name: str, check: Any, documents: int, started: float, warnings: Sequence[str] = ()
) -> ChangeAnswer:
    done = await service.committers[name].commit(check)
    took = round((time.perf_counter() - started) * 1000, 3)
    stale = service.collections[name].stale
    if stale:  # durable, but searches do not see it yet
        warnings = [*warnings, f"the change is durable, but not searched: {stale}"]
    return ChangeAnswer(
        sequence=done.sequence,
        generation=done.generation,
        documents=documents,
        warnings=list(warnings),
        took_ms=took,
    )


def _get(index: Index, text: str, with_vector: str) -> dict[str, Any]:
    """Return a `DocumentAnswer`."""
    try:
        ids = pa.array([text]).cast(index.view.rules.schema.field("id").type)
        number = int(index.view.find(ids)[0])
    except pa.ArrowException:  # ids are numbers, and the text is none
        number = -1
    if number < 0:
        raise DocumentNotFoundError(f"found no document '{text}' in collection '{index.name}'")
    document = {"id": index.document_ids([number])[0], "payload": index.payloads([number])[0]}
    if with_vector != "false":
        document["vector"] = vectors(index, [number], with_vector == "true" or "tokens")[0]
    return document | {"generation": index.generation, "sequence": index.sequence}
