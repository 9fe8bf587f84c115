"""A bounded min-heap of the best (score, document number) seen: the root is the worst kept."""

from seismic.kernels.arrays import F32, I64
from seismic.kernels.jit import jit


@jit(allocates=False)
def worse(score: float, number: int, other_score: float, other_number: int) -> bool:
    """Order of results: higher score first, then lower document number."""
    return score < other_score or (score == other_score and number > other_number)


@jit(allocates=False)
def push(scores: F32, numbers: I64, size: int, score: float, number: int) -> int:
    """Offer an entry to the heap of capacity len(scores); the new size."""
    capacity = len(scores)
    if size < capacity:
        at = size
        while at > 0:
            parent = (at - 1) >> 1
            if not worse(score, number, scores[parent], numbers[parent]):
                break
            scores[at], numbers[at] = scores[parent], numbers[parent]
            at = parent
        scores[at], numbers[at] = score, number
        return size + 1
    if worse(scores[0], numbers[0], score, number):
        _sift_down(scores, numbers, size, score, number)
    return size


@jit(allocates=False)
def _sift_down(scores: F32, numbers: I64, size: int, score: float, number: int) -> None:
    """Put an entry in place of the root and restore the heap."""
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and worse(scores[child + 1], numbers[child + 1], scores[child], numbers[child]):
            child += 1
        if not worse(scores[child], numbers[child], score, number):
            break
        scores[at], numbers[at] = scores[child], numbers[child]
        at = child
    scores[at], numbers[at] = score, number


@jit(allocates=False)
def keep(scores: F32, capacity: int, size: int, score: float) -> int:
    """Offer a score to a min-heap of scores alone; the new size."""
    at = size
    if size < capacity:
        while at > 0 and scores[(at - 1) >> 1] > score:
            scores[at] = scores[(at - 1) >> 1]
            at = (at - 1) >> 1
        scores[at] = score
        return size + 1
    if score <= scores[0]:
        return size
    at, child = 0, 1
    while child < size:
        if child + 1 < size and scores[child + 1] < scores[child]:
            child += 1
        if scores[child] >= score:
            break
        scores[at] = scores[child]
        at, child = child, 2 * child + 1
    scores[at] = score
    return size


@jit(allocates=False)
def sort_best_first(scores: F32, numbers: I64, size: int) -> None:
    """Heap-sort the first `size` entries in place, best first; the rest becomes score 0, number -1."""
    for end in range(size - 1, 0, -1):
        score, number = scores[end], numbers[end]
        scores[end], numbers[end] = scores[0], numbers[0]
        _sift_down(scores, numbers, end, score, number)
    for at in range(size, len(scores)):
        scores[at], numbers[at] = 0.0, -1
