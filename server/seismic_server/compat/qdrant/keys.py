"""Keys of payloads, such as `meta.lang` and `authors[].name`, and the parts of payloads that they select."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from seismic import InputError
from seismic.conversion.plain import excerpt

Step: TypeAlias = str | None
"""A name, or None for all elements of a list."""

Tree: TypeAlias = dict[Step, Any]
"""Keys as a tree: step -> tree of what follows, or True for all below."""

_NAME = r'("[^"]+"|[^.\[\]"]+)((?:\[\d*\])*)'
_KEY, _PART = re.compile(rf"{_NAME}(\.{_NAME})*"), re.compile(_NAME)

MOST_KEY = 1024
"""Characters of the longest key."""


@lru_cache(maxsize=1024)
def steps_of(key: str) -> tuple[Step, ...]:
    """Return the steps of a key. Raises InputError."""
    if len(key) > MOST_KEY or not _KEY.fullmatch(key):
        raise InputError(f'key: found {excerpt(key)}, expected names such as lang, meta.lang, authors[].name or "a.b"')
    steps: list[Step] = []
    for name, lists in _PART.findall(key):
        if lists.strip("[]"):
            raise InputError(f"key: found {excerpt(key)}: places in lists are not supported, only [] for any place")
        steps += [name.strip('"'), *[None] * (len(lists) // 2)]
    return tuple(steps)


def column_key(key: str) -> str:
    """Return the dotted key of the columns that hold what a key selects."""
    return ".".join(step for step in steps_of(key) if step is not None)


def tree_of(keys: Iterable[str]) -> Tree:
    """Return keys as a tree."""
    tree: Tree = {}
    for key in keys:
        *parents, last = steps_of(key)
        node: Any = tree
        for step in parents:
            node = node.setdefault(step, {})
            if node is True:  # a shorter key selects all below already
                break
        else:
            node[last] = True
    return tree


def included(value: Any, tree: Tree) -> Any:
    """Return the parts of a value that keys select."""
    if isinstance(value, dict):
        chosen = ((name, part, tree[name]) for name, part in value.items() if name in tree)
        return {name: part if below is True else included(part, below) for name, part, below in chosen}
    if isinstance(value, list):
        below = tree.get(None)
        return value if below is True else [included(part, below) for part in value] if below else []
    return value


def excluded(value: Any, tree: Tree) -> Any:
    """Return a value without the parts that keys select."""
    if isinstance(value, dict):
        others = ((name, part, tree.get(name)) for name, part in value.items())
        return {
            name: part if below is None else excluded(part, below) for name, part, below in others if below is not True
        }
    if isinstance(value, list):
        below = tree.get(None)
        return [] if below is True else [excluded(part, below) for part in value] if below else value
    return value


def merged(payload: dict[str, Any], values: dict[str, Any], key: str | None) -> dict[str, Any]:
    """Return a payload with values set at its top, or in the objects under a key, which are made where missing.

    Null removes a value, as in Qdrant.
    """
    changed: dict[str, Any] = _merged(payload, values, () if key is None else steps_of(key))
    return changed


def _merged(value: Any, values: dict[str, Any], steps: Sequence[Step]) -> Any:
    if not steps:
        both = (value if isinstance(value, dict) else {}) | values
        return {name: part for name, part in both.items() if part is not None or name not in values}
    step, *rest = steps
    if step is None:
        return [_merged(part, values, rest) for part in value] if isinstance(value, list) else []
    parent = value if isinstance(value, dict) else {}
    return parent | {step: _merged(parent.get(step), values, rest)}
