"""What goes over the wire. Fields that a newer service adds are kept, as attributes of their names."""

from collections.abc import Mapping
from typing import Any, TypedDict

from pydantic import BaseModel, ConfigDict


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class Hit(_Model):
    """A document found: its id, score, and payload if it was asked for."""

    id: str | int
    score: float
    payload: dict[str, Any] | None = None


class SearchAnswer(_Model):
    """Hits, best first, and how they were found: `plan`, the state of the collection, what is unexpected."""

    hits: list[Hit]
    took_ms: float
    plan: str
    generation: str
    sequence: int
    warnings: list[str]
    unknown_tokens: list[str | int]


class Count(_Model):
    """Documents that match a filter."""

    count: int
    generation: str
    sequence: int


class Change(_Model):
    """A change that is durable: its number, and how many documents it names."""

    sequence: int
    generation: str
    documents: int
    took_ms: float


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
    dimension: int
    layout: str
    columns: list[str]
    shards: int


class SearchOptions(TypedDict, total=False):
    """What a search may say beside its query; the service's documentation has the details of each."""

    limit: int
    offset: int
    filter: Mapping[str, Any]
    params: Mapping[str, Any]
    score_threshold: float
    with_payload: bool | list[str]
    with_vector: bool
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
