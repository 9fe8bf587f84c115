"""Scopes: the documents of a view that a search may return."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seismic.store.shard import Shard


@dataclass(frozen=True, slots=True)
class Part:
    """The scope in one shard.

    ``allowed`` uint8 [shared blocks]: bit i of a byte is 1 if document i of the block may be returned; an empty array
    allows all. ``count``: the number of allowed documents.
    """

    allowed: npt.NDArray[np.uint8]
    count: int


@dataclass(frozen=True, slots=True)
class Scope:
    """The scope in all shards, in order."""

    parts: tuple[Part, ...]

    @property
    def count(self) -> int:
        """The number of documents that may be returned."""
        return sum(part.count for part in self.parts)


def documents_of(shard: Shard, part: Part) -> npt.NDArray[np.bool_]:
    """Return which documents of a shard are in a part of it, bool [documents], by number."""
    inside = np.ones(len(shard), bool)
    if len(part.allowed):
        inside[shard.shared.numbers] = np.unpackbits(part.allowed, count=len(shard), bitorder="little")
    return inside
