"""Bodies of requests and answers. Unknown fields are refused, and numbers must be numbers, not text."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, SkipValidation, Tag, model_validator

from seismic.fields.entry import LONGEST_NAME, MOST_FIELDS
from seismic.filters.parse import AnyFilter
from seismic.layouts import Layout
from seismic_server.collections.served import Integrity, State

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
SequenceNumber = Annotated[int, Field(ge=0, lt=1 << 63)]


class Schema(BaseModel):
    """Base of all bodies."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class CountRequest(Schema):
    """Documents to count."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"filter": {"must": [{"key": "n_chars", "range": {"gte": 500}}]}}, {}]}
    )

    filter: SkipValidation[AnyFilter] | None = None  # the engine validates it
    """Count only documents that match this filter."""

    min_sequence: SequenceNumber | None = None
    """Wait until this change is included, such as the `sequence` of a change's answer."""


class CountAnswer(Schema):
    """The number of documents."""

    count: int
    generation: str
    """Generation that was counted."""
    sequence: int
    """Last change that is included."""
    took_ms: float
    """Milliseconds from the request's arrival at its route."""


class NamedVector(Schema):
    """The vector of a field: as `indices` and `values`, as `tokens`, or as a `text` for the field's encoder."""

    indices: Annotated[list[Component], Field(fail_fast=True, json_schema_extra={"uniqueItems": True})] | None = None
    """Components of the field in any order, each at most once."""

    values: Annotated[list[Weight], Field(fail_fast=True)] | None = None
    """Weights of the components, one per component."""

    tokens: Annotated[dict[str, Weight], Field(fail_fast=True)] | None = None
    """Token to weight."""

    text: str | None = None
    """Text to encode. It is not stored."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        check_vector(self, ["indices", "values"], ["tokens"], ["text"])
        return self


VectorsByField = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)],
        Annotated[
            NamedVector,
            BeforeValidator(
                lambda part: {"text": part} if isinstance(part, str) else part, json_schema_input_type=str | NamedVector
            ),
        ],
    ],
    Field(max_length=MOST_FIELDS),
]
"""Field -> vector. A text is short for `{"text": ...}`."""


class DocumentIn(Schema):
    """A document to insert or replace, with its vector as `indices` and `values` or as `tokens`. Without a vector, the
    collection's encoder computes one from the columns that it encodes."""

    id: Id
    """Id of the document. An existing document with this id is replaced."""

    indices: Annotated[list[Component], Field(fail_fast=True, json_schema_extra={"uniqueItems": True})] | None = None
    """Components below the collection's dimension, in any order, each at most once."""

    values: Annotated[list[Weight], Field(fail_fast=True)] | None = None
    """Weights of the components, one per component."""

    tokens: Annotated[dict[str, Weight], Field(fail_fast=True)] | None = None
    """Token to weight. Every token must be in the collection's vocabulary."""

    fields: VectorsByField | None = None
    """Vectors by field, in a collection with named vectors. The document has exactly these. Without `fields`, it has
    those that encoders compute from its columns."""

    text: str | None = None
    """Text to encode; also the value of the column `text`, if the collection has one."""

    payload: dict[str, Any] = {}
    """Values by column; missing columns become null. Without `payload`, an existing document keeps its payload. Dates
    and times are ISO 8601, in UTC unless an offset is given; bytes are base64, decimals text or numbers."""

    if_absent: bool = False
    """Store the document only if there is none with its id; otherwise 409."""

    if_sequence: SequenceNumber | None = None
    """Store the document only if no change after this sequence, such as the `sequence` of the answer it was read from,
    named it; otherwise 409."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        check_vector(self)
        if self.if_absent and self.if_sequence is not None:
            raise ValueError("found 'if_absent' and 'if_sequence', expected only one of both")
        return self


FORMS: tuple[list[str], ...] = (["indices", "values"], ["tokens"], ["fields"], ["text"], [])
"""Fields of the forms of a document's vector."""


def check_vector(document: Any, *forms: list[str]) -> None:
    """Raise ValueError unless a document has its vector in one of the forms."""
    names = dict.fromkeys(name for form in FORMS for name in form)
    given = [name for name in names if getattr(document, name, None) is not None]
    if given not in (forms or FORMS):
        found = ", ".join(given) or "none"
        raise ValueError(f"expected either 'indices' and 'values', or 'tokens', or 'text' (found {found})")
    if document.indices is not None and document.values is not None and len(document.indices) != len(document.values):
        found = f"found {len(document.indices)} indices and {len(document.values)} values"
        raise ValueError(f"{found}, expected equal numbers")


class UpsertRequest(Schema):
    """Documents to insert or replace. If one is invalid, none is written."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"documents": [{"id": "d7", "tokens": {"planet": 1.2}, "payload": {"title": "Mars"}}]}]
        }
    )

    documents: Annotated[list[DocumentIn], Field(min_length=1)]
    """Documents with distinct ids."""


class ChangeAnswer(Schema):
    """A durable change, visible to searches from now on."""

    sequence: int
    """Number of the change. Concurrent requests may share one."""
    generation: str
    """Generation that was changed."""
    documents: int
    """Documents or ids in the request; with a filter, those that match it."""
    created: int | None = None
    """Documents that are new."""
    updated: int | None = None
    """Documents that existed before and were replaced or patched."""
    deleted: int | None = None
    """Documents that were deleted."""
    warnings: list[str]
    """Unexpected circumstances."""
    took_ms: float
    """Milliseconds from the request's arrival at its route."""


class FieldInfo(Schema):
    """A named vector of a collection."""

    encoder: str | None = None
    """Encoder of texts. Missing if queries of the field cannot be texts."""
    columns: list[str] | None = None
    """Payload columns that the encoder reads."""
    has_vocabulary: bool
    """Whether the field has tokens. Otherwise its components are numbers."""
    weight: float
    """Factor of the field's part of a score, unless a query brings another."""
    idf: bool
    """Whether each weight of a query is multiplied by the component's inverse document frequency."""


class CollectionInfo(Schema):
    """A collection."""

    name: str
    alias_of: str | None = None
    """The collection of which `name` is an alias. Missing if it is a collection itself."""
    generation: str
    """Served generation."""
    state: State
    """Only a `ready` collection answers searches."""
    problem: str | None
    """Why a newer generation or change is not served; what is damaged. Missing if all is well."""
    integrity: Integrity
    """Whether all hashes of the generation match: `sound` or `damaged`; `unchecked` until the service has read it all.
    """
    sequence: int
    """Last change that is served."""
    documents: int
    """Number of documents, except deleted ones."""
    changed: int
    """Documents changed or deleted since the generation was published. Compaction resets it to 0."""
    dimension: int
    """Size of the vocabulary: every component is below it."""
    layout: Layout
    """Storage layout of the index. It decides which plans are available: `lists` needs the layout `lists`."""
    kept: float | None
    """Share of the exact top 10 over the input vectors that exact answers find, measured by the build of a layout that
    does not store every value. Missing if everything is stored."""
    columns: list[str]
    """Payload columns."""
    types: dict[str, str]
    """Arrow types of ids and payload columns: `int32`, `timestamp[us, tz=UTC]`, `list<element: string>`."""
    has_vocabulary: bool
    """Whether queries may be tokens."""
    encoder: str | None
    """Encoder of texts. Missing if queries cannot be texts."""
    fields: dict[str, FieldInfo] | None = None
    """Named vectors, in their order. Missing if the collection has a single one without a name."""
    shards: int


class Unavailable(Schema):
    """A collection that cannot be opened."""

    name: str
    problem: str
    """Why it cannot be opened. The service retries, first after a second, then less often."""


class CollectionList(Schema):
    """All collections, ordered by name."""

    collections: list[CollectionInfo]
    unavailable: list[Unavailable]
    """Collections that cannot be opened."""


class Health(Schema):
    """The process is alive."""

    status: Literal["ok"]


class Served(Schema):
    """A collection and its generation."""

    name: str
    generation: str | None = None
    """Served generation. Missing if the collection cannot be served."""
    problem: str | None = None
    """Why the collection, or a newer generation or change, is not served; what is damaged. Missing if all is well."""
    integrity: Integrity | None = None
    """Whether all hashes of the generation match: `sound` or `damaged`; `unchecked` until the service has read it all.
    """


class Processes(Schema):
    """The server processes."""

    ready: int
    """Those that answer now."""
    expected: int
    """The setting `processes`."""


class Readiness(Schema):
    """The service answers searches; `unavailable` counts the collections that it cannot open or warm up."""

    status: Literal["ready"]
    ready: int
    unavailable: int
    collections: list[Served]
    """All collections, if the service has no keys."""
    processes: Processes | None = None
    """Missing if there is only one."""
