"""HEAD for every route that answers GET, as load balancers and monitors ask it."""

from starlette.types import ASGIApp, Receive, Scope, Send

_IS_HEAD = "seismic.head"


def is_head(scope: Scope) -> bool:
    """Return whether nobody will read the body of the answer."""
    return _IS_HEAD in scope


class Head:
    """Answer HEAD as GET. The server sends no body, because its own scope still says HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        as_get = {**scope, "method": "GET", _IS_HEAD: True}
        try:
            await self.app(as_get, receive, send)
        finally:
            scope["route"] = as_get.get("route")  # for metrics
