"""Routes whose request body is JSON, read strictly."""

import json
from collections.abc import Callable, Coroutine
from typing import Any, cast

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException

from seismic_server.http.strict_route import Handler, StrictRoute, refuse_unknown
from seismic_server.observe import tracing


class JsonRoute(StrictRoute):
    """Takes application/json only, and reads it with orjson.

    The standard library lets NaN and half surrogate pairs through, which no JSON answer could repeat, and leaves the
    depth of nesting to the interpreter's stack.
    """

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, given a request that reads itself as said."""
        handle = super().get_route_handler()

        async def handle_json(request: Request) -> Response:
            _check_type(request)
            return await handle(_JsonRequest(request.scope, request.receive))

        return handle_json


class DirectRoute(JsonRoute):
    """For what is asked most: an endpoint of `name`, `body` and `service`, which answers with a response.

    FastAPI describes it, but does not call it: to find out what such a function needs takes it 0.1 ms each time. Wrong
    bodies are refused as by FastAPI, in the same words.
    """

    def get_route_handler(self) -> Handler:
        """Reads and checks the body, and calls the endpoint."""
        assert self.body_field is not None
        assert self.body_field.field_info.annotation is not None
        endpoint = cast(Callable[..., Coroutine[Any, Any, Response]], self.endpoint)
        body_type: TypeAdapter[Any] = TypeAdapter(self.body_field.field_info.annotation)

        async def handle_json(request: Request) -> Response:
            _check_type(request)
            refuse_unknown(request)
            content = await request.body()
            tracing.parsing_begins()
            body = _checked(content, body_type)
            return await endpoint(request.path_params["name"], body, request.app.state.service)

        return handle_json


def _check_type(request: Request) -> None:
    media_type = request.headers.get("content-type", "nothing").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise HTTPException(415, f"Content-Type: found {media_type}, expected application/json")
    coding = request.headers.get("content-encoding", "identity")
    if coding.strip().lower() != "identity":
        detail = f"Content-Encoding: found {coding}, expected none: send the body as it is"
        raise HTTPException(415, detail, {"Accept-Encoding": "identity"})


def _checked(content: bytes, body_type: TypeAdapter[Any]) -> Any:
    """The body, or a RequestValidationError as FastAPI raises it."""
    if not content:
        raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "Field required", "input": None}])
    try:
        body = orjson.loads(content)
    except json.JSONDecodeError as error:  # orjson's own is a subclass
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
        return orjson.loads(body)  # its JSONDecodeError is the standard library's, for FastAPI
