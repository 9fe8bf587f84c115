"""Answers to searches, as the API describes them; `seismic_server.conversion.answers` writes them."""

from typing import Any, Literal

from seismic.search.answer import Facet
from seismic.search.explain import Contribution, Explanation
from seismic_server.schemas.bodies import Schema
from seismic_server.schemas.search import TokenQuery, VectorQuery


class SearchHit(Schema):
    """One document found."""

    id: str | int
    score: float
    """Inner product of query and document; after a fusion, the fusion's."""
    payload: dict[str, Any] | None
    """The document's columns; null if not asked for. Dates and times are ISO 8601, bytes base64, NaN and
    infinite numbers null."""
    vector: VectorQuery | TokenQuery | None
    """The document's stored vector; null if not asked for."""
    explanation: list[Contribution] | None
    """What each component of the query adds to the inner product, the largest first; null if not asked for."""


class SearchGroup(Schema):
    """Documents found that have the same value in a column, best first."""

    value: Any
    hits: list[SearchHit]


class ChosenProfile(Schema):
    """What was measured of the plan that a recall has chosen, by `seismic tune`."""

    k: int
    """Hits per query, as measured."""
    target: float
    """The recall it promises; 1: exact."""
    recall: float
    """Measured mean share of the exact top k."""
    lower: float
    """The mean over all queries is above it with 95 % confidence."""


class Shards(Schema):
    """Shards of the collection, and how many of them answered."""

    total: int
    ok: int


class Matched(Schema):
    """How many documents a filter lets through."""

    value: int
    relation: Literal["eq"]
    """`eq`: there are exactly so many."""


class SearchAnswer(Schema):
    """Hits, best first, and how they were found."""

    hits: list[SearchHit]
    took_ms: float
    """Milliseconds from the request's arrival at its route, waiting for a thread included."""
    plan: str
    """How the query was answered."""
    profile: ChosenProfile | None
    """What `params.recall` has chosen; null if it was not asked for, or if nothing was measured to keep it and the
    answer is exact for that reason."""
    generation: str
    """The published state of the collection that answered."""
    sequence: int
    """The last change that the answer knows of."""
    warnings: list[str]
    """What the caller might not expect."""
    unknown_tokens: list[str | int]
    """Tokens or components of the query that the collection does not have."""
    matched: Matched | None
    """Documents that the filter lets through; null without a filter."""
    shards: Shards
    groups: list[SearchGroup] | None
    """In place of hits, if `group_by` asks for them."""
    facets: dict[str, list[Facet]] | None
    """By column, the most frequent values among the matches; null if not asked for."""
    explanation: Explanation | None
    """How the answer came about; null if not asked for."""


class DocumentAnswer(Schema):
    """One document."""

    id: str | int
    payload: dict[str, Any]
    vector: VectorQuery | TokenQuery | None
    """Its stored vector; null if not asked for."""
    generation: str
    sequence: int
    """The last change that the answer knows of."""


class BatchAnswer(Schema):
    """One answer for each search, in their order."""

    answers: list[SearchAnswer]
    took_ms: float
    """Milliseconds from the request's arrival at its route, for all of them."""
