"""Simulate the latency of clusters that no machine here could hold, from measured times of queries.

A query has a cost, drawn from measured times and scaled to the size of a shard. Each shard deviates a bit from it, and
a node is as slow as the slowest of the shards that it searches side by side. Now and then a node stalls. The front
sends and joins one target after the other; a hedge asks a second replica and takes the first answer.
"""

import math
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from seismic import InputError
from seismic.params import Params

Hedge = Literal["none", "p95", "last tenth"]
HEDGES: tuple[Hedge, ...] = ("none", "p95", "last tenth")
F64s = npt.NDArray[np.float64]

SIZES = (10**8, 10**9, 10**10)
DRAWN = 1 << 22
"""Latencies drawn together, which bounds memory."""

LATE = 1.2
"""Factor of the time at which nine in ten targets have answered: the others are then asked again."""


class Simulated(Params):
    """What is simulated. The defaults were measured; docs/benchmarks/decisions-cluster.md says how."""

    queries: Annotated[int, Field(ge=100, le=1_000_000)] = 5_000
    """Number of queries."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of every random choice."""

    shard_documents: Annotated[int, Field(ge=1, le=1 << 32)] = 8_840_000
    """Documents of a shard."""

    side_by_side: Annotated[int, Field(ge=1, le=1024)] = 14
    """Shards that a large node searches at the same time, each on a core."""

    measured_documents: Annotated[int, Field(ge=1)] = 1_000_000
    """Documents of the shard whose times were measured."""

    median_us: Annotated[float, Field(gt=0)] = 161.0
    """Median time of a query there, in microseconds."""

    p99_us: Annotated[float, Field(gt=0)] = 1125.0
    """99th percentile of the same."""

    growth: Annotated[float, Field(ge=0, le=1)] = 0.74
    """Exponent with which the time grows with the documents of a shard."""

    deviation: Annotated[float, Field(ge=0, le=2)] = 0.08
    """Standard deviation of the logarithm of a shard's time for the same query."""

    network_us: Annotated[float, Field(ge=0)] = 100.0
    """Time of a round trip."""

    front_us: Annotated[float, Field(ge=0)] = 14.0
    """CPU time of the front for each target."""

    stall_share: Annotated[float, Field(ge=0, le=1)] = 1e-3
    """Share of requests in which a node stalls."""

    stall_ms: Annotated[float, Field(ge=0)] = 20.0
    """Duration of such a stall."""

    long_stall_share: Annotated[float, Field(ge=0, le=1)] = 1e-5
    """Share of requests with a long stall."""

    long_stall_ms: Annotated[float, Field(ge=0)] = 500.0
    """Duration of a long stall."""


class Shape(NamedTuple):
    """How shards are asked: `fronts` in a second level (0: none) ask `nodes` with `shards` each."""

    name: str
    documents: int
    fronts: int
    nodes: int
    shards: int


class Latency(NamedTuple):
    """Latencies in milliseconds, and additional requests to nodes as a share."""

    p50: float
    p99: float
    load: float


def shapes(params: Simulated) -> list[Shape]:
    """Return the clusters: a shard a node up to 10^10 documents, flat and in two levels, and large nodes."""
    made = []
    for documents in SIZES:
        shards = -(-documents // params.shard_documents)
        made.append(Shape("flat", documents, 0, shards, 1))
    level = max(1, round(shards**0.5))
    made.append(Shape("two levels", documents, level, -(-shards // level), 1))
    made.append(Shape("large nodes", documents, 0, -(-shards // params.side_by_side), params.side_by_side))
    return made


def read_times(path: Path) -> F64s:
    """Return measured times in microseconds, one per line. Raises InputError."""
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a file with a time in microseconds per line") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: found bytes that are no text, expected a time in microseconds per line") from None
    times = [_time(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not times:
        raise InputError(f"{path}: found no lines, expected a time in microseconds per line")
    return np.array(times)


def _time(line: str, where: str) -> float:
    try:
        time = float(line)
    except ValueError:
        time = math.nan
    if not 0 < time < math.inf:
        raise InputError(f"{where}: found {line.strip()[:40]!r}, expected microseconds above 0")
    return time


def simulate(params: Simulated, shape: Shape, hedge: Hedge, times: F64s | None = None) -> Latency:
    """Return the latency of queries against a cluster. `times`: measured ones; None: those of the parameters.

    The same parameters give the same numbers.
    """
    rng = np.random.default_rng(params.seed)
    targets = max(1, shape.fronts) * shape.nodes
    rows = max(1, DRAWN // (targets * shape.shards))
    found, asked = [], 0
    for done in range(0, params.queries, rows):
        count = min(rows, params.queries - done)
        costs = _costs(params, rng, count, times)[:, None]
        first, second = (_nodes(params, rng, costs, (count, targets), shape.shards) for _ in range(2))
        if shape.fronts:
            level = (count * shape.fronts, shape.nodes)
            inner, again = _join(params, first.reshape(level), second.reshape(level), hedge)
            joined, more = _join(params, inner.reshape(count, shape.fronts), None, "none")
            again += more
        else:
            joined, again = _join(params, first, second, hedge)
        found.append(joined)
        asked += again
    p50, p99 = np.quantile(np.concatenate(found), [0.5, 0.99]) / 1000
    return Latency(float(p50), float(p99), asked / (params.queries * targets))


def _costs(params: Simulated, rng: np.random.Generator, count: int, times: F64s | None) -> F64s:
    """Return the time of each query in a shard of the simulated size, in microseconds."""
    if times is None:
        spread = np.log(params.p99_us / params.median_us) / 2.3263  # the 99th percentile of the normal distribution
        drawn = params.median_us * np.exp(spread * rng.standard_normal(count))
    else:
        drawn = rng.choice(times, count)
    scaled: F64s = drawn * (params.shard_documents / params.measured_documents) ** params.growth
    return scaled


def _nodes(params: Simulated, rng: np.random.Generator, costs: F64s, shape: tuple[int, int], shards: int) -> F64s:
    """Return the time of each query [queries, nodes] in nodes that search `shards` side by side, stalls included."""
    slowest = params.deviation * rng.standard_normal((*shape, shards)).max(axis=2)
    chance = rng.random(shape)
    long = chance < params.long_stall_share
    short = ~long & (chance < params.long_stall_share + params.stall_share)
    node: F64s = costs * np.exp(slowest) + 1000 * (params.stall_ms * short + params.long_stall_ms * long)
    return node


def _join(params: Simulated, first: F64s, second: F64s | None, hedge: Hedge) -> tuple[F64s, int]:
    """Return the latency of each row of targets, and the number of second replicas asked."""
    sent = params.front_us * np.arange(1, first.shape[1] + 1)
    arrived = sent + params.network_us + first
    if second is None or hedge == "none":
        return arrived.max(axis=1), 0
    if hedge == "p95":
        late = sent + np.quantile(arrived - sent, 0.95)
    else:
        late = LATE * np.quantile(arrived, 0.9, axis=1, keepdims=True)
    again = arrived > late
    answered = np.where(again, np.minimum(arrived, late + params.front_us + params.network_us + second), arrived)
    return answered.max(axis=1), int(again.sum())


def table(params: Simulated, times: F64s | None = None) -> list[dict[str, Any]]:
    """Return a row per cluster: its shape, and the latency with each kind of hedging."""
    rows = []
    for shape in shapes(params):
        row: dict[str, Any] = shape._asdict()
        for hedge in HEDGES:
            row[hedge] = simulate(params, shape, hedge, times)._asdict()
        rows.append(row)
    return rows
