"""What a search over many queries reads and writes."""

from typing import NamedTuple

from seismic.kernels.arrays import F32, I64, U32
from seismic.kernels.jit import jit


class Queries(NamedTuple):
    """Queries in CSR form: ``indptr`` int64 [queries + 1], ``components`` uint32 and ``values`` float32 [nnz]."""

    indptr: I64
    components: U32
    values: F32


class Known(NamedTuple):
    """What is known of the best scores before a shard is searched.

    ``min_scores`` float32 [queries]: documents that score less may be left out. So may those that are not among the
    ``rank`` best of this shard's documents and the hits of other shards; ``earlier`` float32 [queries, m]: the scores
    of those hits, of which 0 pads.
    """

    min_scores: F32
    earlier: F32
    rank: int


class TopK(NamedTuple):
    """The k best documents of a query, best first, and what the search did.

    ``scores`` float32 [k] and ``numbers`` int64 [k]: score 0 and document number -1 fill the places without a hit.
    ``counters`` int64 [4]: lists visited, blocks bounded or estimated, blocks visited, documents scored. A search adds
    to them. For a batch each array has one more dimension in front: the query.
    """

    scores: F32
    numbers: I64
    counters: I64


@jit(inline=True)
def top_k_of(top: TopK, row: int) -> TopK:
    """Return the row of one query of a batch."""
    return TopK(top.scores[row], top.numbers[row], top.counters[row])
