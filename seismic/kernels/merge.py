"""Merging the hits of two shards."""

from seismic.kernels.arrays import F32, I64
from seismic.kernels.jit import jit


@jit(allocates=False)
def merge_hits(
    numbers: I64, scores: F32, other_numbers: I64, other_scores: F32, best_numbers: I64, best_scores: F32
) -> None:
    """Write the best of two lists of hits per query to `best_numbers` and `best_scores`, which have room for k or all.

    Arrays are [queries, hits]: document numbers int64 and scores float32, by score, then by number; score 0 pads.
    """
    for row in range(len(best_numbers)):
        one = other = 0
        for place in range(best_numbers.shape[1]):
            take = other == other_numbers.shape[1]
            if not take and one < numbers.shape[1]:
                score, other_score = scores[row, one], other_scores[row, other]
                earlier = numbers[row, one] < other_numbers[row, other]
                take = score > other_score or (score == other_score and earlier)
            if take:
                best_numbers[row, place], best_scores[row, place] = numbers[row, one], scores[row, one]
                one += 1
            else:
                best_numbers[row, place], best_scores[row, place] = other_numbers[row, other], other_scores[row, other]
                other += 1
