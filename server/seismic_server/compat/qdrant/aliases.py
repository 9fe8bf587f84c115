"""Aliases of the Qdrant API."""

from typing import Any

from seismic.errors import NotFoundError
from seismic_server import lifecycle
from seismic_server.access.auth import permit
from seismic_server.compat.qdrant.bodies import AliasActions
from seismic_server.compat.qdrant.routing import Call
from seismic_server.observe.trail import record


async def update(call: Call[AliasActions]) -> bool:
    """Set, remove and rename aliases, one after another. The key must permit all of them and their collections."""
    key = call.request.state.key
    for action in call.body.actions:
        for part in (action.create_alias, action.delete_alias, action.rename_alias):
            for name in part.model_dump().values() if part else ():
                permit(key, name)
    for action in call.body.actions:
        if action.create_alias:
            await _set(call, action.create_alias.alias_name, action.create_alias.collection_name)
        elif action.delete_alias:
            await _remove(call, action.delete_alias.alias_name)
        elif action.rename_alias:
            await _set(call, action.rename_alias.new_alias_name, _collection(call, action.rename_alias.old_alias_name))
            await _remove(call, action.rename_alias.old_alias_name)
    return True


async def listed(call: Call[None]) -> dict[str, Any]:
    """Return the aliases that the key permits: all, or those of a collection."""
    key = call.request.state.key
    allowed = None if key is None else key.collections
    of = call.collection.name if call.name else None
    return {
        "aliases": [
            {"alias_name": alias, "collection_name": name}
            for alias, name in call.service.collections.aliases.items()
            if (allowed is None or alias in allowed) and of in (None, name)
        ]
    }


async def _set(call: Call[AliasActions], alias: str, name: str) -> None:
    before = await lifecycle.set_alias(call.service, alias, name)
    record(call.request, "alias", alias=alias, collection=name, before=before)


async def _remove(call: Call[AliasActions], alias: str) -> None:
    name = await lifecycle.delete_alias(call.service, alias)
    record(call.request, "remove alias", alias=alias, collection=name)


def _collection(call: Call[AliasActions], alias: str) -> str:
    aliases = call.service.collections.aliases
    if alias not in aliases:
        raise NotFoundError(f"Not found: Alias `{alias}` doesn't exist!")
    return aliases[alias]
