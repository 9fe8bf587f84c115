"""HEAD for every route that answers GET, as load balancers and monitors ask it."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Head:
    """Answer HEAD as GET. The server sends no body, because its own scope still says HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        as_get = {**scope, "method": "GET"}
        try:
            await self.app(as_get, receive, send)
        finally:
            scope["route"] = as_get.get("route")  # for metrics
