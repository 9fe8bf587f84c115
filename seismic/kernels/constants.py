"""Sizes that the index format and the kernels share."""

BLOCK = 8
"""Documents in a shared block."""

GROUP = 64
"""Blocks whose upper bounds are added together. Rows of codes and of upper bounds are padded to a multiple of it."""

SUPERBLOCK = 8
"""Blocks in a superblock."""

BLOCK_WINDOW_BITS = 16
BLOCK_WINDOW = 1 << BLOCK_WINDOW_BITS
"""Blocks in a window of the maxima. A block number within a window fits 16 bits, and the window's upper bounds fit the
cache."""

POSITION_WINDOW_BITS = 16
POSITION_WINDOW = 1 << POSITION_WINDOW_BITS
"""Positions in a window of the impacts. A position within a window fits 16 bits, and the window's sums fit the
cache."""

CACHE_LINE = 64
"""Bytes in a cache line."""
