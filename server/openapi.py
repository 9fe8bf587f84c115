"""The OpenAPI description: what FastAPI cannot see from the routes is added here."""

from typing import Any

from fastapi import FastAPI

from server.errors import MEDIA_TYPE, Problem
from server.settings import Settings

_MEANINGS = {
    400: "The body is not JSON",
    404: "There is no such collection, or no such document",
    413: "The body is too large",
    415: "The body is not declared as JSON",
    422: "The request is not valid",
    500: "The server failed; its log has the cause",
    503: "Not ready yet, or overloaded; try again after Retry-After seconds",
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
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]
