"""A job and its state."""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from seismic_server.http.errors import Kind

JobKind: TypeAlias = Literal["compact", "rollback", "snapshot", "restore"]
JobState: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class JobProblem:
    """Why a job failed."""

    kind: Kind
    detail: str


@dataclass(slots=True, eq=False)
class Job:
    """A long operation on a collection. Belongs to the event loop.

    `place`: what no two jobs may work on at the same time, the folder of the collection. `options` tell jobs of a kind
    apart. `progress`: 0 to 1. `automatic`: whether the service itself requested it.
    """

    kind: JobKind
    collection: str
    place: str
    options: dict[str, Any]
    automatic: bool = False
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    state: JobState = "queued"
    progress: float = 0.0
    created: datetime = field(default_factory=lambda: now())
    started: datetime | None = None
    ended: datetime | None = None
    result: dict[str, Any] | None = None
    problem: JobProblem | None = None

    @property
    def active(self) -> bool:
        """Whether it waits or runs."""
        return self.ended is None


def now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)
