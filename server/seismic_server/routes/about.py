"""What a caller's key permits, what a collection stores, and which nodes search it."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request

from seismic.kernels.constants import BLOCK
from seismic_server.http.strict_route import StrictRoute
from seismic_server.observe.nodes import HasNodes
from seismic_server.openapi import problems
from seismic_server.routes.collections import BARE, Name
from seismic_server.schemas.about import KeyInfo, NodeInfo, NodeList, PartState, ShardStorage, StorageInfo
from seismic_server.service import ServiceDep

COUNTED = ("running", "requests", "errors", "hedges")
"""Counts of nodes that are added up over the server processes."""

router = APIRouter(prefix="/v1", route_class=StrictRoute)


@router.get("/key", tags=["operation"], responses=problems(422), **BARE)
async def get_key(request: Request) -> KeyInfo:
    """Return what the key of this request permits. Without keys, everything is permitted."""
    key = request.state.key
    if key is None:
        return KeyInfo(name=None, role="admin", collections=None, expires=None)
    return KeyInfo(name=key.name, role=key.role, collections=key.collections, expires=key.expires)


@router.get("/collections/{name}/storage", tags=["collections"], responses=problems(404, 422, 503))
async def get_storage(name: Name, service: ServiceDep) -> StorageInfo:
    """Return the sizes of a collection and of its shards."""
    index = service.collections[name].index.frozen()
    shards = [
        ShardStorage(
            documents=shard.documents,
            blocks=-(-shard.documents // BLOCK),
            bytes=sum(file.bytes for file in shard.files.values()),
        )
        for shard in index.manifest.shards
    ]
    return StorageInfo(
        generation=index.generation, bytes=index.manifest.bytes, changed=index.view.changed, shards=shards
    )


@router.get("/collections/{name}/nodes", tags=["operation"], responses=problems(404, 422, 503), **BARE)
async def get_nodes(name: Name, service: ServiceDep) -> NodeList:
    """Return the nodes that search a collection, see `seismic serve --nodes` and `--ray`."""
    index = service.collections[name].index
    if not isinstance(index, HasNodes):
        return NodeList(nodes=[])
    others = await service.peers.everywhere("node_counts", name=index.name)
    listed = await service.threads.run(index.nodes)
    return NodeList(nodes=[_described(one, [counts.get(one.address, {}) for counts in others]) for one in listed])


def _described(node: Any, others: Sequence[Mapping[str, int]]) -> NodeInfo:
    """Return a node as all server processes see it. `others`: the counts of the other ones."""
    parts = []
    for part, states in node.says.get("parts", {}).items():
        for generation in sorted(states, key=int)[-1:]:
            state = states[generation]
            counts = {"sequence": state["sequence"], "documents": state["documents"]}
            parts.append(PartState(part=part, generation=generation, **counts))
    return NodeInfo(
        address=node.address,
        up=node.problem is None,
        problem=node.problem,
        suspended=node.suspended or any(counts.get("suspended") for counts in others),
        **{name: getattr(node, name) + sum(counts.get(name, 0) for counts in others) for name in COUNTED},
        queue=node.says.get("waiting"),
        memory=node.says.get("memory"),
        parts=parts,
    )
