"""Bodies of requests that patch and delete documents."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, SkipValidation, model_validator

from seismic.filters.parse import AnyFilter
from seismic_server.schemas.bodies import Component, Id, Schema, SequenceNumber, VectorsByField, Weight, check_vector

_FILTER: dict[str, JsonValue] = {"must": [{"key": "n_chars", "range": {"gte": 500}}]}


class PatchIn(Schema):
    """New values for some columns of a document, or a new vector; what is not named stays as it is."""

    id: Id
    """Id of the document. Ids without a document are ignored."""

    payload: dict[str, Any] = Field(default={})
    """Values by column; null unsets a value."""

    unset: list[str] = Field(default=[])
    """Columns to unset."""

    indices: Annotated[list[Component], Field(fail_fast=True, json_schema_extra={"uniqueItems": True})] | None = None
    """Components of the new vector, in any order, each at most once."""

    values: Annotated[list[Weight], Field(fail_fast=True)] | None = None
    """Weights of the components, one per component."""

    tokens: Annotated[dict[str, Weight], Field(fail_fast=True)] | None = None
    """Token to weight of the new vector."""

    fields: VectorsByField | None = None
    """New vectors by field, in a collection with named vectors. Other fields keep theirs, exactly as stored."""

    text: str | None = None
    """Text to encode; also the value of the column `text`, if the collection has one."""

    if_sequence: SequenceNumber | None = None
    """Patch only if no change after this sequence named the document; otherwise 409."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        check_vector(self)
        if both := self.payload.keys() & set(self.unset):
            raise ValueError(f"found '{min(both)}' in 'payload' and in 'unset', expected only one of both")
        return self


class PatchRequest(Schema):
    """Changes of documents by id, or of all documents that match a filter. If one is invalid, none is written."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"documents": [{"id": "d7", "payload": {"title": "The red planet"}}, {"id": "d8", "unset": ["title"]}]},
                {"filter": _FILTER, "payload": {"structured": True}},
            ]
        }
    )

    documents: Annotated[list[PatchIn], Field(min_length=1)] | None = None
    """Patches of documents with distinct ids."""

    filter: SkipValidation[AnyFilter] | None = None  # the engine validates it
    """Patch all documents that match this filter, by `payload` and `unset`."""

    payload: dict[str, Any] | None = None
    """Values by column for the documents that match the filter; null unsets a value."""

    unset: list[str] = Field(default=[])
    """Columns to unset in the documents that match the filter."""

    mode: Literal["merge", "replace"] = "merge"
    """`merge`: other columns stay. `replace`: other columns are unset."""

    @model_validator(mode="after")
    def _has_one_kind(self) -> Self:
        if (self.documents is None) == (self.filter is None):
            found = "both" if self.filter is not None else "neither"
            raise ValueError(f"expected either 'documents' or 'filter' (found {found})")
        if self.documents is not None and (self.payload is not None or self.unset):
            raise ValueError("found 'payload' or 'unset' next to 'documents', expected them in each document")
        if self.filter is not None and self.payload is None and not self.unset:
            raise ValueError("found neither 'payload' nor 'unset', expected columns to change")
        if both := (self.payload or {}).keys() & set(self.unset):
            raise ValueError(f"found '{min(both)}' in 'payload' and in 'unset', expected only one of both")
        return self


class DeleteRequest(Schema):
    """Documents to delete: by id, where unknown ids are ignored, or all that match a filter."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": ["d7", "d8"]}, {"filter": {"ids": ["d7"]}}]})

    ids: Annotated[list[str], Field(min_length=1)] | Annotated[list[int], Field(min_length=1)] | None = None
    """Strings or integers, like the collection's ids."""

    filter: SkipValidation[AnyFilter] | None = None  # the engine validates it
    """Delete all documents that match this filter."""

    if_sequence: SequenceNumber | None = None
    """With `ids`: delete only if no change after this sequence named any of them; otherwise 409."""

    @model_validator(mode="after")
    def _has_one_kind(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError(f"expected either 'ids' or 'filter' (found {'neither' if self.ids is None else 'both'})")
        if self.filter is not None and self.if_sequence is not None:
            raise ValueError("found 'if_sequence' next to 'filter', expected it next to 'ids'")
        return self
