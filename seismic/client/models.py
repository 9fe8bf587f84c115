"""What goes over the wire. Fields that a newer service adds are kept, as attributes of their names."""

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class Contribution(_Model):
    """What a component adds to a score: `weight` in the query x `value` in the document."""

    component: int
    token: str | None
    weight: float
    value: float
    product: float


class Hit(_Model):
    """A document found: its id, score; payload, vector and explanation if they were asked for."""

    id: str | int
    score: float
    payload: dict[str, Any] | None = None
    vector: dict[str, Any] | None = None
    explanation: list[Contribution] | None = None


class Group(_Model):
    """Documents found that have the same value in a column, best first."""

    value: Any
    hits: list[Hit]


class Facet(_Model):
    """A value of a column, and how many of the matches have it."""

    value: Any
    count: int


class Matched(_Model):
    """How many documents a filter lets through."""

    value: int
    relation: str


class SearchAnswer(_Model):
    """Hits, best first, and how they were found: `plan`, the state of the collection, what is unexpected. The service's
    documentation has the details; what was not asked for is None."""

    hits: list[Hit]
    took_ms: float
    plan: str
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


class Count(_Model):
    """Documents that match a filter."""

    count: int
    generation: str
    sequence: int
    took_ms: float


class Change(_Model):
    """A change that is durable: its number, and how many documents it names."""

    sequence: int
    generation: str
    documents: int
    took_ms: float
    warnings: list[str] = []


class Document(_Model):
    """A document by its id; its stored vector if it was asked for."""

    id: str | int
    payload: dict[str, Any]
    vector: dict[str, Any] | None = None
    generation: str
    sequence: int


class CollectionInfo(_Model):
    """A collection and its state."""

    name: str
    generation: str
    state: str
    problem: str | None
    sequence: int
    documents: int
    changed: int
    dimension: int
    layout: str
    kept: float | None
    columns: list[str]
    types: dict[str, str]
    has_vocabulary: bool
    encoder: str | None
    shards: int


class SearchOptions(TypedDict, total=False):
    """What a search may say beside its query; the service's documentation has the details of each."""

    limit: int
    offset: int
    filter: Mapping[str, Any]
    params: Mapping[str, Any]
    score_threshold: float
    with_payload: bool | list[str]
    with_vector: bool | Literal["tokens"]
    explain: bool
    group_by: Mapping[str, Any]
    facets: list[Mapping[str, Any]]
    feedback: Mapping[str, Any]
    fusion: Mapping[str, Any]


class NewDocument(TypedDict, total=False):
    """A document to put in: `id`, a vector as `indices` and `values`, `tokens` or `text`, and a payload."""

    id: str | int
    indices: list[int]
    values: list[float]
    tokens: Mapping[str, float]
    text: str
    payload: Mapping[str, Any]
