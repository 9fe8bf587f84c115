"""Collections of the Qdrant API."""

import json
from collections.abc import Mapping
from typing import Any

from seismic import Index, InputError, OutputExistsError
from seismic.errors import ConflictError
from seismic_server import lifecycle
from seismic_server.compat.payload import RESERVED, is_hidden, word_of
from seismic_server.compat.qdrant.bodies import CreateCollection, FieldIndex, SparseConfig, UpdateCollection
from seismic_server.compat.qdrant.filters import columns_at
from seismic_server.compat.qdrant.keys import column_key
from seismic_server.compat.qdrant.routing import Call
from seismic_server.compat.qdrant.vectors import names_of
from seismic_server.conversion.body import Body
from seismic_server.observe.trail import record

DENSE = f"{RESERVED}dense:"
"""Begins the name of a column without values that keeps the dense vectors that a client declared, as JSON."""

_TYPES = {
    "a string": "keyword",
    "an integer": "integer",
    "a number": "float",
    "a boolean": "bool",
    "a point": "geo",
}
_INDEXES = ("keyword", "integer", "float", "geo", "text", "bool", "datetime", "uuid")

_CONFIG: dict[str, Any] = {
    "hnsw_config": {"m": 0, "ef_construct": 0, "full_scan_threshold": 0, "max_indexing_threads": 0},
    "optimizer_config": {
        "deleted_threshold": 0.0,
        "vacuum_min_vector_number": 0,
        "default_segment_number": 0,
        "flush_interval_sec": 0,
    },
    "wal_config": {"wal_capacity_mb": 0, "wal_segments_ahead": 0},
}
"""Options of Qdrant's storage that clients require in an answer. There is nothing of that kind here."""


async def names(call: Call[None]) -> dict[str, Any]:
    """Return the names of the collections that the key permits."""
    key = call.request.state.key
    allowed = None if key is None else key.collections
    served = [one.name for one in call.service.collections]
    return {"collections": [{"name": name} for name in served if allowed is None or name in allowed]}


async def exists(call: Call[None]) -> dict[str, bool]:
    """Return whether there is a collection or an alias of this name."""
    return {"exists": call.service.collections.is_open(call.name)}


async def create(call: Call[CreateCollection]) -> bool:
    """Create an empty collection with sparse vectors. Dense vectors may be declared, but points cannot have them."""
    dense = _dense(call.body.vectors)
    vectors = {name: given or SparseConfig() for name, given in call.body.sparse_vectors.items()}
    if not vectors:
        raise InputError("sparse_vectors: found none, expected at least one: this service searches sparse vectors")
    fields = {name: {"idf": given.modifier == "idf"} for name, given in vectors.items()}
    columns = {DENSE + json.dumps(dense, separators=(",", ":")): "null"} if dense else {}
    try:
        await lifecycle.create(call.service, call.name, fields=fields, columns=columns)
    except OutputExistsError:
        raise OutputExistsError(f"Wrong input: Collection `{call.name}` already exists!") from None
    record(call.request, "create", collection=call.name)
    return True


async def update(call: Call[UpdateCollection]) -> bool:
    """Accept options of storage, which make no difference here, and refuse other vectors than there are."""
    view = call.index.view
    known = {name: {"modifier": "idf"} if idf else {} for name, idf in _vectors(call.index).items()}
    for name, given in call.body.sparse_vectors.items():
        modifier = (given or SparseConfig()).modifier
        if name not in names_of(view) or (
            given and "modifier" in given.model_fields_set and modifier != known[name].get("modifier", "none")
        ):
            raise InputError(f"sparse_vectors: found '{name}' with modifier {modifier}, expected {known} as they are")
    return True


async def drop(call: Call[None]) -> bool:
    """Remove a collection, and return whether there was one."""
    if not call.service.collections.is_open(call.name) and call.name not in call.service.collections.unavailable:
        return False
    if call.name in call.service.collections.aliases:
        raise ConflictError(f"Wrong input: `{call.name}` is an alias, expected a collection")
    aliases = await lifecycle.drop(call.service, call.name)
    record(call.request, "drop", collection=call.name, aliases=aliases)
    return True


async def info(call: Call[None]) -> dict[str, Any]:
    """Return the state of a collection, its vectors, and the keys of its payloads."""
    collection = call.collection
    problem = collection.problem

    def read(index: Index, _: Body) -> dict[str, Any]:
        sparse = {name: {"modifier": "idf"} if idf else {} for name, idf in _vectors(index).items()}
        declared = next((name for name in index.columns if name.startswith(DENSE)), None)
        dense = {} if declared is None else json.loads(declared.removeprefix(DENSE))
        return {
            "status": "red" if problem else "green",
            "optimizer_status": {"error": problem} if problem else "ok",
            "indexed_vectors_count": len(index),
            "points_count": len(index),
            "segments_count": len(index.manifest.shards),
            "config": {"params": {"vectors": dense, "sparse_vectors": sparse}, **_CONFIG},
            "payload_schema": _payload_schema(index),
        }

    return await call.read(read)


async def create_index(call: Call[FieldIndex]) -> dict[str, Any]:
    """Accept the index of a key. Filters need none."""
    schema = call.body.field_schema
    kind = schema.get("type") if isinstance(schema, Mapping) else schema
    if not (kind is None or (isinstance(kind, str) and kind in _INDEXES)):
        raise InputError(f"field_schema: found {kind!r}, expected one of {', '.join(_INDEXES)}")
    column_key(call.body.field_name)
    return {"operation_id": call.index.sequence, "status": "completed"}


async def delete_index(call: Call[None]) -> dict[str, Any]:
    """Accept the removal of an index. Filters need none."""
    column_key(call.request.path_params["key"])
    return {"operation_id": call.index.sequence, "status": "completed"}


def _vectors(index: Index) -> dict[str, bool]:
    """Return the names of the sparse vectors, and whether queries are weighed by idf."""
    named = {field.name: field.idf for field in index.view.fields}
    return named or dict.fromkeys(names_of(index.view), False)


def _payload_schema(index: Index) -> dict[str, Any]:
    """Return the keys that have values, with their types and numbers of points."""
    schema = {}
    for name in index.columns:
        if is_hidden(name):
            continue
        key = "id" if name.startswith(RESERVED) else name
        kind = _TYPES.get(word_of(index.view.rules.schema.field(name).type) or "")
        if kind is not None:
            exist = [{"exists": {"key": column.name}} for column in columns_at(key, index.view)]
            points = index.count({"should": exist})
            schema[key] = {"data_type": kind, "points": points}
    return schema


def _dense(vectors: Any) -> dict[str, Any]:
    """Return the dense vectors that a client declares, by name. Raises InputError."""
    if vectors is None or vectors == {}:
        return {}
    if not isinstance(vectors, dict) or not all(isinstance(given, dict) for given in vectors.values()):
        raise InputError("vectors: dense vectors are not supported, expected sparse_vectors")
    return vectors
