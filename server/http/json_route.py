"""Routes whose request body is JSON, read strictly."""

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from server.observe import tracing


class JsonRoute(APIRoute):
    """Takes application/json only, and reads it with orjson.

    The standard library lets NaN and half surrogate pairs through, which no JSON answer could repeat, and leaves the
    depth of nesting to the interpreter's stack.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, given a request that reads itself as said."""
        handle = super().get_route_handler()

        async def handle_json(request: Request) -> Response:
            media_type = request.headers.get("content-type", "nothing").partition(";")[0].strip().lower()
            if media_type != "application/json":
                raise HTTPException(415, f"Content-Type: found {media_type}, expected application/json")
            return await handle(_JsonRequest(request.scope, request.receive))

        return handle_json


class _JsonRequest(Request):
    async def json(self) -> Any:
        body = await self.body()
        tracing.parsing_begins()
        return orjson.loads(body)  # its JSONDecodeError is the standard library's, for FastAPI
