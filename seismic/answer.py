"""What a search returns."""

from dataclasses import dataclass

from seismic.params import Plan, Profile


@dataclass(frozen=True, slots=True)
class Hit:
    """A document found: the user's id, its inner product with the query, its document number (row of the input)."""

    id: str | int
    score: float
    number: int


@dataclass(frozen=True, slots=True)
class SearchStats:
    """What a search did, over all shards: posting lists visited, blocks estimated and visited, documents scored."""

    lists: int
    blocks: int
    blocks_visited: int
    documents_scored: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Hits, best first; the plan that found them; `unknown`: components or tokens of the query the index lacks.

    `profile`: the one that a recall asked for has chosen, with its target and what was measured; else None.
    """

    hits: list[Hit]
    plan: Plan
    stats: SearchStats
    unknown: tuple[int | str, ...]
    profile: Profile | None = None
