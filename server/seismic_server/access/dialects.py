"""What the paths of other APIs are about, so that keys, roles and limits hold for them."""

import re
from typing import NamedTuple


class Dialect(NamedTuple):
    """The paths of an API below a prefix.

    ``open`` need no key; ``searches`` only read by POST; ``for_every_key`` belong to no collection and show only what a
    key permits; ``collection`` has the name of a collection as its first group; ``ends`` only end reading by DELETE.
    ``basic``: keys may come as the password of basic authentication.
    """

    open: frozenset[str]
    searches: re.Pattern[str]
    for_every_key: re.Pattern[str]
    collection: re.Pattern[str]
    ends: re.Pattern[str] | None = None
    basic: bool = False


DIALECTS = {
    "qdrant": Dialect(
        open=frozenset(f"/qdrant{path}" for path in ("", "/", "/healthz", "/livez", "/readyz")),
        searches=re.compile(
            r"/qdrant/collections/[^/]+/(points|points/(query|query/(batch|groups)|scroll|count)|facet)"
        ),
        for_every_key=re.compile(r"/qdrant/(collections|collections/aliases|aliases)"),
        collection=re.compile(r"/qdrant/collections/((?!aliases$)[^/]+)"),
    ),
    "opensearch": Dialect(
        open=frozenset(),
        searches=re.compile(
            r"/opensearch/([^_/][^/]*/)?(_(search|msearch|mget|count)|_explain/.*|_search/point_in_time"
            r"|_search/scroll(/.*)?)",
            re.DOTALL,
        ),
        for_every_key=re.compile(
            r"/opensearch(/|/_(bulk|mget|search|msearch|refresh|alias(/[^/]+)?|aliases|cluster/health|cat/indices|search/point_in_time(/_all)?)"
            r"|/_search/scroll(/.*)?)?",
            re.DOTALL,
        ),
        collection=re.compile(r"/opensearch/(?:_c(?:at|luster)/(?:indices|count|health)/)?([^_/][^/]*)"),
        ends=re.compile(r"/opensearch/_search/(scroll|point_in_time)(/.*)?", re.DOTALL),
        basic=True,
    ),
}
"""API by the first part of its paths."""


def dialect_of(path: str) -> Dialect | None:
    """Return the API of a path; None for this service's own."""
    return None if path.startswith("/v1/") else DIALECTS.get(path.split("/", 2)[1] if "/" in path else "")
