"""Split large batches into requests that the service accepts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

ENVELOPE = 1024
"""Bytes left for the rest of a request's body."""


@dataclass(frozen=True, slots=True)
class Batching:
    """Limits of one request; the defaults are those of the service's settings.

    `searches`: `max_batch`. `search_bytes`: `max_body_bytes`. `upsert_bytes`: `max_upsert_bytes`. `documents`: ids of
    documents to get, at most `max_limit`; fewer keep answers below `max_answer_bytes`.
    """

    searches: int = 256
    search_bytes: int = 1 << 20
    upsert_bytes: int = 32 << 20
    documents: int = 1000


DEFAULT = Batching()


def split(items: Iterable[bytes], most_bytes: int, most_items: int | None = None) -> Iterator[list[bytes]]:
    """Yield lists of encoded items, in order, each within the limits; at least one list.

    An item that is too large comes alone: the service refuses it and says why.
    """
    part: list[bytes] = []
    size, first = ENVELOPE, True
    for item in items:
        if part and (size + len(item) + 1 > most_bytes or len(part) == most_items):
            yield part
            part, size, first = [], ENVELOPE, False
        part.append(item)
        size += len(item) + 1
    if part or first:
        yield part
