"""The JSON of an answer, in parts that are never joined: large answers are sent as they are."""

from seismic import ParameterError
from seismic_server.memory import budget as memory


class Body:
    """Parts of an answer, of at most `most` bytes together, which count towards the request's memory."""

    def __init__(self, most: int) -> None:
        self.parts: list[bytes] = []
        self.size, self._most, self._lease = 0, most, memory.current()

    def add(self, part: bytes) -> None:
        """Add a part. Raises ParameterError if the answer becomes too large, OverloadedError if memory is short."""
        self.size += len(part)
        if self.size > self._most:
            raise ParameterError(
                f"found an answer of more than {self._most} bytes (setting max_answer_bytes), expected less: request "
                "fewer hits or facet values, name the payload columns, or leave out vectors and explanations"
            )
        self._lease.grow(len(part))
        self.parts.append(part)
