"""A slow, obvious oracle for every kernel.

A vector is a dict component -> value. Sums are float64, except where float32 arithmetic is the definition.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from seismic import SparseVectors

Row: TypeAlias = dict[int, float]
Postings: TypeAlias = dict[int, list[tuple[int, float]]]
"""Component -> (position, value), positions ascending."""

Codes: TypeAlias = dict[int, int]
"""Component -> code."""

BUCKETS = 256


def rows(vectors: SparseVectors) -> list[Row]:
    return [dict(zip(*(array.tolist() for array in vectors[row]), strict=True)) for row in range(len(vectors))]


def dot(one: Mapping[int, float], other: Mapping[int, float]) -> float:
    return math.fsum(one[component] * other[component] for component in one.keys() & other.keys())


# ---- results -----------------------------------------------------------------------------------------------------


def best_first(scored: Iterable[tuple[int, float]], k: int) -> list[tuple[int, float]]:
    """Return the k best of (number, score): higher scores first, then lower numbers."""
    return sorted(scored, key=lambda hit: (-hit[1], hit[0]))[:k]


def document_frequency(documents: Sequence[Row], query: Row) -> dict[int, int]:
    """Return component of the query -> number of documents that have it."""
    return {component: sum(component in document for document in documents) for component in query}


def matches(documents: Sequence[Row], query: Row) -> dict[int, float]:
    """Score the documents that share a component with the query: number -> score."""
    return {number: dot(row, query) for number, row in enumerate(documents) if row.keys() & query.keys()}


def top_k(documents: Sequence[Row], query: Row, k: int) -> list[tuple[int, float]]:
    return best_first(matches(documents, query).items(), k)


def assert_top_k(
    numbers: npt.NDArray[np.int64], scores: npt.NDArray[np.float32], documents: Sequence[Row], query: Row
) -> None:
    """Check for the best len(numbers) documents; those whose scores are equal in float32 may swap places."""
    truth = matches(documents, query)
    size = min(len(numbers), len(truth))
    found = numbers[:size].tolist()
    assert len(set(found)) == size
    assert numbers[size:].tolist() == [-1] * (len(numbers) - size)
    assert scores[size:].tolist() == [0] * (len(numbers) - size)
    np.testing.assert_allclose(scores[:size], [truth[number] for number in found], rtol=1e-5)
    hits = list(zip(found, scores.tolist(), strict=False))
    assert hits == best_first(hits, size)
    left_out = [score for number, score in truth.items() if number not in found]
    assert max(left_out, default=0) <= min(scores[:size].tolist(), default=0) * (1 + 1e-5)


def merge(parts: Sequence[Sequence[tuple[int, float]]], k: int) -> list[tuple[int, float]]:
    """Return the k best hits of several shards."""
    return best_first([hit for part in parts for hit in part], k)


# ---- forward index -----------------------------------------------------------------------------------------------


def scale_of(values: Sequence[float], exact: int = 65280) -> float:
    """Return the largest value / 255; for integers up to `exact` the smallest power of 2 not below that."""
    scale = float(np.float32(max(values, default=0)) / np.float32(255))
    integers = all(value == int(value) for value in values)
    return 2.0 ** math.ceil(math.log2(max(values) / 255)) if values and integers and max(values) <= exact else scale


def quantize(values: Sequence[float], exact: int = 65280) -> tuple[float, list[int], list[int]]:
    """Split values into (scale, codes, residuals): the nearest positive multiple of scale / 256 each."""
    scale = scale_of(values, exact)
    fine = [max(1, round(value / scale * 256)) for value in values]
    codes = [(number + 128) // 256 for number in fine]
    return scale, codes, [number - 256 * code for number, code in zip(fine, codes, strict=True)]


def stored(documents: Sequence[Row]) -> list[Row]:
    """Return the vectors as the forward index stores them."""
    result = []
    for row in documents:
        scale, codes, residuals = quantize(list(row.values()))
        numerators = (code + residual / 256 for code, residual in zip(codes, residuals, strict=True))
        result.append({component: scale * numerator for component, numerator in zip(row, numerators, strict=True)})
    return result


def small(documents: Sequence[Row]) -> list[Row]:
    """Return the vectors as the layout `small` stores them."""
    result = []
    for row in documents:
        _, all_codes, _ = quantize(list(row.values()), exact=0)
        kept = {component: row[component] for component, code in zip(row, all_codes, strict=True) if code >= 34}
        scale, codes, _ = quantize(list(kept.values()), 255)
        result.append({component: scale * code for component, code in zip(kept, codes, strict=True)})
    return result


def shared_maxima(documents: Sequence[Row], block: int) -> dict[int, Row]:
    """Take the maxima of blocks of `block` documents: component -> block number -> maximum."""
    result: dict[int, Row] = {}
    for first in range(0, len(documents), block):
        for component, value in maximum(documents[first : first + block]).items():
            result.setdefault(component, {})[first // block] = value
    return dict(sorted(result.items()))


def heaviest(values: Sequence[float], cut: int) -> list[int]:
    """Return the indices of the largest values, largest first, earlier first among equals."""
    return sorted(range(len(values)), key=lambda place: (-values[place], place))[:cut]


def head(row: Row, cut: int) -> Row:
    """Return the heaviest components, heaviest first."""
    components = list(row)
    return {components[place]: row[components[place]] for place in heaviest(list(row.values()), cut)}


# ---- random choice -----------------------------------------------------------------------------------------------

GAMMA, WORD = 0x9E3779B97F4A7C15, 2**64 - 1


def mix(state: int) -> int:
    """Apply SplitMix64's output function."""
    state = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & WORD
    state = ((state ^ state >> 27) * 0x94D049BB133111EB) & WORD
    return state ^ state >> 31


def sample(population: int, size: int, seed: int, stream: int) -> list[int]:
    """Return the first `size` numbers of a Fisher-Yates shuffle, ascending."""
    state = mix(seed ^ mix(stream + GAMMA & WORD))
    pool = list(range(population))
    for at in range(size):
        state = state + GAMMA & WORD
        other = at + mix(state) % (population - at)
        pool[at], pool[other] = pool[other], pool[at]
    return sorted(pool[:size])


# ---- document order ----------------------------------------------------------------------------------------------


def unit(row: Row) -> Row:
    """Scale to length 1."""
    length = math.sqrt(dot(row, row))
    return {component: value / length for component, value in row.items()}


def mean_direction(members: Sequence[Row]) -> Row:
    """Add up the unit vectors of members."""
    total: Row = {}
    for member in map(unit, members):
        for component, value in member.items():
            total[component] = total.get(component, 0) + value
    return total


def group(labels: Sequence[int], n_clusters: int) -> list[list[int]]:
    """Return the members of each cluster, ascending."""
    return [[at for at, label in enumerate(labels) if label == cluster] for cluster in range(n_clusters)]


def k_means(
    documents: Sequence[Row], numbers: Sequence[int], centroids: list[Row], cuts: tuple[int, int], rounds: int
) -> list[list[int]]:
    """Cluster the documents `numbers`.

    `cuts`: number of components of a document's head and of a centroid's. All rounds except the last use every fourth
    document.
    """
    for left in range(rounds - 1, -1, -1):
        some, directions = numbers[:: 4 if left else 1], [unit(centroid) for centroid in centroids]
        scores = [[dot(head(documents[number], cuts[0]), one) for one in directions] for number in some]
        labels = [of_centroids.index(max(of_centroids)) for of_centroids in scores]
        groups = [[some[place] for place in places] for places in group(labels, len(centroids))]
        means = [head(mean_direction([documents[number] for number in members]), cuts[1]) for members in groups]
        centroids = [mean or centroid for mean, centroid in zip(means, centroids, strict=True)]
    return groups


def pack(window: Sequence[Row], size: int, full: int) -> list[int]:
    """Return the indices of a window's documents, block by block.

    The heaviest document comes first; each goes into the non-full block whose squared mass grows least. A mass is a sum
    of squares in whole steps; the heaviest document's mass is `full` steps.
    """
    masses = [dot(row, row) for row in window]
    unit = full / (max(masses) or 1)
    squares = [{component: int(value**2 * unit) for component, value in row.items()} for row in window]

    def mass(places: Sequence[int]) -> float:
        return sum(maximum([squares[place] for place in places]).values())

    rooms = [min(size, len(window) - first) for first in range(0, len(window), size)]
    blocks: list[list[int]] = [[] for _ in rooms]
    for place in heaviest(masses, len(window)):
        growth = {
            number: mass([*block, place]) ** 2 - mass(block) ** 2
            for number, block in enumerate(blocks)
            if len(block) < rooms[number]
        }
        blocks[min(growth, key=growth.__getitem__)].append(place)
    return [place for block in blocks for place in block]


# ---- posting lists -----------------------------------------------------------------------------------------------


def invert(documents: Sequence[Row], thresholds: Mapping[int, float] | None = None) -> Postings:
    """Return the postings with value >= thresholds[component], or all of them."""
    postings: Postings = {}
    for position, row in enumerate(documents):
        for component, value in row.items():
            if thresholds is None or value >= thresholds[component]:
                postings.setdefault(component, []).append((position, value))
    return postings


def prune(postings: Postings, cap: int) -> dict[int, list[int]]:
    """Keep the positions of each list's `cap` heaviest postings, ascending; lower positions first among equals."""
    return {
        component: sorted(position for position, _ in best_first(entries, cap))
        for component, entries in postings.items()
    }


def in_blocks(positions: Sequence[int], block: int) -> list[list[int]]:
    """Cut a posting list into its list blocks: positions that share a block of `block`."""
    return [list(group) for _, group in itertools.groupby(positions, lambda position: position // block)]


# ---- summaries ---------------------------------------------------------------------------------------------------


def maximum(block: Sequence[Mapping[int, float]]) -> Row:
    """Return the coordinate-wise maximum."""
    total: Row = {}
    for row in block:
        for component, value in row.items():
            total[component] = max(total.get(component, 0), value)
    return total


def energy_buckets(summary: Row) -> list[Row]:
    """Sort a summary's components into 256 equal steps of its maximum, largest first."""
    largest = np.float32(max(summary.values(), default=0))
    steps: list[Row] = [{} for _ in range(BUCKETS)]
    for component, value in summary.items():
        step = int(np.float32(value) * (np.float32(BUCKETS) / largest))
        steps[BUCKETS - 1 - min(step, BUCKETS - 1)][component] = value
    return steps


def cut(row: Row, energy: float) -> Row:
    """Keep the heaviest steps that hold the fraction `energy` of the mass."""
    kept: Row = {}
    for step in energy_buckets(row):
        if sum(kept.values()) >= energy * sum(row.values()):
            break
        kept |= step
    return kept


def summary_scales(documents: Sequence[Row]) -> Row:
    """Return the value of one unit of a summary's code, by component; code 7 is the component's largest value."""
    return {component: float(np.float32(value) / np.float32(7)) for component, value in maximum(documents).items()}


def summarize(block: Sequence[Row], scales: Row) -> Codes:
    """Return the coordinate-wise maximum of the documents' codes, 1 to 7."""
    codes = [{c: round(float(np.float32(value) / np.float32(scales[c]))) for c, value in row.items()} for row in block]
    return {component: min(max(int(code), 1), 7) for component, code in maximum(codes).items()}


def invert_summaries(summaries: Sequence[Codes], rare: float = 0) -> dict[int, list[tuple[int, int]]]:
    """Invert one list's summaries: component -> (block, code), for components in enough of its blocks."""
    runs: dict[int, list[tuple[int, int]]] = {}
    for block, summary in enumerate(summaries):
        for component, code in summary.items():
            runs.setdefault(component, []).append((block, code))
    return {component: entries for component, entries in runs.items() if len(entries) >= int(len(summaries) * rare)}


def estimates(summaries: Sequence[Codes], scales: Row, query: Row) -> list[float]:
    """Return query x summary for each block of a list."""
    return [dot({component: code * scales[component] for component, code in row.items()}, query) for row in summaries]


def hash_text(text: bytes) -> int:
    """Return the 64-bit FNV-1a hash with folded halves, multiplied."""
    value = 0xCBF29CE484222325
    for byte in text:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return (value ^ (value >> 32)) * 0x9E3779B97F4A7C15 % 2**64


def number_words(texts: Sequence[bytes], folded: Sequence[int]) -> tuple[list[list[int]], list[bytes]]:
    """Return the number of each word of each text, and the words by number, which is the order of appearance."""
    known: dict[bytes, int] = {}
    rows = []
    for text in texts:
        words = bytes(folded[byte] for byte in text).split(b"\0")
        rows.append([known.setdefault(word, len(known)) for word in words if word])
    return rows, list(known)
