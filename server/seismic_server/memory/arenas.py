"""The arenas of the C library's allocator."""

import ctypes

M_ARENA_MAX = -8
"""The option's number in glibc's malloc.h."""

ARENAS = 2


def limit_arenas() -> None:
    """Let all threads allocate from a few arenas, before there are threads.

    By default every thread that meets another in `malloc` gets its own, up to eight per core, and each keeps freed
    memory in pieces and 64 MB of address space for good: under a limit of memory, a burst of large answers left too
    little for small ones. Only glibc has this option.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_ARENA_MAX, ARENAS)
