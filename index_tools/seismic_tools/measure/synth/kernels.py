"""Generate documents by mixing the vectors of similar real documents.

Random bits are only added, multiplied and compared, so a seed gives the same documents on every machine.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import F32, I64, U64, Ids
from seismic.kernels.jit import jit
from seismic.kernels.sample import mix

STEP = np.uint64(0x9E3779B97F4A7C15)
"""Increment of SplitMix64."""

PARENTS, MOST_PARENTS = 3, 8
"""Minimum and maximum number of documents mixed; more than the minimum if they have too few components."""

OWN = 0.3
"""Minimum share of the first parent; its maximum is twice that. The other parents halve the rest."""

NEAR = 40
"""Maximum distance, in positions, of the other parents from the first; most are far closer."""

JITTER = 0.5
"""Weights are multiplied by a factor in 1 +- JITTER before they are ranked."""

LOST = 0.1
"""Share of components missing in a near-copy."""

ROUNDS = 5
"""Maximum passes to find the components that are certain to be kept."""


class Source(NamedTuple):
    """Real vectors, none empty, similar ones together.

    ``starts`` int64 [n + 1]; ``components`` uint16 or uint32 and ``values`` float32, vector by vector, components
    ascending; ``falling`` float32: the same values, largest first within each vector.
    """

    starts: I64
    components: Ids
    values: F32
    falling: F32


class Scratch(NamedTuple):
    """Scratch arrays of a thread. ``state`` uint64 [1]: random numbers. By component [dimension]: ``shares`` float32 of
    the parents with it and ``weights`` float32 from them, both 0 between documents; ``found`` int64: components with a
    share; ``drawn`` float32: their values."""

    state: U64
    shares: F32
    weights: F32
    found: I64
    drawn: F32


@jit
def make_scratch(dimension: int) -> Scratch:
    """Return the scratch arrays of one thread."""
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
    """Return documents first .. last - 1 as a CSR triple.

    A document has about `stretch` components per component of its first parent. A share `copies` of the documents
    repeats an earlier one without a share LOST of its components. Each depends only on the seed and its number.
    """
    starts = np.zeros(last - first + 1, np.int64)
    mean = len(source.values) * stretch / (len(source.starts) - 1)
    room = np.int64((last - first) * mean * 1.1)
    components, values = np.empty(room, source.components.dtype), np.empty(room, np.float32)
    for number in range(first, last):
        origin = _begin_document(scratch.state, copies, seed, number)
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
def first_parents(parents: int, copies: float, seed: int, first: int, last: int, state: U64) -> I64:
    """Return the first parents, rows of the `parents` source documents, of documents first .. last - 1."""
    found = np.empty(last - first, np.int64)
    for number in range(first, last):
        _begin_document(state, copies, seed, number)
        found[number - first] = np.int64(_draw(state) * parents)
    return found


@jit
def _begin_document(state: U64, copies: float, seed: int, number: int) -> int:
    """Seed the random numbers of a document; return the number of the document that it repeats, or its own."""
    _begin(state, seed, number)
    origin = number
    if _draw(state) < copies:
        origin = np.int64(_draw(state) * number)
        _begin(state, seed, origin)
        _draw(state)
    return origin


@jit
def _begin(state: U64, seed: int, number: int) -> None:
    """Seed the random numbers of a document."""
    state[0] = mix(np.uint64(seed) ^ mix(np.uint64(number) + STEP))


@jit(inline=True)
def _draw(state: U64) -> float:
    """Return a random number in [0, 1)."""
    state[0] += STEP
    return np.float64(mix(state[0]) >> np.uint64(11)) * 2.0**-53


@jit
def _longer(array: F32, start: int, size: int) -> F32:
    """Return a copy of the first `start` items with room for at least `size` more."""
    longer = np.empty(start + max(start, size), array.dtype)
    longer[:start] = array[:start]
    return longer


@jit
def _mix_parents(source: Source, stretch: float, scratch: Scratch) -> int:
    """Mix a document into `found`, ascending, and `drawn`; return its number of components."""
    state, n = scratch.state, len(source.starts) - 1
    parent = np.int64(_draw(state) * n)
    falling = source.falling[source.starts[parent] : source.starts[parent + 1]]
    wanted = max(1, np.int64(len(falling) * stretch + _draw(state)))
    share, size = np.float32(OWN * (1 + _draw(state))), 0
    left, other = np.float32(1) - share, parent
    for count in range(MOST_PARENTS):
        if count >= PARENTS and size >= wanted:
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
    """Add the share of a parent to its components; return the number of components found so far."""
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
    """Draw about `wanted` components in proportion to their shares; return the number kept, at least one. Clear the
    shares."""
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
    """Return the factor that turns shares into probabilities, at most 1, with a sum of about `wanted`."""
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
    """Assign the values of the first parent to the components by rank of their jittered weights."""
    jittered, ranked = np.empty(kept, np.float32), np.empty(kept, np.uint64)
    bits = jittered.view(np.uint32)  # positive floats sort like their bits
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
    """Drop a share LOST of the components, never all; return the number left."""
    kept = 0
    for at in range(size):
        if _draw(scratch.state) >= LOST or (kept == 0 and at == size - 1):
            scratch.found[kept], scratch.drawn[kept] = scratch.found[at], scratch.drawn[at]
            kept += 1
    return kept
