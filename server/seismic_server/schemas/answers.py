"""Answers to searches, as the API describes them; `seismic_server.conversion.answers` writes them."""

from typing import Any, Literal

from seismic.search.answer import Facet
from seismic.search.explain import Contribution, Explanation
from seismic_server.schemas.bodies import Schema
from seismic_server.schemas.search import FieldsVector, TokenQuery, VectorQuery


class HitSnippet(Schema):
    """The passage of a text with the strongest matches. Characters are Unicode code points."""

    column: str
    """Column of the text."""
    text: str
    start: int
    """First character of the passage in the column."""
    end: int
    """Last + 1 character of the passage in the column."""
    highlights: list[tuple[int, int]]
    """First and last + 1 character of each match, within `text`."""


class SearchHit(Schema):
    """A document that was found."""

    id: str | int
    score: float
    """Inner product of query and document; after a fusion or reranking, the score of that."""
    search_score: float | None = None
    """Score in the search, if the hit was reranked."""
    rerank_score: float | None = None
    """Score of the request or of the cross-encoder, if the hit was reranked."""
    payload: dict[str, Any] | None = None
    """Values of the requested columns. Dates and times are ISO 8601, bytes base64, NaN and infinite numbers null."""
    vector: VectorQuery | TokenQuery | FieldsVector | None = None
    """Stored vector of the document, if requested."""
    snippet: HitSnippet | None = None
    """Passage with the strongest matches, if requested and the document has the text."""
    explanation: list[Contribution] | None = None
    """Contribution of each component of the query to the inner product, largest first, if requested."""
    fields: dict[str, float] | None = None
    """What each field adds to the inner product, with an explanation and several fields."""


class SearchGroup(Schema):
    """Hits with the same value in a column, best first."""

    value: Any
    hits: list[SearchHit]


class ChosenProfile(Schema):
    """The measured profile that a requested recall selected; `seismic tune` measures profiles."""

    k: int
    """Hits per query in the measurement."""
    target: float
    """Recall that the profile promises; 1 is exact."""
    recall: float
    """Measured mean share of the exact top k."""
    lower: float
    """Lower end of the 95 % confidence interval of that mean over all queries."""


class Shards(Schema):
    """Shards of the collection, and the number that answered."""

    total: int
    ok: int


class Matched(Schema):
    """Number of documents that match a filter."""

    value: int
    relation: Literal["eq"]
    """`eq`: the number is exact."""


class SearchAnswer(Schema):
    """Hits, best first, and how they were found."""

    hits: list[SearchHit]
    took_ms: float
    """Milliseconds from the request's arrival at its route, including the wait for a thread."""
    plan: str
    """Plan that answered the query."""
    exact: bool
    """Whether the hits are the true top k by the stored values, and all values are stored. False for approximate plans
    and parameters, and for collections of the layout `small`."""
    profile: ChosenProfile | None = None
    """Profile that `params.recall` selected. Missing if no recall was requested, or if no measured profile reaches it;
    the answer is exact then."""
    generation: str
    """Generation of the collection that answered."""
    sequence: int
    """Last change that is included."""
    warnings: list[str]
    """Unexpected circumstances."""
    unknown_tokens: list[str | int]
    """Tokens or components of the query that the collection lacks."""
    matched: Matched | None = None
    """Documents that match the filter. Missing without a filter."""
    shards: Shards
    groups: list[SearchGroup] | None = None
    """Groups of hits in place of hits, if `group_by` is given."""
    facets: dict[str, list[Facet]] | None = None
    """The most frequent values among the matches, by column, if requested."""
    explanation: Explanation | None = None
    """Account of the search, if requested."""


class DocumentAnswer(Schema):
    """A document."""

    id: str | int
    payload: dict[str, Any]
    vector: VectorQuery | TokenQuery | FieldsVector | None = None
    """Stored vector, if requested."""
    generation: str
    sequence: int
    """Last change that is included."""


class BatchAnswer(Schema):
    """One answer per search, in their order."""

    answers: list[SearchAnswer]
    took_ms: float
    """Milliseconds from the request's arrival at its route, for all searches together."""
