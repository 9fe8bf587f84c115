"""The fields of an index as queries see them: payload columns, and the fields of its sparse vectors."""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any, Literal, NamedTuple, TypeAlias

import pyarrow as pa

from seismic import Index
from seismic.filters.columns import element_of
from seismic.filters.paths import UnknownKeyError, resolve
from seismic_server.compat.payload import LISTS, TIMES, column_of, is_hidden

Sparse: TypeAlias = Literal["rank_features", "sparse_vector"]

KEYWORD = ".keyword"
"""Ending of the field with the unanalysed value, which OpenSearch makes for new texts."""

USUAL = ("tokens", "embedding", "vector")
"""Names of the vector field of a collection that names none: the first that is no column."""

_INTEGER = re.compile(r"-?(0|[1-9]\d{0,18})", re.ASCII)


class Column(NamedTuple):
    """What a query asks of a field. ``keys``: its column, and that of its lists beside it; ``times``: the column of its
    dates among texts. ``analyzed``: OpenSearch would compare its words, not its whole value."""

    keys: tuple[str, ...]
    kind: pa.DataType
    times: str | None
    analyzed: bool


class Fields(NamedTuple):
    """The fields of an index. ``columns``: all columns with their types; ``id``: type of the ids; ``vectors``: the
    fields of sparse vectors with their types; ``encoders``: the names of their encoders, and ``texts`` the columns that
    they read; ``weights``: factors of fields, except 1, which queries of this API do not have."""

    columns: Mapping[str, pa.DataType]
    id: pa.DataType
    vectors: Mapping[str, Sparse]
    encoders: Mapping[str, str]
    texts: Mapping[str, tuple[str, ...]]
    weights: Mapping[str, float]

    def column(self, name: str) -> Column | None:
        """Return the column of a field; None if no document has one."""
        for key, exact in ((column_of(name), False), (column_of(name.removesuffix(KEYWORD)), True)):
            try:
                _, kind = resolve(key, self.columns)
            except UnknownKeyError:
                continue
            element = element_of(kind)
            keys = [one for one in (key, LISTS + key) if one == key or one in self.columns]
            times = TIMES + key if TIMES + key in self.columns else None
            return Column(tuple(keys), element, times, pa.types.is_large_string(element) and not exact)
        return None

    def known_ids(self, ids: Iterable[Any]) -> list[Any]:
        """Return ids of requests with the type of the collection's ids, without those that no document can have."""
        texts = (str(id) for id in ids)
        if not pa.types.is_integer(self.id):
            return list(texts)
        return [int(text) for text in texts if _INTEGER.fullmatch(text)]

    def below(self, name: str) -> list[str]:
        """Return the columns of the fields of an object."""
        return [column for column in self.columns if column.startswith(f"{name}.")]

    def is_vector(self, name: str) -> bool:
        """Return whether a field is one of sparse vectors, or a component of one."""
        return any(name == vector or name.startswith(f"{vector}.") for vector in self.vectors)

    @property
    def listed(self) -> str:
        """The fields of sparse vectors, in words."""
        return " or ".join(f"'{vector}'" for vector in self.vectors)


def fields_of(index: Index) -> Fields:
    """Return the fields of an index."""
    view = index.view
    columns = {field.name: field.type for field in view.rules.schema if field.name != "id"}
    vectors: dict[str, Sparse] = {
        field.name: "sparse_vector" if field.numbered else "rank_features" for field in view.fields
    }
    entries = {field.name: field.encoder for field in view.fields if field.encoder}
    if not vectors:
        name = next((one for one in USUAL if one not in columns), USUAL[0])
        vectors[name] = "sparse_vector" if view.vocabulary is None else "rank_features"
        entries = {name: index.manifest.encoder} if index.manifest.encoder else {}
    encoders = {name: PurePath(entry.name).name for name, entry in entries.items()}
    texts = {name: tuple(entry.fields) for name, entry in entries.items()}
    weights = {field.name: field.weight for field in view.fields if field.weight != 1.0}
    return Fields(columns, view.rules.schema.field("id").type, vectors, encoders, texts, weights)


def visible(columns: Iterable[str]) -> list[str]:
    """Return the columns that are fields of documents."""
    return [column for column in columns if not is_hidden(column)]
