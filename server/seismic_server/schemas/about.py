"""Answers about keys and storage."""

from datetime import datetime

from seismic_server.access.keys import Role
from seismic_server.schemas.bodies import Schema


class KeyInfo(Schema):
    """What a key permits."""

    name: str | None
    """Name of the key. Missing if the service requires no key."""
    role: Role
    """`read-only` permits searching and reading documents, `admin` also changing them; `metrics` only `/metrics`."""
    collections: list[str] | None
    """Collections that the key is limited to. Missing if it permits all."""
    expires: datetime | None
    """When the key becomes invalid. Missing if it never does."""


class ShardStorage(Schema):
    """A shard of a generation."""

    documents: int
    """Number of documents, deleted ones included."""
    blocks: int
    """Blocks of 8 similar documents, which a search reads or skips as a whole."""
    bytes: int
    """Size of its files."""


class StorageInfo(Schema):
    """What a collection stores."""

    generation: str
    bytes: int
    """Size of the generation's files, which are mapped into memory."""
    changed: int
    """Documents changed or deleted since the generation was published; they are kept in memory."""
    shards: list[ShardStorage]
    """Shards of the generation."""
