"""Bodies of requests and answers. Unknown fields are refused; numbers are numbers, never text."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, SkipValidation, Tag, model_validator

from seismic.filters.language import AnyFilter
from seismic.layouts import Layout
from seismic_server.collections.served import State

Component = Annotated[int, Field(ge=0, lt=1 << 32)]
Id = Annotated[
    Annotated[str, Tag("str")] | Annotated[int, Field(ge=-(1 << 63), lt=1 << 64), Tag("int")],
    Discriminator(
        lambda id: type(id).__name__,
        custom_error_type="id",
        custom_error_message="expected a string or an integer",
    ),
]
Weight = Annotated[float, Field(ge=1e-15, le=1e15, allow_inf_nan=False)]


class Schema(BaseModel):
    """What all bodies have in common."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class CountRequest(Schema):
    """What to count."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"filter": {"must": [{"key": "n_chars", "range": {"gte": 500}}]}}, {}]}
    )

    filter: SkipValidation[AnyFilter] | None = None  # the engine checks it
    """Only documents that it lets through count."""


class CountAnswer(Schema):
    """How many documents there are."""

    count: int
    generation: str
    """The published state that was counted."""
    sequence: int
    """The last change that the answer knows of."""
    took_ms: float
    """Milliseconds from the request's arrival at its route."""


class DocumentIn(Schema):
    """A document to put in: its vector as `indices` and `values`, or as `tokens`; without, the collection's encoder
    makes one of those columns of the payload that it encodes."""

    id: Id
    """The document of this id is replaced, if there is one."""

    indices: Annotated[list[Component], Field(fail_fast=True, json_schema_extra={"uniqueItems": True})] | None = None
    """Components below the collection's dimension, in any order, each once."""

    values: Annotated[list[Weight], Field(fail_fast=True)] | None = None
    """Weights of the components, as many."""

    tokens: Annotated[dict[str, Weight], Field(fail_fast=True)] | None = None
    """Token to weight, all of the collection's vocabulary."""

    text: str | None = None
    """The column `text` of the payload, for documents to be encoded."""

    payload: dict[str, Any] = {}
    """Columns of the collection; those left out are null. Dates and times as ISO 8601, of UTC if they say nothing else,
    bytes as base64, decimals as text or numbers."""

    @model_validator(mode="after")
    def _has_one_vector(self) -> Self:
        given = [name for name in ("indices", "values", "tokens", "text") if getattr(self, name) is not None]
        if given not in (["indices", "values"], ["tokens"], ["text"], []):
            raise ValueError(
                f"expected either 'indices' and 'values', or 'tokens', or 'text' (found {', '.join(given)})"
            )
        if self.indices is not None and self.values is not None and len(self.indices) != len(self.values):
            raise ValueError(f"found {len(self.indices)} indices and {len(self.values)} values, expected equal numbers")
        return self


class UpsertRequest(Schema):
    """Documents that replace those of the same ids, or are new: all of them or, if one is wrong, none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"documents": [{"id": "d7", "tokens": {"planet": 1.2}, "payload": {"title": "Mars"}}]}]
        }
    )

    documents: Annotated[list[DocumentIn], Field(min_length=1)]
    """Every id once."""


class DeleteRequest(Schema):
    """Ids of documents to take out; those that are not there are passed over."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": ["d7", "d8"]}]})

    ids: Annotated[list[str], Field(min_length=1)] | Annotated[list[int], Field(min_length=1)]
    """Strings or integers, as the collection's are."""


class ChangeAnswer(Schema):
    """The change is durable, and searched from now on."""

    sequence: int
    """Its number. Requests that came together may share one."""
    generation: str
    """The published state that was changed."""
    documents: int
    """Documents or ids in the request."""
    warnings: list[str]
    """What the caller might not expect."""
    took_ms: float
    """Milliseconds from the request's arrival at its route."""


class CollectionInfo(Schema):
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
    """What the index is made of, which decides the plans it can follow: `lists` needs `lists`."""
    kept: float | None
    """Share of the exact top 10 of the vectors given that exact answers find, as the build of a layout that does not
    store all of them has measured; null: all that was given is stored."""
    columns: list[str]
    """Payload columns."""
    types: dict[str, str]
    """Of ids and payload columns, in Arrow's words: `int32`, `timestamp[us, tz=UTC]`, `list<element: string>`."""
    has_vocabulary: bool
    """Whether it can be queried by tokens."""
    encoder: str | None
    """What makes vectors of texts; null: it cannot be queried by text."""
    shards: int


class CollectionList(Schema):
    """Every collection, by name."""

    collections: list[CollectionInfo]


class Health(Schema):
    """The process is alive."""

    status: Literal["ok"]


class Served(Schema):
    """A collection that is ready, and its generation."""

    name: str
    generation: str
    problem: str | None
    """Why a newer generation or change is not served; null if what is served is up to date."""


class Readiness(Schema):
    """Every collection answers searches."""

    status: Literal["ready"]
    collections: list[Served]
