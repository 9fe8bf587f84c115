"""Indices of the OpenSearch API: create, describe, list and delete them."""

from typing import Any

import pyarrow as pa
from fastapi import Response

import seismic
from seismic.changes.evolution import declared
from seismic.edits.editor import Edit
from seismic.errors import ConflictError, IndexNotFoundError, OutputExistsError
from seismic_server import lifecycle
from seismic_server.compat.opensearch.bodies import flag
from seismic_server.compat.opensearch.errors import RefusedError
from seismic_server.compat.opensearch.fields import fields_of
from seismic_server.compat.opensearch.mapping import parse_index, parse_mapping, to_mapping
from seismic_server.compat.opensearch.routing import Call, check_one, missing
from seismic_server.observe.trail import record

VERSION = "3.3.0"
"""The version of OpenSearch whose API this is: the first one with the field type `sparse_vector`."""

ACKNOWLEDGED = {"acknowledged": True}
_WRITTEN = {"_shards": {"total": 1, "successful": 1, "failed": 0}}


async def info(_: Call) -> Any:
    """Say which API this is, and who serves it."""
    return {
        "name": "seismic",
        "cluster_name": "seismic",
        "cluster_uuid": "seismic",
        "version": {
            "distribution": "opensearch",
            "number": VERSION,
            "build_type": f"seismic {seismic.__version__}",
            "build_hash": "unknown",
            "build_date": "unknown",
            "build_snapshot": False,
            "lucene_version": "none",
            "minimum_wire_compatibility_version": VERSION,
            "minimum_index_compatibility_version": VERSION,
        },
        "tagline": "Seismic, with the API of OpenSearch for sparse retrieval",
    }


async def create(call: Call) -> Any:
    """Create an index by its mapping."""
    check_one(call.name)
    if call.service.collections.is_open(call.name):
        raise _exists(call.name, "choose another name, or delete it first")
    wanted = parse_index(await call.json())
    try:
        await lifecycle.create(call.service, call.name, fields=wanted.fields, columns=wanted.columns)
    except OutputExistsError:
        raise _exists(call.name, "the name is in use in the served folder") from None
    record(call.request, "create", collection=call.name)
    return {**ACKNOWLEDGED, "shards_acknowledged": True, "index": call.name}


async def delete(call: Call) -> Any:
    """Delete an index with its aliases."""
    check_one(call.name)
    try:
        aliases = await lifecycle.drop(call.service, call.name)
    except IndexNotFoundError:
        if flag(call.parameters, "ignore_unavailable"):
            return ACKNOWLEDGED
        raise missing(call.name) from None
    except ConflictError as error:
        raise RefusedError(str(error)) from None
    record(call.request, "drop", collection=call.name, aliases=aliases)
    return ACKNOWLEDGED


async def get(call: Call) -> Any:
    """Describe an index. An alias is answered under the name of its index."""
    index = call.ready(call.name)
    served = call.service.collections
    name = served[call.name].name
    aliases: dict[str, Any] = {alias: {} for alias, of in served.aliases.items() if of == name and call.permits(alias)}
    return {name: {"aliases": aliases, "mappings": to_mapping(fields_of(index)), **_settings(name)}}


async def get_mapping(call: Call) -> Any:
    """Return the mapping of an index."""
    index = call.ready(call.name)
    return {call.service.collections[call.name].name: {"mappings": to_mapping(fields_of(index))}}


async def get_settings(call: Call) -> Any:
    """Return the settings of an index, which are those of a single shard."""
    call.ready(call.name)
    name = call.service.collections[call.name].name
    return {name: _settings(name)}


async def put_mapping(call: Call) -> Any:
    """Add fields to an index."""
    call.ready(call.name)
    wanted = parse_mapping(await call.json())
    if new := wanted.fields.keys() - fields_of(call.ready(call.name)).vectors.keys():
        raise RefusedError(f"mappings: field '{min(new)}': sparse vectors cannot be added, expected them at creation")
    fields = [pa.field(name, kind) for name, kind in wanted.columns.items()]
    await call.service.committers[call.name].commit(Edit(lambda rules, _: declared(fields, rules)))
    record(call.request, "add columns", collection=call.name, columns=sorted(wanted.columns))
    return ACKNOWLEDGED


async def refresh(call: Call) -> Any:
    """Take up what other processes have changed; changes of this one are visible already."""
    call.ready(call.name)
    await call.service.threads.run(call.service.refreshers[call.name].refresh)
    await call.service.peers.everywhere("refresh", name=call.service.collections[call.name].name)
    return _WRITTEN


async def refresh_all(_: Call) -> Any:
    """Do nothing: every index looks for changes a few times a second."""
    return _WRITTEN


async def health(call: Call) -> Any:
    """Say whether all collections are served."""
    ready = [one.state == "ready" for one in call.service.collections]
    good = all(ready) and not call.service.collections.unavailable
    return {
        "cluster_name": "seismic",
        "status": "green" if good else "yellow",
        "timed_out": False,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": sum(ready),
        "active_shards": sum(ready),
        "relocating_shards": 0,
        "initializing_shards": len(ready) - sum(ready),
        "unassigned_shards": 0,
    }


async def cat_indices(call: Call) -> Any:
    """List the indices that the key permits, as text or JSON."""
    names = [one.name for one in call.service.collections if call.permits(one.name)]
    if call.name:
        call.ready(call.name)
        names = [call.service.collections[call.name].name]
    rows = [_row(call, name) for name in names]
    return _table(call, rows)


async def cat_count(call: Call) -> Any:
    """Count the documents of an index, as text or JSON."""
    return _table(call, [{"count": str(len(call.ready(call.name)))}])


def _exists(name: str, why: str) -> RefusedError:
    reason = f"index [{name}] already exists: {why}"
    return RefusedError(reason, "resource_already_exists_exception", 400, index=name)


def _row(call: Call, name: str) -> dict[str, str]:
    collection = call.service.collections[name]
    index = collection.index.frozen()
    return {
        "health": "green" if collection.state == "ready" else "red",
        "status": "open",
        "index": name,
        "uuid": name,
        "pri": "1",
        "rep": "0",
        "docs.count": str(len(index)),
        "docs.deleted": str(index.view.documents.count - len(index)),
        "store.size": f"{index.manifest.bytes}b",
        "pri.store.size": f"{index.manifest.bytes}b",
    }


def _table(call: Call, rows: list[dict[str, str]]) -> Any:
    if call.parameters.get("format", "text") == "json":
        return rows
    lines = [" ".join(row) for row in rows[:1]] if "v" in call.parameters else []
    lines += [" ".join(row.values()) for row in rows]
    return Response("".join(f"{line}\n" for line in lines), media_type="text/plain")


def _settings(name: str) -> dict[str, Any]:
    index = {"number_of_shards": "1", "number_of_replicas": "0", "provided_name": name, "uuid": name}
    return {"settings": {"index": index}}
