"""Random samples that are the same on every machine: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""

import numpy as np

from seismic.kernels.arrays import U32
from seismic.kernels.jit import jit


@jit
def mix(state: int) -> int:
    """Apply SplitMix64's output function: uint64 -> uint64."""
    z = np.uint64(state)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@jit
def sample(population: int, seed: int, stream: int, chosen: U32, pool: U32) -> None:
    """Fill `chosen` with distinct numbers below `population`, ascending.

    `pool` uint32 [>= population] is scratch. The sample depends on (seed, stream) only.
    """
    state = mix(np.uint64(seed) ^ mix(np.uint64(stream) + np.uint64(0x9E3779B97F4A7C15)))
    for at in range(population):
        pool[at] = at
    for at in range(len(chosen)):  # a Fisher-Yates shuffle, stopped early
        state += np.uint64(0x9E3779B97F4A7C15)
        other = at + np.int64(mix(state) % np.uint64(population - at))
        pool[at], pool[other] = pool[other], pool[at]
    chosen[:] = np.sort(pool[: len(chosen)])
