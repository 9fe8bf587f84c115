"""Making documents: vectors mixed of real neighbours.

Random bits are only added, multiplied and compared, so a seed gives the same documents on any machine.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I64, U64, Ids
from seismic.kernels.jit import jit
from seismic.kernels.sample import mix

STEP = np.uint64(0x9E3779B97F4A7C15)
"""SplitMix64's increment."""

PARENTS, MOST_PARENTS = 3, 8
"""Documents that are mixed: three, and more as long as these have too few components."""

OWN = 0.3
"""The first parent's share of a document, at least; twice that at most. The others halve what is left."""

NEAR = 40
"""The other parents stand so many places from the first at most, most of them far nearer."""

JITTER = 0.5
"""Weights are multiplied with 1 +- JITTER at most before they are ranked."""

LOST = 0.1
"""The share of components that a near-copy lacks."""

ROUNDS = 5
"""Looks at the components found, at most, to see which are certain to be kept."""


class Source(NamedTuple):
    """Real vectors, none empty, similar ones beside each other.

    ``starts`` int64 [n + 1]; ``components`` uint16 or uint32 and ``values`` float32, vector by vector, components
    ascending; ``falling`` float32: the same values, largest first within each vector.
    """

    starts: I64
    components: Ids
    values: F32
    falling: F32


class Scratch(NamedTuple):
    """``state`` uint64 [1]: of the random numbers. By component [dimension]: ``shares`` float32 of the parents that
    have it, and ``weights`` float32, what they give it, both 0 between documents; ``found`` int64: room for the
    components that have a share, ``drawn`` float32 for their values."""

    state: U64
    shares: F32
    weights: F32
    found: I64
    drawn: F32


@jit
def make_scratch(dimension: int) -> Scratch:
    """Scratch of one thread."""
    return Scratch(
        np.zeros(1, np.uint64),
        np.zeros(dimension, np.float32),
        np.zeros(dimension, np.float32),
        np.empty(dimension, np.int64),
        np.empty(dimension, np.float32),
    )


@jit
def sort_falling(starts: I64, values: F32, falling: F32) -> None:
    """Fill `falling` with the values of each vector, largest first."""
    for row in range(len(starts) - 1):
        falling[starts[row] : starts[row + 1]] = -np.sort(-values[starts[row] : starts[row + 1]])


@jit
def make_documents(
    source: Source, stretch: float, copies: float, seed: int, first: int, last: int, scratch: Scratch
) -> tuple[I64, Ids, F32]:
    """Documents first .. last - 1 as a CSR triple.

    A document has about `stretch` components for each that its first parent has; a share of `copies` repeat an earlier
    one but for LOST of its components. Each depends on the seed and its number alone.
    """
    starts = np.zeros(last - first + 1, np.int64)
    mean = len(source.values) * stretch / (len(source.starts) - 1)
    room = np.int64((last - first) * mean * 1.1)
    components, values = np.empty(room, source.components.dtype), np.empty(room, np.float32)
    for number in range(first, last):
        _begin(scratch.state, seed, number)
        origin = number
        if _draw(scratch.state) < copies:
            origin = np.int64(_draw(scratch.state) * number)
            _begin(scratch.state, seed, origin)
            _draw(scratch.state)
        size = _mix_parents(source, stretch, scratch)
        if origin != number:
            _begin(scratch.state, seed, number + (1 << 62))
            size = _lose(size, scratch)
        start = starts[number - first]
        if start + size > len(components):
            components, values = _longer(components, start, size), _longer(values, start, size)
        components[start : start + size] = scratch.found[:size]
        values[start : start + size] = scratch.drawn[:size]
        starts[number - first + 1] = start + size
    return starts, components[: starts[-1]], values[: starts[-1]]


@jit
def _begin(state: U64, seed: int, number: int) -> None:
    """Begin the random numbers of a document."""
    state[0] = mix(np.uint64(seed) ^ mix(np.uint64(number) + STEP))


@jit(inline=True)
def _draw(state: U64) -> float:
    """A random number of [0, 1)."""
    state[0] += STEP
    return np.float64(mix(state[0]) >> np.uint64(11)) * 2.0**-53


@jit
def _longer(array: F32, start: int, size: int) -> F32:
    """A copy with room for `size` more than the first `start`, and as many again."""
    longer = np.empty(start + max(start, size), array.dtype)
    longer[:start] = array[:start]
    return longer


@jit
def _mix_parents(source: Source, stretch: float, scratch: Scratch) -> int:
    """A document into `found`, ascending, and `drawn`; how many components it has."""
    state, n = scratch.state, len(source.starts) - 1
    parent = np.int64(_draw(state) * n)
    falling = source.falling[source.starts[parent] : source.starts[parent + 1]]
    wanted = max(1, np.int64(len(falling) * stretch + _draw(state)))
    share, size = np.float32(OWN * (1 + _draw(state))), 0
    left, other = np.float32(1) - share, parent
    for turn in range(MOST_PARENTS):
        if turn >= PARENTS and size >= wanted:
            break
        size = _add_parent(source, other, share, scratch, size)
        far = _draw(state)
        steps = 1 + np.int64(far * far * far * NEAR)
        other = (parent + (steps if _draw(state) < 0.5 else n - steps % n)) % n
        share = left * np.float32(0.5)
        left -= share
    kept = _keep(size, wanted, scratch)
    _weigh(kept, falling, scratch)
    return kept


@jit
def _add_parent(source: Source, parent: int, share: float, scratch: Scratch, size: int) -> int:
    """Add a parent's share of its components; how many are found so far."""
    for at in range(source.starts[parent], source.starts[parent + 1]):
        component = np.int64(source.components[at])
        if scratch.shares[component] == 0:
            scratch.found[size] = component
            size += 1
        scratch.shares[component] += share
        scratch.weights[component] += share * source.values[at]
    return size


@jit
def _keep(size: int, wanted: int, scratch: Scratch) -> int:
    """Draw about `wanted` of the components found, in proportion to their shares; how many are kept, ascending, one at
    least. Takes the shares of the others back."""
    shares, found = scratch.shares, scratch.found
    factor, kept = _factor(size, wanted, scratch), 0
    for at in range(size):
        component = found[at]
        if _draw(scratch.state) < shares[component] * factor or (kept == 0 and at == size - 1):
            found[kept] = component
            kept += 1
        else:
            scratch.weights[component] = 0
        shares[component] = 0
    found[:kept].sort()
    return kept


@jit
def _factor(size: int, wanted: int, scratch: Scratch) -> float:
    """What shares are multiplied with to be probabilities, 1 at most, that add up to `wanted`, or nearly so."""
    factor = np.float32(0)
    certain, rest = 0, np.float32(0)
    for _ in range(ROUNDS):
        before, certain, rest = certain, 0, np.float32(0)
        for at in range(size):
            share = scratch.shares[scratch.found[at]]
            if share * factor >= 1:
                certain += 1
            else:
                rest += share
        if certain >= wanted or rest == 0 or (factor > 0 and certain == before):
            break
        factor = np.float32(wanted - certain) / rest
    return factor


@jit
def _weigh(kept: int, falling: F32, scratch: Scratch) -> None:
    """Give the components kept the values of the first parent by rank, in the order of what the parents give them,
    jittered."""
    jittered, ranked = np.empty(kept, np.float32), np.empty(kept, np.uint64)
    bits = jittered.view(np.uint32)  # positive floats order as their bits do
    for at in range(kept):
        component = scratch.found[at]
        around = _draw(scratch.state) + _draw(scratch.state) - 1
        jittered[at] = scratch.weights[component] * np.float32(1 + JITTER * around)
        scratch.weights[component] = 0
        ranked[at] = np.uint64(bits[at]) << np.uint64(32) | np.uint64(at)
    ranked.sort()
    for rank in range(kept):
        at = np.int64(ranked[kept - 1 - rank] & np.uint64(0xFFFFFFFF))
        place = min(max(0.0, (rank + 0.5) * len(falling) / kept - 0.5), len(falling) - 1.0)
        below = np.int64(place)
        low, high = falling[below], falling[min(below + 1, len(falling) - 1)]
        scratch.drawn[at] = low + (high - low) * np.float32(place - below)


@jit
def _lose(size: int, scratch: Scratch) -> int:
    """Drop LOST of the components, never all; how many are left."""
    kept = 0
    for at in range(size):
        if _draw(scratch.state) >= LOST or (kept == 0 and at == size - 1):
            scratch.found[kept], scratch.drawn[kept] = scratch.found[at], scratch.drawn[at]
            kept += 1
    return kept
