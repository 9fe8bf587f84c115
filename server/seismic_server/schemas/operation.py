"""Answers of the routes for operation."""

from seismic.params import Verify
from seismic_server.schemas.bodies import Schema


class DamageFound(Schema):
    """A file that is not what it should be."""

    file: str
    """Below the generation's folder; `log`: of the collection."""
    section: str | None
    """Column and buffer, if it is known."""
    problem: str


class VerifyAnswer(Schema):
    """What was looked at, and the damage found: none is good."""

    generation: str
    verify: Verify
    """Which hashes were checked; sizes, bounds and invariants always are."""
    files: int
    bytes: int
    damages: list[DamageFound]
    took_ms: float


class WarmUpAnswer(Schema):
    """The collection's kernels are compiled, and its files are in memory, as far as there is room."""

    generation: str
    files: int
    bytes: int
    """Size of the files."""
    took_ms: float
