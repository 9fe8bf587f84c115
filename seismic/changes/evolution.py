"""The columns and components that documents need beyond those of their collection."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import pyarrow as pa

from seismic.changes.rules import Columns, Evolution, Growth, Rules
from seismic.conversion.plain import excerpt
from seismic.documents.casting import cast_exactly, castable
from seismic.documents.types import parse_type
from seismic.documents.values import to_python
from seismic.documents.widening import holds_null_type, widened
from seismic.errors import InputError, ParameterError
from seismic.vectors import SparseVectors
from seismic.vocabulary import Vocabulary

ColumnTypes: TypeAlias = Mapping[str, "pa.DataType | str"]
"""Column -> Arrow type or its name, such as "int64", "list<string>" or "timestamp[us, tz=UTC]"."""

NO_TOKENS = pa.array([], pa.string())

REMEDY = "convert the values, or give them a column of another name"


class TokenMap:
    """Components of tokens. New tokens get the next ones if the collection grows."""

    def __init__(self, rules: Rules) -> None:
        self._rules, self._new = rules, dict[str, int]()
        self.grows = rules.grows and (rules.vocabulary is not None or rules.dimension == 0)

    @property
    def exists(self) -> bool:
        """Whether vectors may be given by token."""
        return self.grows or self._rules.vocabulary is not None

    def component(self, token: str) -> int | None:
        """Return the component of a token; None if the collection has none and does not grow."""
        known = self._rules.vocabulary.component(token) if self._rules.vocabulary else None
        if known is not None or not self.grows or not _is_text(token):
            return known
        return self._new.setdefault(token, self._rules.dimension + len(self._new))

    def growth(self) -> list[Evolution]:
        """Return the growth by the new tokens, if there are any."""
        if not self._new:
            return []
        first = self._rules.dimension
        return [Growth(first, first + len(self._new), pa.array(list(self._new), pa.string()))]


def evolution(vectors: SparseVectors, documents: pa.Table, rules: Rules) -> list[Evolution]:
    """Return what documents bring beyond the rules: larger components, columns and wider types; nothing if strict.

    Raises InputError, which names the column, for types that have no common one.
    """
    found: list[Evolution] = []
    if rules.grows and rules.vocabulary is None and vectors.dimension > rules.dimension and vectors.nnz:
        largest = int(vectors.components.max())
        if largest >= rules.dimension:
            found.append(Growth(rules.dimension, largest + 1, NO_TOKENS))
    if not rules.strict:
        fields = [field for name in documents.column_names if (field := _field(name, documents[name], rules))]
        if fields:
            found.append(Columns(pa.schema(fields)))
    return found


def extension(vocabulary: Vocabulary | None, rules: Rules) -> list[Evolution]:
    """Return the growth to a vocabulary that has more tokens at its end than the rules; nothing for other ones."""
    if vocabulary is None or not TokenMap(rules).grows or len(vocabulary) <= rules.dimension:
        return []
    if rules.vocabulary is not None and not vocabulary.starts_with(rules.vocabulary):
        return []
    vocabulary.check_unique()
    return [Growth(rules.dimension, len(vocabulary), vocabulary.tokens[rules.dimension :].cast(pa.string()))]


def declared(fields: Iterable[pa.Field], rules: Rules) -> list[Evolution]:
    """Return the change to these columns, added or with a wider type. Raises InputError for a narrower or other one."""
    changed = []
    for field in fields:
        at = rules.schema.get_field_index(field.name)
        if at < 0:
            changed.append(field)
            continue
        before = rules.schema.field(at).type
        target = widened(before, field.type, declared=True)
        if target != widened(field.type, field.type):
            remedy = "values of one type do not become the other; add a column of another name"
            raise InputError(f"columns: column '{field.name}' is {before}, found {field.type}; {remedy}")
        if target != before:
            _check_stored(field.name, before, target, rules)
            changed.append(field.with_type(target))
    return [Columns(pa.schema(changed))] if changed else []


def _field(name: str, column: pa.ChunkedArray, rules: Rules) -> pa.Field | None:
    """Return a column that the rules lack, or its wider type; None if it needs neither."""
    at = rules.schema.get_field_index(name)
    if at < 0:
        if not name:
            raise InputError("documents: found a column without a name, expected a name")
        return pa.field(name, widened(pa.null(), column.type))
    before = rules.schema.field(at).type
    if name == "id" or column.type == before:
        return None
    target = widened(before, column.type)
    if target is None:
        raise InputError(f"documents: field '{name}': found {_shown(column.type)}, expected {before}; {REMEDY}")
    if target == before or _keeps(column, before):
        return None
    _check_stored(name, before, target, rules)
    return pa.field(name, target)


def _keeps(column: pa.ChunkedArray, before: pa.DataType) -> bool:
    """Return whether all values are of the present type, as 2.0 is an integer."""
    if holds_null_type(before) or not castable(column.type, before):
        return False
    return cast_exactly(column, before) is not None


def _check_stored(name: str, before: pa.DataType, target: pa.DataType, rules: Rules) -> None:
    """Raise InputError if a stored value does not fit the wider type: only 64-bit integers may not."""
    for column in rules.stored(name):
        if column.type != target and cast_exactly(column, target) is None:
            value = next(one for one in column if cast_exactly(pa.chunked_array([pa.array([one])]), target) is None)
            raise InputError(
                f"documents: field '{name}': found {target}, expected {before}, as the stored value "
                f"{excerpt(to_python(value))} does not fit {target}; {REMEDY}"
            )


def _shown(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_text(token: Any) -> bool:
    try:
        return isinstance(token, str) and token.encode() is not None
    except UnicodeEncodeError:
        return False


def parse_columns(columns: ColumnTypes | pa.Schema) -> list[pa.Field]:
    """Return nullable payload columns. Raises ParameterError, which names the column."""
    if isinstance(columns, pa.Schema):
        pairs = [(field.name, field.type) for field in columns]
    elif isinstance(columns, Mapping):
        pairs = list(columns.items())
    else:
        raise ParameterError(f"columns is {excerpt(columns)}, expected a mapping from column to type")
    names: set[str] = set()
    fields = []
    for name, kind in pairs:
        if not _is_text(name) or not name:
            raise ParameterError(f"columns: found the name {excerpt(name)}, expected text")
        if name == "id":
            raise ParameterError("columns: found 'id', which is not part of the payload; `ids` sets its type")
        if name in names:
            raise ParameterError(f"columns: found '{name}' twice, expected each column once")
        names.add(name)
        fields.append(pa.field(name, parse_type(kind, f"columns: column '{name}'")))
    return fields
