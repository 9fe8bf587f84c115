"""Requests: their bodies, also compressed, and their query parameters."""

import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson
from fastapi import Request
from starlette.exceptions import HTTPException

from seismic.conversion.plain import excerpt
from seismic_server.compat.opensearch.errors import RefusedError
from seismic_server.http.middleware import PARSED_SIZE
from seismic_server.memory import budget as memory
from seismic_server.service import Service

IGNORED = frozenset(
    {
        "pretty",
        "human",
        "error_trace",
        "timeout",
        "master_timeout",
        "cluster_manager_timeout",
        "wait_for_active_shards",
        "wait_for_completion",
        "refresh",
        "preference",
        "routing",
        "request_cache",
        "ignore_unavailable",
        "allow_no_indices",
        "expand_wildcards",
        "search_type",
        "batched_reduce_size",
        "pre_filter_shard_size",
        "max_concurrent_shard_requests",
        "max_concurrent_searches",
        "ccs_minimize_roundtrips",
        "typed_keys",
        "allow_partial_search_results",
        "realtime",
        "flat_settings",
        "include_defaults",
        "local",
    }
)
"""Query parameters that change nothing here: a change is durable and visible when it is answered, and a collection is
read as a whole."""

_TYPES = frozenset({"application/json", "application/x-ndjson", "application/vnd.opensearch+json"})
_CHUNK = 1 << 20

LARGE = 1 << 18
"""Bytes of a body that is read on a thread, so that other requests need not wait."""


def parameters_of(request: Request, known: Collection[str]) -> dict[str, str]:
    """Return the query parameters. Raises RefusedError for those that are not supported."""
    given = dict(request.query_params.multi_items())
    for name in given:
        if name not in known and name not in IGNORED:
            listed = ", ".join(sorted(known)) or "none"
            raise RefusedError(
                f"request [{request.scope['path']}]: parameter [{name}] is not supported, expected {listed}"
            )
    return given


def flag(parameters: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """Return a boolean parameter."""
    value = parameters.get(name, default)
    if isinstance(value, bool):
        return value
    if value in ("", "true", "false"):
        return str(value) != "false"
    raise RefusedError(f"{name}: found {excerpt(value)}, expected true or false")


def number(name: str, value: Any) -> int:
    """Return a number of a body or a query string. Raises RefusedError."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 19:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise RefusedError(f"{name}: found {excerpt(value)}, expected a number from 0")


async def json_of(request: Request, service: Service) -> dict[str, Any]:
    """Return the body as an object; empty if there is none. Raises RefusedError."""
    content = await content_of(request, service)
    if not content.strip():
        return {}
    body = _loads(content)
    if not isinstance(body, dict):
        raise RefusedError(f"the body: found {excerpt(body)}, expected an object", "parse_exception")
    return body


async def lines_of(request: Request, service: Service) -> Sequence[Any]:
    """Return the lines of a body, parsed. Raises RefusedError, which names the line."""
    content = await content_of(request, service)
    return await service.threads.run(_lines, content) if len(content) > LARGE else _lines(content)


def _lines(content: bytes) -> list[Any]:
    lines: list[Any] = []
    for at, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            try:
                lines.append(_loads(line))
            except RefusedError as error:
                raise RefusedError(f"line {at}: {error}", error.kind) from None
    return lines


def _loads(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except json.JSONDecodeError as error:
        reason = f"the body is not JSON: {error.msg} at character {error.pos}"
        raise RefusedError(reason, "json_parse_exception") from None


async def content_of(request: Request, service: Service) -> bytes:
    """Return the body, decompressed. Raises HTTPException and RefusedError."""
    content = await request.body()
    if not content:
        return content
    declared = request.headers.get("content-type", "nothing").partition(";")[0].strip().lower()
    if declared not in _TYPES:
        raise HTTPException(415, f"Content-Type header [{declared}] is not supported, expected application/json")
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding == "identity":
        return content
    if coding not in ("gzip", "x-gzip"):
        raise HTTPException(415, f"Content-Encoding: found {coding}, expected gzip or none")
    most = _most(request, service)
    if len(content) > LARGE:
        return await service.threads.run(_decompressed, content, most)
    return _decompressed(content, most)


def _most(request: Request, service: Service) -> int:
    """Return the bytes that a body may have, as the limit on bodies as they arrive says."""
    changes = request.method == "PUT" or request.scope["path"].endswith("/_bulk")
    settings = service.settings
    return settings.max_upsert_bytes if changes else settings.max_body_bytes


def _decompressed(content: bytes, most: int) -> bytes:
    """Return a body without gzip, a part at a time, so that a small one cannot become a large one unnoticed."""
    parts, size, lease, left = list[bytes](), 0, memory.current(), content
    while left:
        stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
        data = left
        while not stream.eof:
            try:
                part = stream.decompress(data, _CHUNK)
            except zlib.error as error:
                raise RefusedError(f"the body is not gzip ({error})", "parse_exception") from None
            if not part and not stream.unconsumed_tail and not stream.eof:
                raise RefusedError("the body ends before its gzip stream does", "parse_exception")
            size, data = size + len(part), stream.unconsumed_tail
            if size > most:
                found = f"found a body of more than {most} bytes after decompression"
                raise HTTPException(
                    413, f"{found}, expected at most {most} (settings max_body_bytes, max_upsert_bytes)"
                )
            lease.grow(len(part) * PARSED_SIZE)
            parts.append(part)
        left = stream.unused_data
    return b"".join(parts)
