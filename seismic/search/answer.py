"""What a search returns."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from seismic.params import Plan, Profile, described
from seismic.search.execute import SearchStats
from seismic.search.explain import Contribution, Explanation


class Hit(NamedTuple):
    """A document found: the user's id, its score, its document number (row of the input).

    The score is its inner product with the query; after a fusion, the fusion's. `explanation`, if it was asked for:
    what each component adds to the inner product, the largest first.
    """

    id: str | int
    score: float
    number: int
    explanation: tuple[Contribution, ...] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Documents found that have the same value in a column, best first."""

    value: Any
    hits: list[Hit]


@described
@dataclass(frozen=True, slots=True)
class Facet:
    """A value of a column, and how many of the matches have it."""

    value: Any
    """As payloads show it."""
    count: int
    """Of documents."""


class Answer(NamedTuple):
    """Hits, best first; the plan that found them; `unknown`: components or tokens of the query the index lacks.

    `profile`: the one that a recall asked for has chosen, with its target and what was measured; else None.
    `matched`: how many documents a filter lets through; None without one. `warnings`: what the caller might not expect.
    `groups`, in place of hits, `facets` by column and `explanation`: None if they were not asked for.
    """

    hits: list[Hit]
    plan: Plan
    stats: SearchStats
    unknown: tuple[int | str, ...]
    profile: Profile | None = None
    matched: int | None = None
    warnings: tuple[str, ...] = ()
    groups: list[Group] | None = None
    facets: dict[str, list[Facet]] | None = None
    explanation: Explanation | None = None


def cut_text(pieces: int) -> tuple[str, ...]:
    """What to say of a query's text whose last pieces were too many for the encoder."""
    return (f"the text is too long: its last {pieces:,} word pieces were cut off",) if pieces else ()


def few_hits(found: int, k: int, matched: int, examples: bool) -> tuple[str, ...]:
    """Why a filtered search of k hits found no more, as warnings; none if it found k."""
    if found >= k:
        return ()
    if found == matched:
        return (f"only {matched} documents match the filter",)
    which = "share a component with the query" + (" and are none of its examples" if examples else "")
    return (f"{matched} documents match the filter, and only {found} of them {which}",)
