"""Results of an evaluation, as report.json holds them. Times are in microseconds, sizes in bytes."""

from dataclasses import dataclass, field
from typing import Any

from seismic_tools.measure.metrics import Latency


@dataclass(frozen=True, slots=True)
class Depth:
    """Searches for k hits, one at a time. ``blocks_visited`` and ``documents_scored`` are means per query; ``profile``:
    the tuning profile chosen for a requested recall."""

    k: int
    plan: str
    profile: dict[str, Any] | None
    recall: float
    latency: Latency
    blocks_visited: float
    documents_scored: float


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. ``effectiveness``: measure -> mean over the judged queries; ``queries_per_second``: threads -> rate
    of a batch at the first depth."""

    params: dict[str, Any]
    depths: list[Depth]
    effectiveness: dict[str, float]
    queries_per_second: dict[int, float]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One setting on the curve of recall against CPU time per query, in a batch on one thread."""

    k: int
    params: dict[str, Any]
    recall: float
    microseconds: float


@dataclass(frozen=True, slots=True)
class QuerySample:
    """One query at the first depth: number of components, time and blocks visited."""

    components: int
    microseconds: float
    blocks_visited: int


@dataclass(frozen=True, slots=True)
class BuildCost:
    """Cost of a build. ``peak_memory``: peak resident set of its process, including mapped files."""

    seconds: float
    peak_memory: int


@dataclass(frozen=True, slots=True)
class Beside:
    """Exact answers of another collection to the same queries, judged in the same way."""

    collection: str
    documents: int
    bytes: int
    effectiveness: dict[str, float]


@dataclass(frozen=True, slots=True)
class Compared:
    """A collection, run or fusion, judged on the same queries. ``effectiveness``: measure -> mean; ``p_values``:
    measure -> p-value of the difference from the first, by a paired randomisation test, empty for the first itself."""

    name: str
    effectiveness: dict[str, float]
    p_values: dict[str, float]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Settings measured on the same queries, and the machine they ran on.

    ``sizes``: file name -> bytes, over all shards; ``unsearched``: ids of judged queries without a query; ``missing``:
    share of the relevant documents that are missing in the collection; ``samples``: of the last setting;
    ``peak_memory``: as in `BuildCost`; ``compared``: this collection's exact answers, and other runs beside them.
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
    unsearched: list[str]
    missing: float | None
    beside: Beside | None
    settings: list[Setting]
    curve: list[CurvePoint]
    samples: list[QuerySample]
    peak_memory: int
    environment: dict[str, Any]
    compared: list[Compared] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Size on disk without the manifest."""
        return sum(self.sizes.values())
