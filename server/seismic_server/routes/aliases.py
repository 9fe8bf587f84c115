"""Aliases: other names of collections."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from seismic.errors import NotFoundError
from seismic_server import lifecycle
from seismic_server.access.auth import permit
from seismic_server.http.json_body import JsonRoute
from seismic_server.http.strict_route import StrictRoute
from seismic_server.observe.trail import record
from seismic_server.openapi import problems
from seismic_server.schemas.lifecycle import AliasList, AliasOut, AliasRequest
from seismic_server.service import ServiceDep

reads = APIRouter(prefix="/v1/aliases", tags=["aliases"], route_class=StrictRoute)
changes = APIRouter(prefix="/v1/aliases", tags=["aliases"], route_class=JsonRoute)

Alias = Annotated[str, Path(description="The alias", examples=["live"])]


@reads.get("", responses=problems(422))
async def list_aliases(request: Request, service: ServiceDep) -> AliasList:
    """List all aliases that the key permits."""
    key, aliases = request.state.key, service.collections.aliases
    allowed = None if key is None else key.collections
    found = [AliasOut(alias=one, collection=of) for one, of in aliases.items() if allowed is None or one in allowed]
    return AliasList(aliases=found)


@reads.get("/{alias}", responses=problems(404, 422))
async def get_alias(alias: Alias, service: ServiceDep) -> AliasOut:
    """Return the collection that an alias names."""
    if alias not in service.collections.aliases:
        raise NotFoundError(f"found no alias '{alias}'; GET /v1/aliases lists all")
    return AliasOut(alias=alias, collection=service.collections.aliases[alias])


@changes.put("/{alias}", responses=problems(400, 404, 409, 413, 415, 422, 503, 507))
async def set_alias(alias: Alias, body: AliasRequest, request: Request, service: ServiceDep) -> AliasOut:
    """Let an alias name a collection, at once if it named another one: every request gets one of the two.

    An alias is searched, described and changed like a collection. The key must permit the alias and the collection.
    """
    permit(request.state.key, body.collection)
    before = await lifecycle.set_alias(service, alias, body.collection)
    record(request, "alias", alias=alias, collection=body.collection, before=before)
    return AliasOut(alias=alias, collection=body.collection)


@reads.delete("/{alias}", responses=problems(404, 409, 422, 503))
async def delete_alias(alias: Alias, request: Request, service: ServiceDep) -> AliasOut:
    """Remove an alias. Its collection stays."""
    collection = await lifecycle.delete_alias(service, alias)
    record(request, "remove alias", alias=alias, collection=collection)
    return AliasOut(alias=alias, collection=collection)
