"""JSON request bodies, read strictly."""

import json
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException

from seismic_server.http.strict_route import Handler, StrictRoute
from seismic_server.observe import tracing


class JsonRoute(StrictRoute):
    """Accept application/json only, and parse it with orjson.

    The standard library accepts NaN and lone surrogates, which no JSON answer could repeat, and limits nesting only by
    the interpreter's stack.
    """

    def get_route_handler(self) -> Handler:
        """Return FastAPI's handler over a request that parses its body with orjson."""
        handle = super().get_route_handler()

        async def handle_json(request: Request) -> Response:
            check_type(request)
            return await handle(_JsonRequest(request.scope, request.receive))

        return handle_json


class OptionalJsonRoute(JsonRoute):
    """Accept a request without a body, too, whatever its content type."""

    def get_route_handler(self) -> Handler:
        """Return the handler of a JSON body for requests that have one."""
        handle_json, handle_empty = super().get_route_handler(), StrictRoute.get_route_handler(self)

        async def handle(request: Request) -> Response:
            empty = request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
            return await (handle_empty if empty else handle_json)(request)

        return handle


def check_type(request: Request) -> None:
    """Raise HTTPException 415 unless the body is declared as plain JSON."""
    media_type = request.headers.get("content-type", "nothing").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise HTTPException(415, f"Content-Type: found {media_type}, expected application/json")
    coding = request.headers.get("content-encoding", "identity")
    if coding.strip().lower() != "identity":
        detail = f"Content-Encoding: found {coding}, expected none: send the body uncompressed"
        raise HTTPException(415, detail, {"Accept-Encoding": "identity"})


def parse_body(content: bytes, body_type: TypeAdapter[Any]) -> Any:
    """Return the validated body. Raises the RequestValidationError that FastAPI would raise."""
    if not content:
        raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "Field required", "input": None}])
    try:
        body = orjson.loads(content)
    except json.JSONDecodeError as error:  # the parent class of orjson's own
        problem = {"type": "json_invalid", "loc": ("body", error.pos), "msg": "", "ctx": {"error": error.msg}}
        raise RequestValidationError([problem], body=error.doc) from None
    try:
        return body_type.validate_python(body, from_attributes=True)
    except ValidationError as error:
        problems = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        raise RequestValidationError(problems, body=body) from None


class _JsonRequest(Request):
    async def json(self) -> Any:
        body = await self.body()
        tracing.parsing_begins()
        return orjson.loads(body)  # raises a subclass of the JSONDecodeError that FastAPI expects
