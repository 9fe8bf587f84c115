"""Inputs for tests: Hypothesis strategies, and builders of the arrays that kernels take."""

import math
from collections.abc import Collection, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

import seismic
from seismic import Index, SparseVectors
from seismic.kernels.constants import BLOCK, GROUP, SUPERBLOCK
from seismic.kernels.heaviest import Heads
from seismic.kernels.lists import Blocks, Summaries
from seismic.kernels.maxima import Maxima
from seismic.kernels.score import Forward
from seismic.kernels.shared import Shared
from seismic.kernels.summarize import CODE_BITS
from tests import naive
from tests.naive import Codes, Row

NARROW, WIDE = 60, 105_879
"""Dimensions whose components are uint16 and uint32."""

SPREAD = {NARROW: 1, WIDE: 1024}
"""Distance of the components in use; those of WIDE share their low 10 bits, and so do their hashes."""

COMPONENTS = 24

T = TypeVar("T", bound=tuple[npt.NDArray[Any], ...])

dimensions = st.sampled_from([NARROW, WIDE])
weights = st.floats(1 / 64, 16, width=32)
eighths = st.integers(1, 64).map(lambda number: number / 8)
"""Weights whose sums and products are exact in float32."""


@st.composite
def sparse_rows(
    draw: st.DrawFn, dimension: int, values: st.SearchStrategy[float] = weights, min_size: int = 0, max_size: int = 20
) -> list[Row]:
    """Draw vectors with few distinct components, so that they overlap; some are empty."""
    components = st.integers(0, COMPONENTS - 1).map(lambda number: number * SPREAD[dimension])
    vector = st.dictionaries(components, values, max_size=COMPONENTS)
    return [dict(sorted(row.items())) for row in draw(st.lists(vector, min_size=min_size, max_size=max_size))]


@st.composite
def sparse_vectors(
    draw: st.DrawFn, values: st.SearchStrategy[float] = weights, min_size: int = 1, max_size: int = 20
) -> SparseVectors:
    """Draw vectors of uint16 or uint32 components."""
    dimension = draw(dimensions)
    return SparseVectors.from_dicts(draw(sparse_rows(dimension, values, min_size, max_size)), dimension)


def random_vectors(
    count: int, dimension: int = NARROW, per_vector: int = 8, seed: int = 0, empty: float = 0.1
) -> SparseVectors:
    """Return vectors whose components follow Zipf's law; the fraction `empty` of them is empty."""
    rng = np.random.default_rng(seed)
    frequency = 1 / np.arange(1, dimension + 1)
    rows: list[Row] = []
    for _ in range(count):
        size = 0 if rng.random() < empty else per_vector
        components = rng.choice(dimension, size, replace=False, p=frequency / frequency.sum())
        rows.append(dict(zip(components.tolist(), rng.gamma(2, 0.5, size).astype(np.float32).tolist(), strict=True)))
    return SparseVectors.from_dicts(rows, dimension)


def opened(folder: Path, rows: list[Row], dimension: int | None = None, **options: Any) -> Index:
    """Build and open a collection of a few documents, called `index`."""
    seismic.build(SparseVectors.from_dicts(rows, dimension), folder / "index", **options)
    return seismic.open(folder / "index")


def as_query(row: Mapping[int, float]) -> dict[str, list[Any]]:
    return {"indices": list(row), "values": list(row.values())}


def readonly(arrays: T) -> T:
    """Return the NamedTuple with read-only arrays, the type that Numba sees for memory maps."""
    for array in arrays:
        array.flags.writeable = False
    return arrays


def csr(vectors: SparseVectors) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    return vectors.indptr, vectors.components, vectors.values


def queries(rows: Sequence[Row]) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the CSR triple that search kernels take: uint32 components, whatever the index stores."""
    return csr(SparseVectors.from_dicts(rows).widened(1 << 24))


def empty_heads(vectors: SparseVectors, cut: int) -> Heads:
    """Allocate the heads of some vectors."""
    shape = (len(vectors), cut)
    return Heads(
        np.zeros(shape, vectors.components.dtype), np.zeros(shape, np.float32), np.zeros(len(vectors), np.int32)
    )


def heads(vectors: SparseVectors, cut: int) -> Heads:
    result = empty_heads(vectors, cut)
    for document, row in enumerate(naive.rows(vectors)):
        head = naive.head(row, cut)
        result.counts[document] = len(head)
        result.components[document, : len(head)] = list(head)
        result.values[document, : len(head)] = list(head.values())
    return result


def forward(vectors: SparseVectors) -> Forward:
    """Build a forward index whose positions are document numbers."""
    parts = [naive.quantize(list(row.values())) for row in naive.rows(vectors)]
    return readonly(
        Forward(
            np.arange(len(vectors), dtype=np.uint32),
            vectors.indptr.astype(np.int32),
            vectors.components.copy(),
            np.array([code for _, codes, _ in parts for code in codes], np.uint8),
            np.array([residual for _, _, residuals in parts for residual in residuals], np.int8),
            np.array([scale for scale, _, _ in parts], np.float32),
        )
    )


def shared(vectors: SparseVectors) -> Shared:
    """Build blocks whose positions are document numbers."""
    index, rows, own = forward(vectors), [], []
    documents = [
        {
            int(index.components[at]): (index.codes[at], index.residuals[at])
            for at in range(*index.starts[row : row + 2])
        }
        for row in range(len(vectors))
    ]
    blocks = [documents[first : first + BLOCK] for first in range(0, len(documents), BLOCK)]
    for block in blocks:
        has = {
            component: [at for at, row in enumerate(block) if component in row]
            for component in sorted(set().union(*block))
        }
        of_block = []
        for component, members in has.items():
            if len(members) > 1:
                of_block.append((component, sum(1 << at for at in members), [block[at][component] for at in members]))
        rows.append(of_block)
        own.append([[(c, *row[c]) for c in sorted(row) if len(has[c]) == 1] for row in block])
    flat = [row for block in rows for row in block]
    pairs = [pair for *_, pairs in flat for pair in pairs]
    single = [entry for block in own for document in block for entry in document]
    ends = [np.cumsum([*map(len, block), *[0] * (BLOCK - len(block))]) for block in own]
    return readonly(
        Shared(
            index.numbers.copy(),
            index.scales.copy(),
            offsets([len(block) for block in rows]),
            np.array([component for component, *_ in flat], vectors.components.dtype),
            np.array([bits for _, bits, *_ in flat], np.uint8),
            offsets([sum(len(row[-1]) for row in block) for block in rows]),
            np.array([code for code, _ in pairs], np.uint8),
            np.array([residual for _, residual in pairs], np.int8),
            offsets([sum(map(len, block)) for block in own]),
            np.array([component for component, *_ in single], vectors.components.dtype),
            np.array([code for _, code, _ in single], np.uint8),
            np.array([residual for *_, residual in single], np.int8),
            np.array(ends, np.uint32).ravel(),
        )
    )


def offsets(lengths: npt.ArrayLike, dtype: type[np.signedinteger[Any]] = np.int32) -> npt.NDArray[Any]:
    return np.concatenate([[0], np.cumsum(lengths, dtype=dtype)]).astype(dtype)


def row_offsets(
    rows: Mapping[int, Sized], dimension: int, dtype: type[np.signedinteger[Any]] = np.int32
) -> npt.NDArray[Any]:
    """Return the offsets of the rows of all components; those not in `rows` are empty."""
    lengths = np.zeros(dimension, np.int64)
    for component, row in rows.items():
        lengths[component] = len(row)
    return offsets(lengths, dtype)


def maxima(documents: Sequence[Row], dimension: int, dense: Collection[int], superblocks: bool = False) -> Maxima:
    """Build maxima over blocks; the components `dense` have a code for every block, and maybe every superblock."""
    found = naive.shared_maxima(documents, BLOCK)
    padded = -(-len(documents) // (BLOCK * GROUP)) * GROUP
    scales = np.zeros(dimension, np.float32)
    blocks: dict[int, list[int]] = {}
    codes: dict[int, list[int]] = {}
    for component, row in found.items():
        scales[component] = max(row.values()) / 255
        rounded_up = {block: min(255, math.ceil(value / float(scales[component]))) for block, value in row.items()}
        if component in dense:
            row_codes = [rounded_up.get(block, 0) for block in range(padded)]
            of_superblocks = [max(row_codes[at : at + SUPERBLOCK]) for at in range(0, padded, SUPERBLOCK)]
            of_superblocks += [0] * (-len(of_superblocks) % GROUP)
            codes[component] = [*row_codes, *(of_superblocks if superblocks else [])]
        else:
            blocks[component], codes[component] = list(rounded_up), list(rounded_up.values())
    block_starts = row_offsets(blocks, dimension)
    return readonly(
        Maxima(
            block_starts,
            np.array([block for row in blocks.values() for block in row], np.uint16),
            np.diff(block_starts).astype(np.uint32),
            row_offsets(codes, dimension),
            np.array([code for row in codes.values() for code in row], np.uint8),
            scales,
        )
    )


def blocks(lists: Mapping[int, Sequence[Sequence[int]]], dimension: int) -> Blocks:
    """Build list blocks from component -> blocks -> positions."""
    members = [
        (block[0] // BLOCK) << 8 | sum(1 << position % BLOCK for position in block)
        for component in sorted(lists)
        for block in lists[component]
    ]
    return readonly(Blocks(row_offsets(lists, dimension), np.array(members, np.uint32)))


def summaries(lists: Mapping[int, Sequence[Codes]], scales: Row, dimension: int) -> Summaries:
    """Build summaries from component -> the summary of each block; some runs are padded."""
    shapes: dict[int, list[tuple[int, int]]] = {}
    runs: dict[int, list[int]] = {}
    entries: dict[int, list[int]] = {}
    for component in sorted(lists):
        by_length: dict[int, list[int]] = {}
        inverted = naive.invert_summaries(lists[component])
        for of_run, run in inverted.items():
            by_length.setdefault(len(run) + len(run) % 3, []).append(of_run)
        shapes[component] = [(length, len(by_length[length])) for length in sorted(by_length)]
        runs[component] = [of_run for length in sorted(by_length) for of_run in by_length[length]]
        entries[component] = []
        for of_run in runs[component]:
            run = inverted[of_run]
            entries[component] += [block << CODE_BITS | code for block, code in run] + [0] * (len(run) % 3)
    all_scales = np.zeros(dimension, np.float32)
    all_scales[list(scales)] = list(scales.values())
    return readonly(
        Summaries(
            row_offsets(shapes, dimension),
            np.array([length for row in shapes.values() for length, _ in row], np.uint16),
            np.array([count for row in shapes.values() for _, count in row], np.uint32),
            row_offsets(runs, dimension),
            np.array([c for row in runs.values() for c in row], np.uint16 if dimension <= 1 << 16 else np.uint32),
            row_offsets(entries, dimension),
            np.array([entry for row in entries.values() for entry in row], np.uint16),
            all_scales,
        )
    )
