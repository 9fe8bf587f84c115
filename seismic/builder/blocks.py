"""Posting lists cut into list blocks: the part of a list in one shared block."""

import numpy as np

from seismic.builder.prune import Postings
from seismic.kernels.constants import BLOCK
from seismic.kernels.lists import Blocks


def cut_lists(postings: Postings) -> Blocks:
    """Cut posting lists into list blocks.

    Similar documents are neighbours already. Clustering each list by k-means (Seismic, SIGIR 2024, section 5.2) takes
    longer, and the documents of its blocks lie apart in memory.
    """
    lengths = np.diff(postings.starts)
    block = postings.positions >> np.uint32(BLOCK.bit_length() - 1)
    opens = np.empty(len(block) + 1, np.bool_)
    opens[-1] = True
    np.not_equal(block[1:], block[:-1], out=opens[1:-1])
    opens[postings.starts[:-1][lengths > 0]] = True
    starts = np.flatnonzero(opens)
    bits = np.left_shift(1, postings.positions & np.uint32(BLOCK - 1), dtype=np.uint32)
    documents = np.add.reduceat(bits, starts[:-1]) if len(bits) else bits
    members = (block[starts[:-1]] << np.uint32(8)) | documents.astype(np.uint32)
    return Blocks(np.searchsorted(starts[:-1], postings.starts).astype(np.int32), members)


def no_blocks(dimension: int) -> Blocks:
    """Return the list blocks of empty lists."""
    return Blocks(np.zeros(dimension + 1, np.int32), np.zeros(0, np.uint32))
