"""HEAD, as load balancers and monitors ask it, of every route that answers GET."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Head:
    """Has GET answered in its place, headers and all; the server sends no body, since its own scope still says HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        asked = {**scope, "method": "GET"}
        try:
            await self.app(asked, receive, send)
        finally:
            scope["route"] = asked.get("route")  # for metrics
