"""Parts of a collection by name: `2/4` is the second of four even ranges of shards."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from seismic.errors import ParameterError

_FORM = re.compile(r"([1-9]\d{0,4})/([1-9]\d{0,4})(\+changes)?")
EXPECTED = "expected I/N (the I-th of N ranges of shards), I/N+changes, or changes"


class PartSpec(NamedTuple):
    """Which documents a part has: range `number` of `of` ranges of shards (0 of 0: none), and whether those of changes.

    A name means the same for every generation, whatever number of shards it has.
    """

    number: int
    of: int
    changes: bool

    @classmethod
    def parse(cls, text: str, where: str = "part") -> "PartSpec":
        """Return the part of a name. Raises ParameterError."""
        if text == "changes":
            return cls(0, 0, True)
        match = _FORM.fullmatch(text) if isinstance(text, str) else None
        if match is None or int(match[1]) > int(match[2]):
            raise ParameterError(f"{where}: found {text!r}, {EXPECTED}")
        return cls(int(match[1]), int(match[2]), match[3] is not None)

    def shards(self, count: int) -> slice:
        """Return the shards of a generation with `count` shards."""
        if self.of == 0:
            return slice(0, 0)
        return slice(count * (self.number - 1) // self.of, count * self.number // self.of)

    def __str__(self) -> str:
        if self.of == 0:
            return "changes"
        return f"{self.number}/{self.of}{'+changes' if self.changes else ''}"


def check_cover(parts: Sequence[PartSpec], where: str) -> None:
    """Raise ParameterError unless the parts have every shard and the changes exactly once."""
    listed = ", ".join(map(str, parts)) or "no parts"
    ranges = sorted((part.number, part.of) for part in parts if part.of)
    count = len(ranges)
    if not ranges or ranges != [(number, count) for number in range(1, count + 1)]:
        expected = f"1/{max(count, 1)} to {max(count, 1)}/{max(count, 1)}"
        raise ParameterError(f"{where}: found the parts {listed}, expected {expected}, each once")
    if sum(part.changes for part in parts) != 1:
        raise ParameterError(
            f"{where}: found the parts {listed}, expected the changes in exactly one: add +changes to one of them, or "
            "a part named changes"
        )
