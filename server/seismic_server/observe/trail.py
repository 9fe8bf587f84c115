"""Log lines of administrative requests: who did what to which collection."""

from typing import Any

import structlog
from fastapi import Request

log = structlog.get_logger("seismic_server.admin")


def record(request: Request, action: str, **about: Any) -> None:
    """Log an administrative action that was done or queued, with the key that requested it."""
    key = getattr(request.state, "key", None)
    by = {"key": key.name, "key_id": key.id} if key else {}
    log.info("administration", action=action, **about, **by)
