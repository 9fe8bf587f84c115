"""A bounded min-heap of the best (score, document number) pairs: the root is the worst of them."""

from seismic.kernels.arrays import F32, I64
from seismic.kernels.jit import jit


@jit(allocates=False)
def worse(score: float, number: int, other_score: float, other_number: int) -> bool:
    """Return whether an entry ranks below another: higher scores rank first, then lower document numbers."""
    return score < other_score or (score == other_score and number > other_number)


@jit(allocates=False)
def push(scores: F32, numbers: I64, size: int, score: float, number: int) -> int:
    """Offer an entry to the heap of capacity len(scores), and return its new size."""
    capacity = len(scores)
    if size < capacity:
        place = size
        while place > 0:
            parent = (place - 1) >> 1
            if not worse(score, number, scores[parent], numbers[parent]):
                break
            scores[place], numbers[place] = scores[parent], numbers[parent]
            place = parent
        scores[place], numbers[place] = score, number
        return size + 1
    if worse(scores[0], numbers[0], score, number):
        _sift_down(scores, numbers, size, score, number)
    return size


@jit(allocates=False)
def _sift_down(scores: F32, numbers: I64, size: int, score: float, number: int) -> None:
    """Replace the root by an entry and restore the heap."""
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and worse(scores[child + 1], numbers[child + 1], scores[child], numbers[child]):
            child += 1
        if not worse(scores[child], numbers[child], score, number):
            break
        scores[place], numbers[place] = scores[child], numbers[child]
        place = child
    scores[place], numbers[place] = score, number


@jit(allocates=False)
def keep(scores: F32, capacity: int, size: int, score: float) -> int:
    """Offer a score to a min-heap of scores, and return its new size."""
    place = size
    if size < capacity:
        while place > 0 and scores[(place - 1) >> 1] > score:
            scores[place] = scores[(place - 1) >> 1]
            place = (place - 1) >> 1
        scores[place] = score
        return size + 1
    if score <= scores[0]:
        return size
    place, child = 0, 1
    while child < size:
        if child + 1 < size and scores[child + 1] < scores[child]:
            child += 1
        if scores[child] >= score:
            break
        scores[place] = scores[child]
        place, child = child, 2 * child + 1
    scores[place] = score
    return size


@jit(allocates=False)
def sort_best_first(scores: F32, numbers: I64, size: int) -> None:
    """Heap-sort the first `size` entries in place, best first, and pad with score 0 and number -1."""
    for end in range(size - 1, 0, -1):
        score, number = scores[end], numbers[end]
        scores[end], numbers[end] = scores[0], numbers[0]
        _sift_down(scores, numbers, end, score, number)
    for place in range(size, len(scores)):
        scores[place], numbers[place] = 0.0, -1
