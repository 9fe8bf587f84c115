"""What the paths of other APIs are about, so that keys, roles and limits hold for them."""

import re
from typing import NamedTuple


class Dialect(NamedTuple):
    """The paths of an API below a prefix.

    ``open`` need no key; ``searches`` only read by POST; ``for_every_key`` belong to no collection and show only what a
    key permits; ``collection`` has the name of a collection as its first group.
    """

    open: frozenset[str]
    searches: re.Pattern[str]
    for_every_key: re.Pattern[str]
    collection: re.Pattern[str]


DIALECTS = {
    "qdrant": Dialect(
        open=frozenset(f"/qdrant{path}" for path in ("", "/", "/healthz", "/livez", "/readyz")),
        searches=re.compile(
            r"/qdrant/collections/[^/]+/(points|points/(query|query/(batch|groups)|scroll|count)|facet)"
        ),
        for_every_key=re.compile(r"/qdrant/(collections|collections/aliases|aliases)"),
        collection=re.compile(r"/qdrant/collections/((?!aliases$)[^/]+)"),
    ),
}
"""API by the first part of its paths."""


def dialect_of(path: str) -> Dialect | None:
    """Return the API of a path; None for this service's own."""
    return None if path.startswith("/v1/") else DIALECTS.get(path.split("/", 2)[1] if "/" in path else "")
