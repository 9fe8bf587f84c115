"""Recognise failures that mean the machine ran out of something, so that clients retry."""

import errno

from seismic.errors import OverloadedError

SHORT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})
"""Errors of system calls without free descriptors, memory or threads."""


def shortage_of(error: BaseException) -> OverloadedError | None:
    """Return the error to answer with if `error`, or one that it came from, is a shortage; otherwise None."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError):
            return OverloadedError("the service is out of memory; retry shortly, or request less")
        if isinstance(seen, OSError) and seen.errno in SHORT:
            return OverloadedError("the service is out of files or memory; retry shortly")
        if isinstance(seen, RuntimeError) and "start new thread" in str(seen):
            return OverloadedError("the service is out of threads or memory; retry shortly")
        seen = seen.__cause__ or seen.__context__
    return None
