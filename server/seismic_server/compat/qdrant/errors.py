"""Errors as Qdrant answers them."""

from collections.abc import Mapping

import orjson
from fastapi import Request, Response

BAD_REQUEST = 400
_STATUS = {422: BAD_REQUEST, 415: BAD_REQUEST}
"""Statuses of this service that Qdrant has no use for."""


def error_of(_request: Request, status: int, detail: str, headers: Mapping[str, str]) -> Response:
    """Return the answer to a request that failed."""
    content = {"status": {"error": detail}, "time": 0.0}
    return Response(orjson.dumps(content), _STATUS.get(status, status), dict(headers), "application/json")
