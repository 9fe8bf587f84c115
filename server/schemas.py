"""Bodies of requests and answers. Unknown fields are refused; numbers are numbers, never text."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from seismic import SearchParams
from seismic.filters.language import AnyFilter
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
                {"query": {"indices": [2054, 7592], "values": [1.2, 0.4]}, "params": {"recall": 0.97}},
                {
                    "query": {"tokens": {"planet": 2.1, "orbit": 0.8}},
                    "filter": {"must": [{"key": "n_chars", "range": {"gte": 500}}]},
                },
            ]
        }
    )

    query: AnyQuery
    """What to look for: a sparse vector, or weighted tokens."""

    limit: Annotated[int, Field(ge=1)] = 10
    """Most hits to return."""

    filter: AnyFilter | None = None
    """Only documents that it lets through are hits."""

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


class ChosenProfile(_Schema):
    """What was measured of the plan that a recall has chosen, by `seismic tune`."""

    k: int
    """Hits per query, as measured."""
    target: float
    """The recall it promises; 1: exact."""
    recall: float
    """Measured mean share of the exact top k."""
    lower: float
    """The mean over all queries is above it with 95 % confidence."""


class Shards(_Schema):
    """Shards of the collection, and how many of them answered."""

    total: int
    ok: int


class Matched(_Schema):
    """How many documents a filter lets through."""

    value: int
    relation: Literal["eq"]
    """`eq`: there are exactly so many."""


class CountRequest(_Schema):
    """What to count."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"filter": {"must": [{"key": "n_chars", "range": {"gte": 500}}]}}, {}]}
    )

    filter: AnyFilter | None = None
    """Only documents that it lets through count."""


class CountAnswer(_Schema):
    """How many documents there are."""

    count: int
    generation: str
    """The published state that was counted."""
    sequence: int
    """The last change that the answer knows of."""
    took_ms: float
    """Milliseconds from the request's arrival at its route."""


class SearchAnswer(_Schema):
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


class DocumentIn(_Schema):
    """A document to put in: its vector as `indices` and `values`, or as `tokens`."""

    id: str | int
    """The document of this id is replaced, if there is one."""

    indices: Annotated[list[Component], Field(fail_fast=True, json_schema_extra={"uniqueItems": True})] | None = None
    """Components below the collection's dimension, in any order, each once."""

    values: Annotated[list[Weight], Field(fail_fast=True)] | None = None
    """Weights of the components, as many."""

    tokens: Annotated[dict[str, Weight], Field(fail_fast=True)] | None = None
    """Token to weight, all of the collection's vocabulary."""

    payload: dict[str, Any] = {}
    """Columns of the collection; those left out are null. Dates as ISO 8601, bytes as base64."""

    @model_validator(mode="after")
    def _has_one_vector(self) -> Self:
        given = [name for name in ("indices", "values", "tokens") if getattr(self, name) is not None]
        if given not in (["indices", "values"], ["tokens"]):
            found = ", ".join(given) or "none of them"
            raise ValueError(f"expected either 'indices' and 'values', or 'tokens' (found {found})")
        if self.indices is not None and self.values is not None and len(self.indices) != len(self.values):
            raise ValueError(
                f"found {len(self.indices)} indices and {len(self.values)} values, expected as many of each"
            )
        return self


class UpsertRequest(_Schema):
    """Documents that replace those of the same ids, or are new: all of them or, if one is wrong, none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"documents": [{"id": "d7", "tokens": {"planet": 1.2}, "payload": {"title": "Mars"}}]}]
        }
    )

    documents: Annotated[list[DocumentIn], Field(min_length=1)]
    """Every id once."""


class DeleteRequest(_Schema):
    """Ids of documents to take out; those that are not there are passed over."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": ["d7", "d8"]}]})

    ids: Annotated[list[str], Field(min_length=1)] | Annotated[list[int], Field(min_length=1)]
    """Strings or integers, as the collection's are."""


class ChangeAnswer(_Schema):
    """The change is durable, and searched from now on."""

    sequence: int
    """Its number. Requests that came together may share one."""
    generation: str
    """The published state that was changed."""
    documents: int
    """Documents or ids in the request."""
    took_ms: float
    """Milliseconds from the request's arrival at its route."""


class DocumentAnswer(_Schema):
    """One document."""

    id: str | int
    payload: dict[str, Any]
    generation: str
    sequence: int
    """The last change that the answer knows of."""


class CollectionInfo(_Schema):
    """A collection."""

    name: str
    generation: str
    """Its published state."""
    state: State
    """Only a ready one answers searches."""
    problem: str | None
    """Why a newer generation or change is not served; null if what is served is up to date."""
    sequence: int
    """The last change that is served."""
    documents: int
    """Deleted ones aside."""
    changed: int
    """Documents that changed or went since the generation was published; compaction brings it to 0."""
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
    problem: str | None
    """Why a newer generation or change is not served; null if what is served is up to date."""


class Readiness(_Schema):
    """Every collection answers searches."""

    status: Literal["ready"]
    collections: list[Served]
