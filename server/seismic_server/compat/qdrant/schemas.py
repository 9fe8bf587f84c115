"""Bodies of the Qdrant API. What is not supported is refused in words, unless it is null or changes no answer."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_SHARDS = "shard keys are not supported: every request searches the whole collection"
_LOOKUP = "lookups in other collections are not supported"


class Request(BaseModel):
    """Base of all bodies. Fields that are null count as missing, as clients send both."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    refused: ClassVar[Mapping[str, str]] = {"shard_key": _SHARDS, "lookup_from": _LOOKUP}

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        given = {name: value for name, value in content.items() if value is not None}
        for name in given:
            if name in cls.refused and name not in cls.model_fields:
                raise ValueError(f"'{name}': {cls.refused[name]}")
        return given


PointId = str | Annotated[int, Field(ge=0, lt=1 << 64)]
Ids = Annotated[list[PointId], Field(fail_fast=True)]
Count = Annotated[int, Field(ge=1)]
Skipped = Annotated[int, Field(ge=0)]


class SparseConfig(Request):
    """A sparse vector of a collection. How Qdrant stores it makes no difference here."""

    index: Any = None
    modifier: Literal["none", "idf"] = "none"


class CreateCollection(Request):
    """A collection to create. Options of storage and of dense indexes make no difference here."""

    refused = {
        **Request.refused,
        "sharding_method": "custom sharding is not supported",
        "init_from": "copies of collections are not supported; upload the points",
        "strict_mode_config": "strict mode is not supported; settings of the service limit requests",
        "metadata": "metadata of collections is not supported",
    }

    vectors: Any = None
    sparse_vectors: dict[str, SparseConfig | None] = Field(default_factory=dict)
    shard_number: Any = None
    replication_factor: Any = None
    write_consistency_factor: Any = None
    on_disk_payload: Any = None
    hnsw_config: Any = None
    wal_config: Any = None
    optimizers_config: Any = None
    optimizer_config: Any = None
    quantization_config: Any = None


class UpdateCollection(Request):
    """Options of a collection to change. Those of storage make no difference here."""

    refused = CreateCollection.refused

    vectors: Any = None
    sparse_vectors: dict[str, SparseConfig | None] = Field(default_factory=dict)
    optimizers_config: Any = None
    params: Any = None
    hnsw_config: Any = None
    quantization_config: Any = None


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

    refused = {
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

    refused = {**Request.refused, "update_filter": "conditional updates are not supported"}

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


class Selector(Request):
    """Keys of payloads to answer, or to leave out."""

    include: list[str] | None = None
    exclude: list[str] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.include is None) == (self.exclude is None):
            raise ValueError("expected either 'include' or 'exclude'")
        return self


class Shown(Request):
    """What to answer of each point."""

    with_payload: bool | list[str] | Selector = False
    with_vector: bool | list[str] = False


class Retrieve(Shown):
    """Points by id."""

    ids: Ids
    with_payload: bool | list[str] | Selector = True


class OrderBy(Request):
    """The order of points without a query."""

    key: str
    direction: Literal["asc", "desc"] = "asc"
    start_from: int | float | str | None = None


class Scroll(Shown):
    """A page of points."""

    offset: PointId | None = None
    limit: Count = 10
    filter: Any = None
    with_payload: bool | list[str] | Selector = True
    order_by: str | OrderBy | None = None


class CountPoints(Request):
    """Points to count."""

    filter: Any = None
    exact: bool = True


class Facet(Request):
    """Values to count."""

    key: str
    limit: Count = 10
    filter: Any = None
    exact: bool = False


class Params(Request):
    """How to search. Answers are exact whatever these say."""

    hnsw_ef: Any = None
    exact: Any = None
    quantization: Any = None
    indexed_only: Any = None
    acorn: Any = None


class Prefetch(Request):
    """A search whose hits are fused with those of others."""

    refused = {**Request.refused, "prefetch": "a prefetch within a prefetch is not supported"}

    query: Any = None
    using: str | None = None
    filter: Any = None
    params: Params = Params()
    score_threshold: Annotated[float, Field(allow_inf_nan=False, ge=-3e38, le=3e38)] | None = None
    limit: Count = 10


class _Query(Shown):
    query: Any = None
    prefetch: list[Prefetch] | Prefetch | None = None
    using: str | None = None
    filter: Any = None
    params: Params = Params()
    score_threshold: Annotated[float, Field(allow_inf_nan=False, ge=-3e38, le=3e38)] | None = None


class Query(_Query):
    """A query of points."""

    limit: Count = 10
    offset: Skipped = 0


class Queries(Request):
    """Several queries."""

    searches: list[Query]


class GroupQuery(_Query):
    """A query of groups of points."""

    refused = {**Request.refused, "with_lookup": _LOOKUP}

    group_by: str
    group_size: Count = 3
    limit: Count = 10


class FieldIndex(Request):
    """A payload key to index. Every key can be filtered without."""

    field_name: str
    field_schema: Any = None


class CreateAlias(Request):
    """An alias of a collection."""

    collection_name: str
    alias_name: str


class DeleteAlias(Request):
    """An alias to remove."""

    alias_name: str


class RenameAlias(Request):
    """An alias to rename."""

    old_alias_name: str
    new_alias_name: str


class AliasAction(Request):
    """One change of aliases."""

    create_alias: CreateAlias | None = None
    delete_alias: DeleteAlias | None = None
    rename_alias: RenameAlias | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("expected exactly one of create_alias, delete_alias and rename_alias")
        return self


class AliasActions(Request):
    """Changes of aliases, one after another."""

    actions: list[AliasAction]
