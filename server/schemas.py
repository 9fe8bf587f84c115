"""Bodies of requests and answers. Unknown fields are refused; numbers are numbers, never text."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from seismic import SearchParams
from seismic.params import Layout
from server.collections import State

Component = Annotated[int, Field(ge=0, lt=1 << 32)]
Weight = Annotated[float, Field(ge=1e-15, le=1e15, allow_inf_nan=False)]


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class VectorQuery(_Schema):
    """A sparse vector as two parallel lists."""

    indices: Annotated[list[Component], Field(fail_fast=True, json_schema_extra={"uniqueItems": True})]
    """Components, in any order, each once. Those the collection does not have match nothing."""

    values: Annotated[list[Weight], Field(fail_fast=True)]
    """Weights of the components, as many."""


class TokenQuery(_Schema):
    """A sparse vector by tokens; needs a collection with a vocabulary."""

    tokens: Annotated[dict[str, Weight], Field(fail_fast=True)]
    """Token to weight. Tokens the vocabulary does not have match nothing."""


def _kind_of_query(query: Any) -> str | None:
    """Decided by field names, so that errors speak of the kind of query that was meant."""
    if isinstance(query, VectorQuery | TokenQuery):
        return type(query).__name__
    if not isinstance(query, dict):
        return None
    vector, tokens = bool(query.keys() & {"indices", "values"}), "tokens" in query
    if vector == tokens:
        return None
    return "TokenQuery" if tokens else "VectorQuery"


AnyQuery = Annotated[
    Annotated[VectorQuery, Tag("VectorQuery")] | Annotated[TokenQuery, Tag("TokenQuery")],
    Discriminator(
        _kind_of_query,
        custom_error_type="query_kind",
        custom_error_message="expected an object with either 'indices' and 'values', or 'tokens'",
    ),
]


AllOrNamed = Annotated[
    Annotated[bool, Tag("bool")] | Annotated[list[str], Field(fail_fast=True), Tag("list")],
    Discriminator(
        lambda columns: type(columns).__name__,
        custom_error_type="columns",
        custom_error_message="expected true, false or a list of column names",
    ),
]


class SearchRequest(_Schema):
    """One query and how to answer it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"query": {"indices": [2054, 7592], "values": [1.2, 0.4]}, "limit": 10},
                {
                    "query": {"tokens": {"planet": 2.1, "orbit": 0.8}},
                    "limit": 5,
                    "params": {"plan": "exact"},
                    "with_payload": ["title"],
                },
            ]
        }
    )

    query: AnyQuery
    """What to look for: a sparse vector, or weighted tokens."""

    limit: Annotated[int, Field(ge=1)] = 10
    """Most hits to return."""

    params: SearchParams = SearchParams()
    """How to search."""

    with_payload: AllOrNamed = True
    """Which columns of the documents to return: all, none, or those named."""


class SearchHit(_Schema):
    """One document found."""

    id: str | int
    score: float
    """Inner product of query and document."""
    payload: dict[str, Any] | None
    """The document's columns; null if not asked for. Dates are ISO 8601, bytes base64, NaN null."""


class Shards(_Schema):
    """Shards of the collection, and how many of them answered."""

    total: int
    ok: int


class SearchAnswer(_Schema):
    """Hits, best first, and how they were found."""

    hits: list[SearchHit]
    took_ms: float
    """Milliseconds from the request's arrival at its route, waiting for a thread included."""
    plan: str
    """How the query was answered."""
    generation: str
    """The published state of the collection that answered."""
    warnings: list[str]
    """What the caller might not expect."""
    unknown_tokens: list[str | int]
    """Tokens or components of the query that the collection does not have."""
    shards: Shards


class CollectionInfo(_Schema):
    """A collection."""

    name: str
    generation: str
    """Its published state."""
    state: State
    """Only a ready one answers searches."""
    documents: int
    dimension: int
    """Size of the vocabulary: components are below it."""
    layout: Layout
    """What the index is made of, which decides the plans it can follow: `blocks` needs `lists`."""
    columns: list[str]
    """Payload columns."""
    has_vocabulary: bool
    """Whether it can be queried by tokens."""
    shards: int


class CollectionList(_Schema):
    """Every collection, by name."""

    collections: list[CollectionInfo]


class Health(_Schema):
    """The process is alive."""

    status: Literal["ok"]


class Served(_Schema):
    """A collection that is ready, and its generation."""

    name: str
    generation: str


class Readiness(_Schema):
    """Every collection answers searches."""

    status: Literal["ready"]
    collections: list[Served]
