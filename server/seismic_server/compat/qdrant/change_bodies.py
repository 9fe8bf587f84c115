"""Bodies of changes of points."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from seismic_server.compat.qdrant.bodies import Ids, PointId, Request


class Point(Request):
    """A point to insert or replace. `payload` keeps its nulls."""

    id: PointId
    vector: Any = None
    payload: dict[str, Any] = Field(default_factory=dict)


class Batch(Request):
    """Points as columns."""

    ids: Ids
    vectors: Any
    payloads: list[dict[str, Any] | None] | None = None

    @model_validator(mode="after")
    def _has_equal_lengths(self) -> Self:
        if self.payloads is not None and len(self.payloads) != len(self.ids):
            raise ValueError(f"found {len(self.ids)} ids and {len(self.payloads)} payloads, expected equal numbers")
        return self


class Upsert(Request):
    """Points to insert or replace."""

    refused: ClassVar[Mapping[str, str]] = {
        **Request.refused,
        "update_filter": "conditional updates are not supported",
        "update_mode": "conditional updates are not supported",
    }

    points: list[Point] | None = None
    batch: Batch | None = None

    @model_validator(mode="after")
    def _has_points(self) -> Self:
        if (self.points is None) == (self.batch is None):
            raise ValueError("expected either 'points' or 'batch'")
        return self


class Selection(Request):
    """Points by id or by a filter."""

    points: Ids | None = None
    filter: Any = None

    @model_validator(mode="after")
    def _selects(self) -> Self:
        if (self.points is None) == (self.filter is None):
            raise ValueError("expected either 'points' or 'filter'")
        return self


class SetPayload(Selection):
    """Values to set in the payloads of points: at their top, or under a key."""

    payload: dict[str, Any]
    key: str | None = None


class DeletePayload(Selection):
    """Keys to remove from the payloads of points."""

    keys: list[str]


class PointVectors(Request):
    """New vectors of a point."""

    id: PointId
    vector: Any


class UpdateVectors(Request):
    """New vectors of points that exist."""

    refused: ClassVar[Mapping[str, str]] = {**Request.refused, "update_filter": "conditional updates are not supported"}

    points: Annotated[list[PointVectors], Field(min_length=1)]


class DeleteVectors(Selection):
    """Vectors to remove from points."""

    vector: Annotated[list[str], Field(min_length=1)]


class Operation(Request):
    """One change of several."""

    upsert: Upsert | None = None
    delete: Selection | None = None
    set_payload: SetPayload | None = None
    overwrite_payload: SetPayload | None = None
    delete_payload: DeletePayload | None = None
    clear_payload: Selection | None = None
    update_vectors: UpdateVectors | None = None
    delete_vectors: DeleteVectors | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"expected exactly one of {', '.join(type(self).model_fields)}")
        return self


class Operations(Request):
    """Changes, one after another."""

    operations: Annotated[list[Operation], Field(min_length=1)]
