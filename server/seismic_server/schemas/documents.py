"""Bodies of requests that read documents, and of their answers."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, SkipValidation

from seismic.filters.parse import AnyFilter
from seismic.search.request import OrderBy
from seismic_server.schemas.bodies import Schema, SequenceNumber
from seismic_server.schemas.search import AllOrNamed, AsVector, FieldsVector, TokenQuery, VectorQuery

Ids = Annotated[list[str], Field(min_length=1)] | Annotated[list[int], Field(min_length=1)]
"""Strings or integers, like the collection's ids."""


class GetRequest(Schema):
    """Ids of documents to return."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": ["4983", "5836"], "with_payload": ["title"]}]})

    ids: Ids
    """Strings or integers, like the collection's ids."""

    with_payload: AllOrNamed = True
    """Columns to return: all, none, or those named."""

    with_vector: AsVector = False
    """Whether to return stored vectors: as `indices` and `values`, or as `tokens`, which needs a vocabulary."""

    min_sequence: SequenceNumber | None = None
    """Wait until this change is included, such as the `sequence` of a change's answer."""


class ScrollRequest(Schema):
    """Documents to list, page by page."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"limit": 100},
                {
                    "filter": {"must": [{"key": "n_chars", "range": {"gte": 500}}]},
                    "order_by": {"key": "n_chars", "direction": "desc"},
                    "with_payload": False,
                },
            ]
        }
    )

    filter: SkipValidation[AnyFilter] | None = None  # the engine validates it
    """List only documents that match this filter."""

    limit: Annotated[int, Field(ge=1)] = 100
    """Most documents of a page."""

    cursor: str | None = None
    """Cursor of the previous answer, for the page after it. It stays valid across changes, compactions and restarts:
    each document that does not change meanwhile comes exactly once."""

    order_by: OrderBy | None = None
    """Order of the documents. Without it, the cursor's order, or by id. Documents without a value come last; ties are
    ordered by id."""

    with_payload: AllOrNamed = True
    """Columns to return: all, none, or those named."""

    with_vector: AsVector = False
    """Whether to return stored vectors: as `indices` and `values`, or as `tokens`, which needs a vocabulary."""

    min_sequence: SequenceNumber | None = None
    """Wait until this change is included, such as the `sequence` of a change's answer."""


class StoredDocument(Schema):
    """A document."""

    id: str | int
    payload: dict[str, Any] | None = None
    """Values of the requested columns. Dates and times are ISO 8601, bytes base64, NaN and infinite numbers null."""
    vector: VectorQuery | TokenQuery | FieldsVector | None = None
    """Stored vector, if requested."""


class GetAnswer(Schema):
    """The documents that exist, in the order of their ids in the request."""

    documents: list[StoredDocument]
    missing: list[str | int]
    """Ids without a document."""
    generation: str
    sequence: int
    """Last change that is included."""
    took_ms: float
    """Milliseconds from the request's arrival at its route."""


class ScrollAnswer(Schema):
    """A page of documents, in order."""

    documents: list[StoredDocument]
    cursor: str | None = None
    """Cursor of the next page. Missing on the last page."""
    generation: str
    sequence: int
    """Last change that is included."""
    took_ms: float
    """Milliseconds from the request's arrival at its route."""
