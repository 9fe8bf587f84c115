"""Aliases of the OpenSearch API. Here, an alias names one index."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from seismic.conversion.plain import excerpt
from seismic_server import lifecycle
from seismic_server.compat.opensearch.errors import RefusedError
from seismic_server.compat.opensearch.routing import Call, missing
from seismic_server.observe.trail import record

ACKNOWLEDGED = {"acknowledged": True}
_OPTIONS = frozenset({"index", "indices", "alias", "aliases", "is_write_index", "must_exist"})


class Action(NamedTuple):
    """An alias to add to an index, or to remove from it."""

    adds: bool
    name: str
    alias: str


async def get(call: Call) -> Any:
    """Return aliases by index: all, or those of the index and the name in the path."""
    aliases = _permitted(call)
    names = {one.name for one in call.service.collections} if call.name == "" else {_own_name(call, call.name)}
    if call.id:
        aliases = {alias: of for alias, of in aliases.items() if alias == call.id and of in names}
        if not aliases:
            raise _missing(call.id)
        names = set(aliases.values())
    shown = sorted(name for name in names if call.permits(name))
    return {name: {"aliases": {alias: {} for alias, of in aliases.items() if of == name}} for name in shown}


async def put(call: Call) -> Any:
    """Let an alias name an index."""
    if unknown := [key for key in await call.json() if key != "is_write_index"]:
        raise RefusedError(f"alias: field '{unknown[0]}' is not supported")
    await _apply(call, [Action(True, call.name, call.id)])
    return ACKNOWLEDGED


async def delete(call: Call) -> Any:
    """Remove an alias from an index."""
    await _apply(call, [Action(False, call.name, call.id)])
    return ACKNOWLEDGED


async def update(call: Call) -> Any:
    """Add and remove aliases. One that is removed from an index and added to another moves at once."""
    body = await call.json()
    if body.keys() != {"actions"} or not isinstance(body["actions"], list):
        raise RefusedError("aliases: expected an object with actions, a list")
    await _apply(call, [action for one in body["actions"] for action in _actions(one)])
    return ACKNOWLEDGED


def _actions(one: Any) -> list[Action]:
    if not isinstance(one, dict) or len(one) != 1 or not one.keys() <= {"add", "remove"}:
        raise RefusedError(f"aliases: found action {excerpt(one)}, expected an object with add or remove")
    ((kind, content),) = one.items()
    if not isinstance(content, dict) or (unknown := [key for key in content if key not in _OPTIONS]):
        found = f"field '{unknown[0]}'" if isinstance(content, dict) else excerpt(content)
        raise RefusedError(f"aliases: {kind}: found {found}, expected index and alias")
    names, aliases = _listed(content, "index", "indices"), _listed(content, "alias", "aliases")
    return [Action(kind == "add", name, alias) for name in names for alias in aliases]


def _listed(content: Mapping[str, Any], one: str, many: str) -> list[str]:
    given = content.get(one, content.get(many))
    listed = given if isinstance(given, list) else [given]
    if not listed or not all(isinstance(name, str) for name in listed):
        raise RefusedError(f"aliases: field '{one}': found {excerpt(given)}, expected a name")
    return listed


async def _apply(call: Call, actions: list[Action]) -> None:
    """Apply actions: what an alias names after all of them is what counts."""
    before = dict(call.service.collections.aliases)
    after = dict(before)
    for action in sorted(actions):  # removes precede adds
        for name in (action.name, action.alias):
            call.check(name)
        name = _own_name(call, action.name)
        held = after.get(action.alias)
        if action.adds and held not in (None, name):
            remedy = "remove it from there in the same request: an alias names one index"
            raise RefusedError(f"alias [{action.alias}] names index [{held}]; {remedy}")
        if not action.adds and held != name:
            raise _missing(action.alias)
        if action.adds:
            after[action.alias] = name
        else:
            del after[action.alias]
    for alias in before.keys() | after.keys():
        if (name := after.get(alias, "")) == before.get(alias):
            continue
        if name:
            await lifecycle.set_alias(call.service, alias, name)
        else:
            await lifecycle.delete_alias(call.service, alias)
        record(call.request, "alias", alias=alias, collection=name)


def _own_name(call: Call, name: str) -> str:
    """Return the name of a collection, which may be given by an alias."""
    if not call.service.collections.is_open(name):
        raise missing(name)
    return call.service.collections[name].name


def _permitted(call: Call) -> dict[str, str]:
    return {alias: of for alias, of in call.service.collections.aliases.items() if call.permits(alias)}


def _missing(alias: str) -> RefusedError:
    return RefusedError(f"alias [{alias}] missing", "aliases_not_found_exception", 404)
