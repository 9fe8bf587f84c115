"""The best hits of the best groups, exactly.

The best hits of a search name the first groups. If they are too few, documents of these groups are left out and the
search goes on: whatever it finds ranks below. A group whose hits are too few is searched by itself. So a request takes
at most 2 x limit searches, however the values are spread.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic.documents.values import to_python
from seismic.search.codes import Columns, narrowed, value_at
from seismic.search.request import GroupBy
from seismic.view.scope import Scope
from seismic.view.view import View

Found: TypeAlias = list[tuple[int, float]]
"""(document number, score), best first."""

Search: TypeAlias = Callable[[Scope, int], Found]
"""The best documents of a scope, up to so many."""


def best_groups(view: View, columns: Columns, scope: Scope, by: GroupBy, search: Search) -> list[tuple[Any, Found]]:
    """(value, hits) of each group, best first."""
    groups: dict[pa.Scalar, Found] = {}
    rest = _with_values(view, columns, scope, by.key, None)
    wanted, exhausted = by.limit * by.size, False
    while len(groups) < by.limit and not exhausted and rest.count:
        found = search(rest, wanted)
        exhausted = len(found) < wanted
        seen: dict[pa.Scalar, Found] = {}
        for number, score in found:
            seen.setdefault(value_at(view, columns, by.key, number), []).append((number, score))
        for value in list(seen)[: by.limit - len(groups)]:
            groups[value] = seen[value][: by.size]
            if len(groups[value]) < by.size and not exhausted:
                groups[value] = search(_with_values(view, columns, rest, by.key, [value]), by.size)
        if len(groups) < by.limit and not exhausted:
            rest = _with_values(view, columns, rest, by.key, list(seen), but=True)
    return [(to_python(value), found) for value, found in groups.items()]


def _with_values(
    view: View, columns: Columns, scope: Scope, key: str, values: list[pa.Scalar] | None, *, but: bool = False
) -> Scope:
    """The documents that have one of these values (None: any), or, with `but`, another one."""
    masks = []
    for shard in view.shards:
        codes = columns.of(shard, key)
        chosen = np.ones(len(codes.values) + 1, bool) if values is None else _are_in(codes.values, values)
        if but:
            chosen = ~chosen
        chosen[-1] = False  # where -1 leads: no value
        masks.append(chosen[codes.codes])
    return narrowed(view, scope, masks)


def _are_in(distinct: pa.Array, values: list[pa.Scalar]) -> npt.NDArray[np.bool_]:
    """bool [distinct + 1]: whether each is one of `values`."""
    found = pc.is_in(distinct, value_set=pa.array(values, distinct.type)).to_numpy(zero_copy_only=False)
    return np.append(found, False)
