"""Changes of all documents that match a filter."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import pyarrow as pa

from seismic.changes.patches import MOST_BYTES, patch_changes, repeated
from seismic.changes.records import Change, Delete
from seismic.changes.rules import Rules
from seismic.edits.state import State
from seismic.errors import InputError
from seismic.filters.language import FilterLike


class Matching(NamedTuple):
    """The ids of the documents that match a filter, and the rules for their changes."""

    ids: pa.Array
    rules: Rules
    state: State

    def deleted(self) -> list[Change]:
        """Return the delete of all documents; nothing if there are none."""
        return [Delete(self.ids)] if len(self.ids) else []

    def patched(self, values: Mapping[str, pa.Array], mode: Literal["merge", "replace"]) -> Sequence[Change]:
        """Return the patch that gives all documents these values; nothing if there are none. Raises InputError."""
        if not len(self.ids):
            return []
        size = self.state.payload_bytes(len(self.ids))
        if size > MOST_BYTES:
            raise InputError(
                f"filter: found {len(self.ids):,} documents with about {size:,} bytes of payload, expected at most "
                f"{MOST_BYTES:,}; patch fewer at a time"
            )
        table = repeated(self.ids, values)
        return patch_changes(completed(table, self.rules) if mode == "replace" else table, self.rules)


def matching(state: State, filter: FilterLike, rules: Rules) -> Matching:
    """Return the documents that match a filter now. Raises FilterError."""
    return Matching(state.matching(filter), rules, state)


def completed(table: pa.Table, rules: Rules) -> pa.Table:
    """Return a table with nulls in the columns of the rules that it lacks."""
    for field in rules.schema:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(len(table), field.type))
    return table
