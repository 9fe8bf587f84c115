"""The JSON of an answer, in parts that are never joined: large answers are sent as they are."""

from seismic import ParameterError
from seismic_server.memory import budget as memory

COPIES = 2
"""Times that a text is in memory before it is JSON: once as Arrow's, once as Python's."""


class Body:
    """Parts of an answer, of at most `most` bytes together, which count towards the request's memory."""

    def __init__(self, most: int) -> None:
        self.parts: list[bytes] = []
        self.size, self._most, self._lease = 0, most, memory.current()
        self._reserved = 0

    def add(self, part: bytes) -> None:
        """Add a part. Raises ParameterError if the answer becomes too large, OverloadedError if memory is short."""
        self.size += len(part)
        self._check(self.size)
        self._lease.grow(len(part))
        self.parts.append(part)

    def reserve(self, count: int) -> None:
        """Lease the memory of values of `count` bytes before they are copied out of the files. Raises like `add`."""
        self._reserved += count
        self._check(self._reserved)
        self._lease.grow(COPIES * count)

    def _check(self, size: int) -> None:
        if size > self._most:
            raise ParameterError(
                f"found an answer of more than {self._most} bytes (setting max_answer_bytes), expected less: request "
                "fewer hits or facet values, name the payload columns, or leave out vectors and explanations"
            )
