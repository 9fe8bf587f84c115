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
    `matched`: how many documents a filter lets through; None without one. `warnings`: what the caller might not expect.
    """

    hits: list[Hit]
    plan: Plan
    stats: SearchStats
    unknown: tuple[int | str, ...]
    profile: Profile | None = None
    matched: int | None = None
    warnings: tuple[str, ...] = ()


def cut_text(pieces: int) -> tuple[str, ...]:
    """What to say of a query's text whose last pieces were too many for the encoder."""
    return (f"the text is too long: its last {pieces:,} word pieces were cut off",) if pieces else ()


def few_hits(found: int, k: int, matched: int) -> tuple[str, ...]:
    """Why a filtered search of k hits found no more, as warnings; none if it found k."""
    if found >= k:
        return ()
    if found == matched:
        return (f"only {matched} documents match the filter",)
    return (f"{matched} documents match the filter, and only {found} of them share a component with the query",)
