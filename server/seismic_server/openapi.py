"""The OpenAPI description: everything that FastAPI cannot derive from the routes."""

import json
import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from seismic_server.access.auth import is_open
from seismic_server.http.errors import MEDIA_TYPE, Problem
from seismic_server.settings import Settings

_MEANINGS = {
    400: "The body is not JSON",
    401: "A key is needed",
    403: "Insufficient permissions",
    404: "No such collection, document, alias, job, generation or snapshot",
    408: "The body did not arrive in time",
    409: "The present state forbids the change",
    413: "The body is too large",
    415: "The body is not declared as JSON",
    416: "The ranges are not within the file",
    422: "The request is not valid",
    429: "Too many requests; retry after Retry-After seconds",
    500: "The server failed; its log has the cause",
    503: "Not ready, overloaded, read-only, or shutting down; retry after Retry-After seconds",
    504: "The deadline passed",
    507: "The disk is full",
}
_REF = "#/components/schemas/{model}"


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may answer with these problems, and with 500 like every route."""
    content = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model=Problem.__name__)}}}
    return {status: {"description": _MEANINGS[status], "content": content} for status in (*statuses, 500)}


def complete_openapi(app: FastAPI, settings: Settings) -> None:
    """Add the schema of problems and the limits from the settings, and describe answers without null."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schemas = generate()["components"]["schemas"]
            problem = Problem.model_json_schema(ref_template=_REF)
            schemas |= problem.pop("$defs") | {Problem.__name__: problem}
            for field in ("limit", "offset"):
                schemas["SearchRequest"]["properties"][field]["maximum"] = settings.max_limit
            schemas["ScrollRequest"]["properties"]["limit"]["maximum"] = settings.max_limit
            schemas["BatchRequest"]["properties"]["searches"]["maxItems"] = settings.max_batch
            for name in _answered(generate()["paths"], schemas):
                _leave_out_null(schemas[name])
            _add_admission(generate()["paths"], settings)
            if settings.keys_file:
                generate()["components"]["securitySchemes"] = _SCHEMES
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]


_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key created by `seismic keys create`"},
    "header": {"type": "apiKey", "in": "header", "name": "Api-Key", "description": "The same key"},
}


def _answered(paths: dict[str, Any], schemas: dict[str, Any]) -> set[str]:
    """Return the names of the schemas that answers consist of."""
    answers = [operation["responses"] for operations in paths.values() for operation in operations.values()]
    names, new = set[str](), set(_names(answers))
    while new:
        names |= new
        new = {name for known in new for name in _names(schemas[known])} - names
    return names


def _names(part: Any) -> Iterator[str]:
    """Yield the names of the schemas that a part of the description refers to."""
    yield from re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(part))


def _leave_out_null(schema: dict[str, Any]) -> None:
    """Describe nullable fields as optional ones, because answers leave out null."""
    for name, field in schema.get("properties", {}).items():
        kinds = [kind for kind in field.get("anyOf", ()) if kind != {"type": "null"}]
        if len(kinds) == len(field.get("anyOf", ())):
            continue
        del field["anyOf"]
        field |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        field.pop("default", None)
        if name in schema.get("required", ()):
            schema["required"].remove(name)


def _add_admission(paths: dict[str, Any], settings: Settings) -> None:
    """Add the answers of admission, which precedes every route, and of late bodies and searches."""
    for path, operations in paths.items():
        for operation in operations.values() if not is_open(path) else ():
            late = (408, 504) if "requestBody" in operation else ()
            more = problems(401, 403, 429, 503, *late)
            operation["responses"] = {
                **{str(status): response for status, response in more.items()},
                **operation["responses"],
            }
            if settings.keys_file:
                operation["security"] = [{name: []} for name in _SCHEMES]
