"""Adversarial manifests with matching hashes: every field of every part gets values that it must not have."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from seismic.store.manifest import FILE_NAME, manifest_hash

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, -1 << 63, 10**30),
    *(0.5, 1e308, -0.0, float("nan"), float("inf")),
    *("", "x", "0", "1.0", "../../x", "/etc/passwd", "shard-00000/../shard-00001", "a\0b", "\u202e", "x" * 100_000),
    *([], {}, [None], [[]], {"x": 1}, [{}], "\ud800"),
)
"""Values of the wrong type, size or sign, and names that leave the folder."""

FILE_KEYS = ("../manifest.json", "/etc/passwd", "shared.arrow/../shared.arrow", "", "x.arrow", "a\0b", "é.arrow")
"""Names in place of a file's."""


class Place(NamedTuple):
    """A field: the keys and indices that lead to its container, and its own."""

    path: tuple[Any, ...]
    key: Any

    def container(self, content: Any) -> Any:
        for key in self.path:
            content = content[key]
        return content


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[Place]:
    """Yield every field, of lists only the first and the last element, and of sections those of one file."""
    keys = list(content) if isinstance(content, dict) else sorted({0, len(content) - 1}) if content else []
    for key in keys:
        yield Place(path, key)
        other_sections = key == "sections" and path[-1:] != ("shared.arrow",)
        if isinstance(content[key], dict | list) and not other_sections:
            yield from places(content[key], (*path, key))


def manifests(intact: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield changed contents of a manifest, with a name for each."""
    for place in places(intact):
        where = "/".join(map(str, (*place.path, place.key)))
        old = place.container(intact)[place.key]
        near = (
            [old + 1, old - 1, 2 * old]
            if isinstance(old, int)
            else [old[::-1], old * 2]
            if old and isinstance(old, str | list)
            else []
        )
        for value in (*ODD, *near):
            if value != old or type(value) is not type(old):
                changed = copy.deepcopy(intact)
                place.container(changed)[place.key] = value
                yield f"{where} is {str(value)[:20]!r}", changed
        changed = copy.deepcopy(intact)
        del place.container(changed)[place.key]
        yield f"{where} is missing", changed
        if place.path[-1:] == ("files",):
            for name in FILE_KEYS:
                changed = copy.deepcopy(intact)
                files = place.container(changed)
                files[name] = files.pop(place.key)
                yield f"{where} is called {name}", changed
                yield f"{where} and {name}", {**changed, "shards": _with(changed, place, files[name])}
        elif isinstance(old, dict):
            changed = copy.deepcopy(intact)
            place.container(changed)[place.key]["unknown"] = 1
            yield f"{where} has an unknown field", changed


def _with(content: dict[str, Any], place: Place, entry: Any) -> Any:
    changed = copy.deepcopy(content)
    place.container(changed)[place.key] = entry
    return changed["shards"]


def read_content(generation: Path) -> dict[str, Any]:
    """Return the content of a manifest without its hash."""
    content: dict[str, Any] = orjson.loads((generation / FILE_NAME).read_bytes())
    del content["hash"]
    return content


def write_content(generation: Path, content: dict[str, Any]) -> None:
    """Write a manifest with the hash that its reader will compute, if it can be read at all."""
    text = json.dumps(content)
    try:
        digest = manifest_hash(orjson.loads(text))
    except (orjson.JSONDecodeError, TypeError):
        digest = ""
    (generation / FILE_NAME).write_text(json.dumps({**content, "hash": digest}))
