"""What an evaluation finds: all of it goes into report.json. Times are in microseconds, sizes in bytes."""

from dataclasses import dataclass
from typing import Any

from seismic_tools.measure.metrics import Latency


@dataclass(frozen=True, slots=True)
class Depth:
    """Searches for k hits, one at a time. ``blocks_visited`` and ``documents_scored`` are means per query; ``profile``:
    what a recall asked for has chosen."""

    k: int
    plan: str
    profile: dict[str, Any] | None
    recall: float
    latency: Latency
    blocks_visited: float
    documents_scored: float


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to search. ``effectiveness``: measure -> mean over the judged queries; ``queries_per_second``: threads
    -> searches for as many hits as the first depth, in a batch."""

    params: dict[str, Any]
    depths: list[Depth]
    effectiveness: dict[str, float]
    queries_per_second: dict[int, float]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A setting of the curve of recall against CPU time per query, in a batch on one thread."""

    k: int
    params: dict[str, Any]
    recall: float
    microseconds: float


@dataclass(frozen=True, slots=True)
class QuerySample:
    """One query at the first depth: its components, what it cost and the blocks it visited."""

    components: int
    microseconds: float
    blocks_visited: int


@dataclass(frozen=True, slots=True)
class BuildCost:
    """``peak_memory``: largest resident set of the process that built, pages of mapped files included."""

    seconds: float
    peak_memory: int


@dataclass(frozen=True, slots=True)
class Beside:
    """Another collection's exact answers to the same queries, judged alike."""

    collection: str
    documents: int
    bytes: int
    effectiveness: dict[str, float]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Settings side by side on the same queries, and what they ran on.

    ``sizes``: file name -> bytes, over all shards; ``missing``: share of the relevant documents that the collection
    does not have; ``samples``: by the last setting; ``peak_memory``: as of a build.
    """

    collection: str
    generation: str
    layout: str
    documents: int
    sizes: dict[str, int]
    build: BuildCost | None
    dataset: str | None
    queries: int
    judged: int
    missing: float | None
    beside: Beside | None
    settings: list[Setting]
    curve: list[CurvePoint]
    samples: list[QuerySample]
    peak_memory: int
    environment: dict[str, Any]

    @property
    def bytes(self) -> int:
        """On disk, the manifest aside."""
        return sum(self.sizes.values())
