"""The routers that the setting `compat` names, each below its prefix."""

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from seismic_server.compat.opensearch.app import create_opensearch
from seismic_server.compat.opensearch.errors import error_of as opensearch_error
from seismic_server.compat.qdrant.app import create_qdrant
from seismic_server.compat.qdrant.errors import error_of as qdrant_error
from seismic_server.service import Service

APPS = {"qdrant": (create_qdrant, qdrant_error), "opensearch": (create_opensearch, opensearch_error)}
"""Name -> what makes the router, and what makes its errors."""


class Below(BaseRoute):
    """The route of all paths below a prefix, and of the prefix itself.

    Starlette's Mount matches neither the prefix without a slash nor paths with line feeds.
    """

    def __init__(self, prefix: str, app: ASGIApp) -> None:
        self.path, self.app = prefix, app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match requests below the prefix."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        found = scope["type"] == "http" and (path == self.path or path.startswith(self.path + "/"))
        return (Match.FULL if found else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with a path below the prefix."""
        root = scope.get("root_path", "")
        path = scope["path"] + ("/" if scope["path"] == root + self.path else "")
        inner = {**scope, "path": path, "root_path": root + self.path, "app_root_path": root}
        try:
            await self.app(inner, receive, send)
        finally:
            scope["route"] = inner.get("route", self)  # for metrics


def mount(app: Starlette, service: Service) -> None:
    """Add the routers that the settings name to an application, before its own routes, and what makes their errors."""
    dialects = {name: APPS[name][1] for name in service.settings.compat}
    for name in service.settings.compat:
        router = APPS[name][0]()
        router.state.service, router.state.dialects = service, dialects
        app.router.routes.insert(0, Below(f"/{name}", router))
    app.state.dialects = dialects
