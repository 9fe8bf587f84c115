"""Which documents of a view a search may find."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seismic.view.view import View


@dataclass(frozen=True, slots=True)
class Part:
    """The scope in one shard.

    ``allowed`` uint8 [shared blocks]: bit i of a byte says whether document i of the block may be found; empty: all
    may. ``count``: how many may.
    """

    allowed: npt.NDArray[np.uint8]
    count: int


@dataclass(frozen=True, slots=True)
class Scope:
    """The scope in every shard, in their order."""

    parts: tuple[Part, ...]

    @property
    def count(self) -> int:
        """Documents that may be found."""
        return sum(part.count for part in self.parts)


def everything(view: View) -> Scope:
    """All documents but the deleted ones."""
    return Scope(tuple(Part(shard.allowed, shard.live) for shard in view.shards))
