"""Answers of the routes for operation."""

from seismic.params import Verify
from seismic_server.schemas.bodies import Schema


class DamageFound(Schema):
    """Damage in a file."""

    file: str
    """File in the generation's folder; `log` for the collection's log."""
    section: str | None
    """Column and buffer. Missing if unknown."""
    problem: str


class VerifyAnswer(Schema):
    """The files that were checked, and the damage found; an empty list means none."""

    generation: str
    verify: Verify
    """Hashes that were checked. Sizes, bounds and invariants always are."""
    files: int
    bytes: int
    damages: list[DamageFound]
    took_ms: float


class WarmUpAnswer(Schema):
    """The collection's kernels are compiled, and its files are in memory if they fit."""

    generation: str
    files: int
    bytes: int
    """Size of the files."""
    took_ms: float
