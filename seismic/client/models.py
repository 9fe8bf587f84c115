"""Models of requests and answers. Fields added by a newer service are kept as attributes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class Contribution(_Model):
    """A component's contribution to a score: `weight` in the query x `value` in the document."""

    component: int
    token: str | None = None
    weight: float
    value: float
    product: float
    field: str | None = None


class Snippet(_Model):
    """The passage of a column with the strongest matches: its first and last + 1 character there.

    `highlights`: the same of each match, within `text`.
    """

    column: str
    text: str
    start: int
    end: int
    highlights: list[tuple[int, int]]


class Hit(_Model):
    """A matching document: id and score, and if it was reranked, both scores; payload, vector, snippet and explanation
    if requested.

    `fields`: what each field adds to the inner product, with an explanation.
    """

    id: str | int
    score: float
    search_score: float | None = None
    rerank_score: float | None = None
    payload: dict[str, Any] | None = None
    vector: dict[str, Any] | None = None
    snippet: Snippet | None = None
    explanation: list[Contribution] | None = None
    fields: dict[str, float] | None = None


class Group(_Model):
    """Hits with the same value in a column, best first."""

    value: Any
    hits: list[Hit]


class Facet(_Model):
    """A value of a column and the number of matches with it."""

    value: Any
    count: int


class Matched(_Model):
    """The number of documents that match a filter."""

    value: int
    relation: str


class SearchAnswer(_Model):
    """Hits, best first, with the plan, the collection's state and warnings.

    Fields that were not requested are None. The service documents all fields.
    """

    hits: list[Hit]
    took_ms: float
    plan: str
    exact: bool | None = None
    generation: str
    sequence: int
    warnings: list[str]
    unknown_tokens: list[str | int]
    matched: Matched | None = None
    groups: list[Group] | None = None
    facets: dict[str, list[Facet]] | None = None
    explanation: dict[str, Any] | None = None
    profile: dict[str, Any] | None = None
    shards: dict[str, int] | None = None


class WhyNot(_Model):
    """Why a document is or is not among the hits: its state, exact score and ranks, and the distance to the last hit.

    `components`: what it shares with the query. `excluded_by`: conditions of the filter that it fails.
    """

    id: str | int
    state: str
    reason: str
    score: float | None = None
    rank: int | None = None
    rank_unfiltered: int | None = None
    kth: float | None = None
    distance: float | None = None
    excluded_by: list[str] = []
    components: list[Contribution] = []


class Count(_Model):
    """The number of documents that match a filter."""

    count: int
    generation: str
    sequence: int
    took_ms: float


class Change(_Model):
    """A durable change: its sequence number, and the numbers of documents in it and of those it changed."""

    sequence: int
    generation: str
    documents: int
    created: int | None = None
    updated: int | None = None
    deleted: int | None = None
    took_ms: float
    warnings: list[str] = []


class Document(_Model):
    """A document, with its payload and its stored vector if requested, and the state of the collection it is from."""

    id: str | int
    payload: dict[str, Any] | None = None
    vector: dict[str, Any] | None = None
    generation: str
    sequence: int


class Page(_Model):
    """Documents in an order, and the cursor of the next page; None on the last page."""

    documents: list[Document]
    cursor: str | None = None
    generation: str
    sequence: int
    took_ms: float


class CollectionInfo(_Model):
    """Description and state of a collection, under its name or an alias."""

    name: str
    alias_of: str | None = None
    generation: str
    state: str
    problem: str | None = None
    integrity: str = "unchecked"
    sequence: int
    documents: int
    changed: int
    dimension: int
    layout: str
    kept: float | None = None
    columns: list[str]
    types: dict[str, str]
    has_vocabulary: bool
    encoder: str | None = None
    fields: dict[str, dict[str, Any]] | None = None
    shards: int


class Generation(_Model):
    """A generation on disk."""

    generation: str
    current: bool
    documents: int
    bytes: int
    written: str
    open: bool
    problem: str | None = None


class Snapshot(_Model):
    """A snapshot on the service's disk."""

    file: str
    bytes: int
    created: datetime


class Job(_Model):
    """A long operation. ``progress`` is from 0 to 1; ``result`` says what a `done` job has made."""

    id: str
    kind: str
    collection: str
    state: str
    progress: float
    automatic: bool = False
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    result: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None

    @property
    def is_over(self) -> bool:
        """Whether it neither waits nor runs."""
        return self.state not in ("queued", "running")


class NewCollection(TypedDict, total=False):
    """Options of a new collection. The service documents each."""

    dimension: int
    vocabulary: Sequence[str]
    encoder: str
    bm25: Mapping[str, Any]
    chunks: Mapping[str, int]
    fields: Mapping[str, Mapping[str, Any]]
    columns: Mapping[str, str]
    ids: str
    layout: str
    strict: bool


class SearchOptions(TypedDict, total=False):
    """Search options. The service documents each."""

    limit: int
    offset: int
    filter: Mapping[str, Any]
    idf_filter: Mapping[str, Any]
    params: Mapping[str, Any]
    order_by: str | Mapping[str, Any]
    score_threshold: float
    with_payload: bool | list[str]
    with_vector: bool | Literal["tokens"]
    explain: bool
    snippet: bool | Mapping[str, Any]
    group_by: Mapping[str, Any]
    facets: list[Mapping[str, Any]]
    feedback: Mapping[str, Any]
    fusion: Mapping[str, Any]
    rerank: Mapping[str, Any]
    min_sequence: int


class ScrollOptions(TypedDict, total=False):
    """Options of a scroll. The service documents each."""

    filter: Mapping[str, Any] | None
    limit: int
    order_by: str | Mapping[str, Any] | None
    with_payload: bool | list[str]
    with_vector: bool | Literal["tokens"]
    min_sequence: int


class PatchOptions(TypedDict, total=False):
    """Which documents to patch, and how. The service documents each."""

    documents: Sequence[Mapping[str, Any]]
    filter: Mapping[str, Any]
    payload: Mapping[str, Any]
    unset: Sequence[str]
    mode: Literal["merge", "replace"]


class NewDocument(TypedDict, total=False):
    """A document to store: `id`, payload, and a vector as `indices` and `values`, `tokens` or `text`, or by field."""

    id: str | int
    indices: list[int]
    values: list[float]
    tokens: Mapping[str, float]
    text: str
    fields: Mapping[str, str | Mapping[str, Any]]
    payload: Mapping[str, Any]
    if_absent: bool
    if_sequence: int
