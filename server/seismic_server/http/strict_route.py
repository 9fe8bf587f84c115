"""Routes that refuse unknown query parameters, which FastAPI would ignore."""

from collections.abc import Callable, Collection, Coroutine
from typing import Any, TypeAlias

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRoute(APIRoute):
    """A FastAPI route that refuses unknown query parameters."""

    def get_route_handler(self) -> Handler:
        """Return FastAPI's handler behind a check of the query parameters."""
        handle, known = super().get_route_handler(), [parameter.alias for parameter in self.dependant.query_params]

        async def handle_known(request: Request) -> Response:
            refuse_unknown(request, known)
            return await handle(request)

        return handle_known


def refuse_unknown(request: Request, known: Collection[str] = ()) -> None:
    """Raise RequestValidationError for query parameters that are not in `known`."""
    if not request.scope["query_string"]:
        return
    expected = f"this route has {', '.join(known) or 'none'}"
    problems = [
        {"type": "extra_forbidden", "loc": ("query", name), "msg": "", "input": value, "ctx": {"known": expected}}
        for name, value in request.query_params.items()
        if name not in known
    ]
    if problems:
        raise RequestValidationError(problems)
