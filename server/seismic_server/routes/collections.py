"""The served collections."""

from pathlib import PurePath
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from seismic import FieldEntry
from seismic_server.collections.served import Collection
from seismic_server.http.strict_route import StrictRoute
from seismic_server.openapi import problems
from seismic_server.schemas.bodies import CollectionInfo, CollectionList, FieldInfo, Unavailable
from seismic_server.service import ServiceDep

router = APIRouter(prefix="/v1/collections", tags=["collections"], route_class=StrictRoute)
BARE: dict[str, Any] = {"response_model_exclude_none": True}
"""Options of a route whose answer leaves out null."""

Name = Annotated[str, Path(description="Name of the collection", examples=["scifact"])]


@router.get("", responses=problems(422), **BARE)
async def list_collections(request: Request, service: ServiceDep) -> CollectionList:
    """List all collections that the key permits."""
    key = request.state.key
    allowed = None if key is None else key.collections
    names = sorted([*(one.name for one in service.collections), *service.collections.aliases])
    permitted = [name for name in names if allowed is None or name in allowed]
    unavailable = [
        Unavailable(name=name, problem=problem)
        for name, problem in service.collections.unavailable.items()
        if allowed is None or name in allowed
    ]
    served = service.collections
    described = [describe(served[name], name) for name in permitted if served.is_open(name)]
    return CollectionList(collections=described, unavailable=unavailable)


@router.post("/{name}:reload", responses=problems(404, 422, 503), **BARE)
async def reload_collection(name: Name, service: ServiceDep) -> CollectionInfo:
    """Switch to changes and generations of other processes now. The service does so a few times a second anyway.

    If that fails, the previous state stays served, and `problem` names the cause.
    """
    collection = service.collections[name]
    await service.threads.run(service.refreshers[name].refresh)
    await service.peers.everywhere("refresh", name=collection.name)
    return describe(collection, name)


@router.get("/{name}", responses=problems(404, 422, 503), **BARE)
async def get_collection(name: Name, service: ServiceDep) -> CollectionInfo:
    """Return the state of a collection."""
    return describe(service.collections[name], name)


def describe(collection: Collection, name: str) -> CollectionInfo:
    """Return the state of a collection under its name or an alias."""
    index = collection.index.frozen()
    return CollectionInfo(
        name=name,
        alias_of=collection.name if collection.name != name else None,
        generation=index.generation,
        state=collection.state,
        problem=collection.problem,
        integrity=collection.integrity,
        sequence=index.sequence,
        documents=len(index),
        changed=index.view.changed,
        dimension=index.dimension,
        layout=index.manifest.layout,
        kept=index.manifest.kept[0].recall if index.manifest.kept else None,
        columns=index.columns,
        types={field.name: str(field.type) for field in index.view.rules.schema},
        has_vocabulary=index.vocabulary is not None,
        encoder=PurePath(index.manifest.encoder.name).name if index.manifest.encoder else None,
        fields={field.name: _shown(field) for field in index.fields} or None,
        shards=len(index.manifest.shards),
    )


def _shown(field: FieldEntry) -> FieldInfo:
    return FieldInfo(
        encoder=PurePath(field.encoder.name).name if field.encoder else None,
        columns=list(field.columns) or None,
        has_vocabulary=not field.numbered,
        weight=field.weight,
        idf=field.idf,
    )
