"""Bodies of the Qdrant API. What is not supported is refused in words, unless it is null or changes no answer."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_SHARDS = "shard keys are not supported: every request searches the whole collection"
LOOKUP = "lookups in other collections are not supported"


class Request(BaseModel):
    """Base of all bodies. Fields that are null count as missing, as clients send both."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    refused: ClassVar[Mapping[str, str]] = {"shard_key": _SHARDS, "lookup_from": LOOKUP}

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

    refused: ClassVar[Mapping[str, str]] = {
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

    refused: ClassVar[Mapping[str, str]] = CreateCollection.refused

    vectors: Any = None
    sparse_vectors: dict[str, SparseConfig | None] = Field(default_factory=dict)
    optimizers_config: Any = None
    params: Any = None
    hnsw_config: Any = None
    quantization_config: Any = None


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
