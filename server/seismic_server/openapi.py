"""The OpenAPI description: what FastAPI cannot see from the routes is added here."""

from typing import Any

from fastapi import FastAPI

from seismic_server.access.auth import is_open
from seismic_server.http.errors import MEDIA_TYPE, Problem
from seismic_server.settings import Settings

_MEANINGS = {
    400: "The body is not JSON",
    401: "A key is needed",
    403: "The key is not for that",
    404: "There is no such collection, or no such document",
    408: "The body did not arrive in time",
    413: "The body is too large",
    415: "The body is not declared as JSON",
    422: "The request is not valid",
    429: "Too many requests; try again after Retry-After seconds",
    500: "The server failed; its log has the cause",
    503: "Not ready yet, overloaded, or about to end; try again after Retry-After seconds",
    504: "The deadline has passed",
}
_REF = "#/components/schemas/{model}"


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that may answer with these problems; any may fail with 500."""
    content = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model=Problem.__name__)}}}
    return {status: {"description": _MEANINGS[status], "content": content} for status in (*statuses, 500)}


def complete_openapi(app: FastAPI, settings: Settings) -> None:
    """Add the schema of problems and the limits that are settings."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schemas = generate()["components"]["schemas"]
            problem = Problem.model_json_schema(ref_template=_REF)
            schemas |= problem.pop("$defs") | {Problem.__name__: problem}
            for field in ("limit", "offset"):
                schemas["SearchRequest"]["properties"][field]["maximum"] = settings.max_limit
            schemas["BatchRequest"]["properties"]["searches"]["maxItems"] = settings.max_batch
            _add_admission(generate()["paths"], settings)
            if settings.keys_file:
                generate()["components"]["securitySchemes"] = _SCHEMES
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]


_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key that `seismic keys create` made"},
    "header": {"type": "apiKey", "in": "header", "name": "Api-Key", "description": "The same key"},
}


def _add_admission(paths: dict[str, Any], settings: Settings) -> None:
    """What any route may answer before, or instead of, being asked; bodies may be late, and searches, too."""
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
