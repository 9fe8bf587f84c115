"""The page that describes the API. Nothing comes from another host."""

import base64
import hashlib
import re

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse

from seismic_server.routes.console import SAFE

FILES = "/static-offline-docs"
"""Where fastapi_offline serves the files of Swagger UI."""

_SCRIPTS = re.compile(rb"<script>(.*?)</script>", re.DOTALL)

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Return the page."""
    root = request.scope.get("root_path", "")
    page = get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title="Seismic",
        swagger_js_url=f"{root}{FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{FILES}/swagger-ui.css",
        swagger_favicon_url=f"{root}{FILES}/favicon.png",
        oauth2_redirect_url=None,
    )
    page.headers.update({**SAFE, "Content-Security-Policy": _policy(bytes(page.body))})
    return page


def _policy(page: bytes) -> str:
    """Return a policy that permits the scripts of the page by their hashes. Swagger UI sets styles by script."""
    hashes = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in _SCRIPTS.findall(page)]
    scripts = " ".join(["'self'", *(f"'sha256-{one}'" for one in hashes)])
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
