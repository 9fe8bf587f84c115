"""Routes that refuse parameters of the query that they do not have: they would be passed over, misspelt as they are."""

from collections.abc import Callable, Collection, Coroutine
from typing import Any, TypeAlias

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRoute(APIRoute):
    """As FastAPI's, but for that."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, behind a look at the query."""
        handle, known = super().get_route_handler(), [parameter.alias for parameter in self.dependant.query_params]

        async def handle_known(request: Request) -> Response:
            refuse_unknown(request, known)
            return await handle(request)

        return handle_known


def refuse_unknown(request: Request, known: Collection[str] = ()) -> None:
    """RequestValidationError for parameters of the query that are none of those."""
    if not request.scope["query_string"]:
        return
    there = f"this route has {', '.join(known) or 'none'}"
    problems = [
        {"type": "extra_forbidden", "loc": ("query", name), "msg": "", "input": value, "ctx": {"known": there}}
        for name, value in request.query_params.items()
        if name not in known
    ]
    if problems:
        raise RequestValidationError(problems)
