"""Find the best hits of the best groups, exactly.

The best hits of a search name the first groups. If those are too few, their documents are excluded and the search goes
on: everything it finds ranks below. A group with too few hits is searched on its own. A request takes at most 2 x limit
searches, however its values are distributed.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic.documents.values import to_python
from seismic.filters.paths import Path
from seismic.search.codes import Columns, narrowed, path_of, value_at
from seismic.search.request import GroupBy
from seismic.stop import current
from seismic.view.scope import Scope
from seismic.view.view import View

Ranked: TypeAlias = list[tuple[int, float]]
"""(document number, score), best first."""

Search: TypeAlias = Callable[[Scope, int], Ranked]
"""Finds the best k documents of a scope."""


def best_groups(view: View, columns: Columns, scope: Scope, by: GroupBy, search: Search) -> list[tuple[Any, Ranked]]:
    """Return the value and hits of each group, best first."""
    return [(to_python(value), found) for value, found in ranked_groups(view, columns, scope, by, search).items()]


def group_hits(
    view: View, columns: Columns, scope: Scope, by: GroupBy, values: Sequence[pa.Scalar], search: Search
) -> list[Ranked]:
    """Return the best hits of the groups with these values."""
    path = path_of(view, by.key)
    return [search(_with_values(view, columns, scope, path, [value]), by.size) for value in values]


def ranked_groups(view: View, columns: Columns, scope: Scope, by: GroupBy, search: Search) -> dict[pa.Scalar, Ranked]:
    """Return the hits of each group by its value, best group first."""
    groups: dict[pa.Scalar, Ranked] = {}
    path = path_of(view, by.key)
    rest = _with_values(view, columns, scope, path, None)
    wanted, exhausted = by.limit * by.size, False
    while len(groups) < by.limit and not exhausted and rest.count:
        found = search(rest, wanted)
        exhausted = len(found) < wanted
        seen: dict[pa.Scalar, Ranked] = {}
        for number, score in found:
            seen.setdefault(value_at(view, columns, path, number), []).append((number, score))
        for value in list(seen)[: by.limit - len(groups)]:
            groups[value] = seen[value][: by.size]
            if len(groups[value]) < by.size and not exhausted:
                groups[value] = search(_with_values(view, columns, rest, path, [value]), by.size)
        if len(groups) < by.limit and not exhausted:
            rest = _with_values(view, columns, rest, path, list(seen), invert=True)
    return groups


def _with_values(
    view: View, columns: Columns, scope: Scope, path: Path, values: list[pa.Scalar] | None, *, invert: bool = False
) -> Scope:
    """Narrow a scope to documents with one of these values (None: any value), or, with `invert`, to any other value."""
    masks = []
    for shard in view.shards:
        current().check()
        codes = columns.of(shard, path)
        chosen = np.ones(len(codes.values) + 1, bool) if values is None else _are_in(codes.values, values)
        if invert:
            chosen = ~chosen
        chosen[-1] = False  # code -1: no value
        masks.append(chosen[codes.codes])
    return narrowed(view, scope, masks)


def _are_in(distinct: pa.Array, values: list[pa.Scalar]) -> npt.NDArray[np.bool_]:
    """Return whether each distinct value is one of `values`, bool [distinct + 1]."""
    found = pc.is_in(distinct, value_set=pa.array(values, distinct.type)).to_numpy(zero_copy_only=False)
    return np.append(found, False)
