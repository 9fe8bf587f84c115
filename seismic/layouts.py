"""The layouts of an index: one table of everything that differs between them."""

from dataclasses import dataclass, replace
from typing import Literal

Layout = Literal["shared", "small", "full", "lists"]
Plan = Literal["lists", "exact"]


@dataclass(frozen=True, slots=True)
class Storage:
    """What a layout stores of a shard, and what that allows."""

    residuals: bool = True
    """16 bits per value; without residuals, 8."""

    least_code: int = 0
    """Components whose 8-bit code is smaller are dropped."""

    dense_fraction: float = 0.1
    """A component that occurs in at least this fraction of the blocks gets a dense row of maxima."""

    binary_scales: bool = False
    """Whether scales of documents are powers of 2, so that a vector of which a part changes keeps the rest exactly."""

    impacts: Literal["small shards", "every shard", "never"] = "small shards"
    """Which shards store the impact of every posting; small ones have at most one window of documents."""

    lists: bool = False
    """Pruned posting lists with block summaries, and a forward index."""

    bytes_per_value: float = 8.2
    """Anonymous memory while a shard is built, everything included."""

    plans: tuple[Plan, ...] = ("exact",)
    """The search plans it can answer with."""

    reader_features: tuple[str, ...] = ("no-tops",)
    """What a release must know to read it."""

    @property
    def lossy(self) -> bool:
        """Whether exact answers differ from those of the vectors given."""
        return self.least_code > 0

    def has_impacts(self, small: bool) -> bool:
        """Return whether a shard stores impacts; `small`: it fits one window."""
        return self.impacts == "every shard" or (self.impacts == "small shards" and small)


LAYOUTS: dict[Layout, Storage] = {
    "shared": Storage(),
    # A dense row pays later here, which saves a fifth of the maxima. The least code drops components below 0.133 of
    # the heaviest of their document: a rule that needs no other document, so that a vector taken out of an index and
    # stored again loses nothing more.
    "small": Storage(
        residuals=False,
        least_code=34,
        dense_fraction=0.25,
        impacts="never",
        bytes_per_value=4.4,
        reader_features=("no-tops", "small"),
    ),
    "full": Storage(impacts="every shard", bytes_per_value=10.9),
    "lists": Storage(lists=True, bytes_per_value=14.6, plans=("exact", "lists")),
}

DEFAULT: Layout = "shared"
LOSSY = tuple(name for name, storage in LAYOUTS.items() if storage.lossy)
FEATURES = frozenset(feature for storage in LAYOUTS.values() for feature in storage.reader_features)
"""What layouts ask of a reader."""


def storage_of(layout: Layout, *, several_fields: bool) -> Storage:
    """Return what a collection stores. One with several fields has binary scales, unless its layout is lossy."""
    storage = LAYOUTS[layout]
    return replace(storage, binary_scales=True) if several_fields and not storage.lossy else storage
