"""The console at `/` and `/console`, its page of nodes, and the files they load. Nothing comes from another host."""

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parents[1] / "console"
NODES = Path(__file__).parents[1] / "nodes_page"
SAFE = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

router = APIRouter(include_in_schema=False)


class ConsoleFiles(StaticFiles):
    """Static files with strict security headers."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file, or raise HTTPException 404."""
        response = await super().get_response(path, scope)
        response.headers.update(SAFE)
        return response


files = ConsoleFiles(directory=FOLDER)
nodes_page = ConsoleFiles(directory=NODES, html=True)


@router.get("/")
@router.get("/console")
async def console() -> FileResponse:
    """Return the console."""
    return FileResponse(FOLDER / "index.html", headers=SAFE)
