"""Answers about keys, storage and nodes."""

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


class PartState(Schema):
    """The newest generation of a part that a node has open."""

    part: str
    """Name of the part."""
    generation: str
    sequence: int
    """Last change that the node knows."""
    documents: int
    """Documents of its shards, deleted ones included."""


class NodeInfo(Schema):
    """A node that searches parts of a collection. Counts are those of all server processes together, each since its
    start."""

    address: str
    """Where the node listens."""
    up: bool
    """Whether it says how it is."""
    problem: str | None
    """Why it does not. Missing if it does."""
    suspended: bool
    """Whether a server process asks other nodes first, because it failed or was too slow."""
    running: int
    """Requests that it has not answered yet."""
    requests: int
    """Requests to it so far."""
    errors: int
    """Requests that failed."""
    hedges: int
    """Requests that another node had not answered in time."""
    queue: int | None
    """Requests that wait for a thread of the node. Missing if it does not answer."""
    memory: int | None
    """Bytes of its process in memory, mapped files included. Missing if it does not answer."""
    parts: list[PartState]
    """What it has open. Empty if it does not answer."""


class NodeList(Schema):
    """The nodes that search a collection."""

    nodes: list[NodeInfo]
    """Nodes. Empty if the service searches the collection itself."""
