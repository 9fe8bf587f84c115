"""Collections of the Qdrant API."""

from typing import Any

from seismic_server.compat.qdrant.routing import Call


async def names(call: Call[None]) -> dict[str, Any]:
    """Return the names of the collections that the key permits."""
    key = call.request.state.key
    allowed = None if key is None else key.collections
    served = [one.name for one in call.service.collections]
    return {"collections": [{"name": name} for name in served if allowed is None or name in allowed]}


async def exists(call: Call[None]) -> dict[str, bool]:
    """Return whether there is a collection or an alias of this name."""
    return {"exists": call.service.collections.is_open(call.name)}
