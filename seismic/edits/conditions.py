"""Conditions of changes: the document must not exist, or must not have changed since it was read."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from seismic.changes.records import check_delete
from seismic.changes.rules import Rules
from seismic.conversion.plain import excerpt
from seismic.edits.state import State
from seismic.errors import ConflictError, InputError, ParameterError

NAMED = 5
"""Conflicts that an error names."""


class Conditions(NamedTuple):
    """Ids that must have no document, and ids whose documents must not have changed after a sequence."""

    absent: Sequence[Any] = ()
    unchanged: Mapping[Any, int] = {}

    def __bool__(self) -> bool:
        return bool(len(self.absent) or self.unchanged)

    def check(self, rules: Rules, state: State) -> None:
        """Raise ConflictError if a condition does not hold, and InputError if it cannot."""
        found: list[tuple[Any, int, str]] = []
        if len(self.absent):
            ids = check_delete(self.absent, rules).ids
            present = ids.take(np.flatnonzero(state.exist(ids)))
            for id, last in zip(present.to_pylist(), state.last(present), strict=True):
                found.append((id, last, "it exists, expected no document (if_absent)"))
        if self.unchanged:
            if (beyond := max(self.unchanged.values())) > state.sequence:
                raise InputError(f"if_sequence: found {beyond}, expected at most {state.sequence}, the last change")
            ids = check_delete(list(self.unchanged), rules).ids
            for (id, wanted), last in zip(self.unchanged.items(), state.last(ids), strict=True):
                if last > wanted:
                    found.append((id, last, f"change {last} is later than {wanted} (if_sequence)"))
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            id, _, why = found[0]
            message = f"document {excerpt(id)}: {why}{more}; nothing was changed, read it again"
            raise ConflictError(message, [(id, last) for id, last, _ in found[:NAMED]])


def conditions_of(ids: Sequence[Any], if_absent: bool, if_sequence: int | Mapping[Any, int] | None) -> Conditions:
    """Return the conditions of a change of these ids. Raises ParameterError, or InputError for a foreign id."""
    if not isinstance(if_absent, bool):
        raise ParameterError(f"if_absent is {excerpt(if_absent)}, expected True or False")
    if if_absent and if_sequence is not None:
        raise ParameterError("found if_absent and if_sequence, expected only one of both")
    if if_sequence is None:
        return Conditions(absent=ids if if_absent else ())
    sequences = if_sequence if isinstance(if_sequence, Mapping) else dict.fromkeys(ids, if_sequence)
    if foreign := sequences.keys() - set(ids):
        raise InputError(f"if_sequence: found id {excerpt(next(iter(foreign)))}, expected ids of the change")
    for sequence in sequences.values():
        if not isinstance(sequence, int | np.integer) or isinstance(sequence, bool) or sequence < 0:
            raise ParameterError(f"if_sequence is {excerpt(sequence)}, expected the sequence of an answer")
    return Conditions(unchanged={id: int(sequence) for id, sequence in sequences.items()})
