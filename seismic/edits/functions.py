"""Upserts, patches and deletes: durable when the call returns, visible to searches after the next refresh."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pyarrow as pa

from seismic.changes.fielded import origins_of, split_vectors
from seismic.changes.patches import check_unset, ids_in_order, patch_changes, patch_tables, repeated, values_of
from seismic.changes.records import Change, check_delete
from seismic.changes.rules import Rules
from seismic.changes.updates import NO_DOCUMENTS, Writer, upsert_check, warn
from seismic.conversion.plain import excerpt
from seismic.conversion.tables import TableLike, to_table
from seismic.documents.table import check_documents
from seismic.edits.chunks import deletions, is_chunked, stale_chunks, with_chunks
from seismic.edits.conditions import conditions_of
from seismic.edits.editor import Committed, Edit, Editor
from seismic.edits.fielded import by_rows, patched_vectors
from seismic.edits.matching import completed, matching
from seismic.edits.state import State
from seismic.edits.texts import encoded_for
from seismic.encoders import Encoder
from seismic.errors import InputError, ParameterError
from seismic.fields.vectors import FieldVectors
from seismic.filters.language import FilterLike
from seismic.layouts import storage_of
from seismic.vectors import SparseVectors, VectorsLike
from seismic.vocabulary import Vocabulary
from seismic.weight_range import range_problem

Ids: TypeAlias = Sequence[str] | Sequence[int] | pa.Array
IfSequence: TypeAlias = int | Mapping[str, int] | Mapping[int, int]
"""One sequence for all documents, or one by id."""


MAKE_DEPTH = 8
"""Frames from `warn` up to the caller of a function whose edit warns before anything is written."""


class Changed(int):
    """The sequence of a change, and the numbers of documents that it ``created``, ``updated`` and ``deleted``.

    Numbers are None where they were not looked up.
    """

    created: int | None = None
    updated: int | None = None
    deleted: int | None = None


def upsert(
    path: str | Path,
    vectors: "VectorsLike | FieldVectors | None" = None,
    documents: TableLike | None = None,
    *,
    texts: Sequence[str] | None = None,
    ids: Sequence[str] | Sequence[int] | None = None,
    vocabulary: Vocabulary | Mapping[str, Vocabulary] | None = None,
    encoder: Encoder | Mapping[str, Encoder] | None = None,
    if_absent: bool = False,
    if_sequence: IfSequence | None = None,
) -> Changed:
    """Insert documents, or replace those with the same id. If one document is invalid, none is written.

    `vectors`: as for `build`, with the collection's components. `documents`: a row per vector, with a unique column
    `id` and payload columns of the collection's types; None takes the other columns of the table of vectors. Missing
    columns are null; with the column `id` alone, documents keep the payload they have.

    Unless the collection is strict, new columns are added, and columns without values and integers take a wider type.
    Unless it has an encoder other than BM25, new tokens, and larger components without a vocabulary, are added as well.

    A collection with several fields takes a mapping from field to vectors, or a table with columns `<field>.indices`
    and `<field>.values`. A document gets exactly the fields given: its others become empty; `patch` keeps them.

    In place of vectors, `upsert(path, texts=..., ids=...)` takes the texts of documents, which the collection's encoder
    encodes. If the collection cuts texts into chunks, the chunks that the documents had before are removed.

    `vocabulary`, `encoder`: what the vectors were made with; the change is refused if the collection has been rebuilt
    with another. A vocabulary with more tokens at its end, such as that of `extend_bm25`, adds them. Both may be
    mappings from field.

    `if_absent`: only if no document has one of the ids. `if_sequence`: only if no change after this sequence, such as
    `Index.sequence` when the documents were read, named them. Otherwise ConflictError is raised.

    Returns the sequence of the change. Raises InputError, which names row and field, ConflictError or StorageError.
    Warns (RangeWarning) of weights that 16 bits cannot hold beside the heaviest one.
    """
    if (texts is None) == (vectors is None):
        found = "neither vectors nor" if texts is None else "both vectors and"
        raise ParameterError(f"found {found} texts, expected one of them")
    if texts is None and ids is not None:
        raise ParameterError("found ids without texts; ids of vectors are those of documents")
    if texts is None and not if_absent and if_sequence is None:
        return Changed(Writer(path).upsert(vectors, documents, origins_of(vocabulary, encoder)))
    editor, warned, parents = Editor(path), list[str](), pa.array([], pa.string())
    if texts is None:
        vectors, documents = split_vectors(vectors, documents, editor.rules)
        if documents is None:
            raise InputError(NO_DOCUMENTS)
        table = to_table(documents, "documents")
        named = check_documents(table, len(table))["id"].to_pylist()
    else:
        if vocabulary is not None or encoder is not None:
            raise ParameterError("found a vocabulary or an encoder next to texts, which the collection's own encodes")
        vectors, table, encoder, parents, named = encoded_for(editor.rules, texts, ids, documents)
    origins = origins_of(vocabulary, encoder)
    conditions = conditions_of(named, if_absent, if_sequence)
    check = upsert_check(vectors, table, origins, editor.layout, warned)

    def make(rules: Rules, state: State) -> Sequence[Change]:
        conditions.check(rules, state)
        changes = check(rules)
        warn(warned, stacklevel=MAKE_DEPTH)
        return [*stale_chunks(parents, table["id"], rules, state), *changes]

    return _commit(editor, Edit(make, depends=True))


def delete(
    path: str | Path, ids: Ids | None = None, *, filter: FilterLike | None = None, if_sequence: IfSequence | None = None
) -> Changed:
    """Remove documents by id, or those that match a filter; unknown ids are ignored.

    Where texts are cut into chunks, the id of a document removes all of its chunks.
    `if_sequence`: only if no change after this sequence named the ids, see `upsert`. Returns the change's sequence.
    Raises InputError if the ids do not have the collection's type, FilterError, ConflictError or StorageError.
    """
    _check_one("ids", "filter", ids is not None, filter is not None)
    if ids is None:
        assert filter is not None
        _check_no_condition(if_sequence)
        return _commit(Editor(path), Edit(lambda rules, state: matching(state, filter, rules).deleted(), depends=True))
    editor = Editor(path)
    if if_sequence is None and not is_chunked(editor.rules):
        return Changed(Writer(path).delete(ids))
    conditions = conditions_of(_listed(ids), if_absent=False, if_sequence=if_sequence)

    def make(rules: Rules, state: State) -> Sequence[Change]:
        conditions.check(rules, state)
        return deletions(ids, rules, state)

    return _commit(editor, Edit(make, depends=True))


def patch(
    path: str | Path,
    documents: TableLike | None = None,
    *,
    vectors: "VectorsLike | None" = None,
    fields: FieldVectors | None = None,
    ids: Ids | None = None,
    filter: FilterLike | None = None,
    values: Mapping[str, Any] | None = None,
    unset: Sequence[str] = (),
    mode: Literal["merge", "replace"] = "merge",
    if_sequence: IfSequence | None = None,
) -> Changed:
    """Change parts of documents; what is not named stays, and unknown ids are ignored.

    Either `documents`: a table, or a list of dicts, with `id` and the columns to set; None unsets a value. `vectors`
    then has new vectors, a row per document, or `fields` has them by field; other fields keep their stored values, and
    so do documents with None in a list of vectors. Or `ids` or
    `filter` with `values` by column, and the columns to `unset`. `mode`: "merge" keeps the other columns, "replace"
    unsets them. New columns and wider types are taken as in `upsert`. `if_sequence`: only if no change after this
    sequence named the ids, see `upsert`.

    Returns the sequence of the change, with the number of documents that it updated. Raises InputError, which names row
    and field, ParameterError, FilterError, ConflictError or StorageError. Warns as `upsert` does.
    """
    if mode not in ("merge", "replace"):
        raise ParameterError(f"mode is {excerpt(mode)}, expected merge or replace")
    given = [name for name, one in (("documents", documents), ("ids", ids), ("filter", filter)) if one is not None]
    if len(given) != 1:
        raise ParameterError(f"found {' and '.join(given) or 'none'}, expected one of documents, ids and filter")
    if vectors is not None and fields is not None:
        raise ParameterError("found vectors and fields, expected one of them")
    bring = vectors is not None or fields is not None
    if bring and documents is None:
        raise ParameterError(
            f"found {'fields' if vectors is None else 'vectors'} without documents, to which they belong"
        )
    if documents is not None:
        if values is not None or len(unset):
            raise ParameterError("found documents with values or unset, which belong to ids or filter")
        tables = patch_tables(documents)
        tables = [check_documents(table, len(table)) for table in tables]
        listed = [id for table in tables for id in table["id"].to_pylist()]
        if len(set(listed)) < len(listed):
            raise InputError("documents: found an id twice, expected unique ids")
    else:
        chosen = values_of(values, unset)
        if not chosen and mode == "merge":
            raise ParameterError("found neither values nor unset, expected columns to change")
        listed = [] if ids is None else _listed(ids)
    if filter is not None:
        _check_no_condition(if_sequence)
    conditions = conditions_of(listed, if_absent=False, if_sequence=if_sequence)
    editor = Editor(path)

    def make(rules: Rules, state: State) -> Sequence[Change]:
        conditions.check(rules, state)
        if documents is not None:
            found, changes, new = tables, list[Change](), list[SparseVectors]()
            if bring:
                found = [table for table in tables if table.num_columns > 1 or mode == "replace"]
                ids = ids_in_order(documents, tables)
                for given in by_rows(vectors, fields, len(ids)):
                    needed, patched = patched_vectors(given, ids, rules, state)
                    rules, changes = rules.after(needed), [*changes, *needed]
                    new.append(patched)
            storage = storage_of(editor.layout, several_fields=len(rules.fields) > 1)
            warn([problem for patched in new if (problem := range_problem(patched, storage))], stacklevel=MAKE_DEPTH)
        elif filter is not None:
            check_unset(unset, rules)
            return matching(state, filter, rules).patched(chosen, mode)
        else:
            check_unset(unset, rules)
            named = with_chunks(check_delete(listed, rules).ids.unique(), rules, state)
            found, changes = [repeated(named, chosen)], []
        for table in found:
            more = patch_changes(completed(table, rules) if mode == "replace" else table, rules)
            rules = rules.after(more)
            changes += more
        return changes

    return _commit(editor, Edit(make, depends=True))


def _commit(editor: Editor, edit: Edit) -> Changed:
    (outcome,) = editor.commit([edit])
    if not isinstance(outcome, Committed):
        raise outcome
    changed = Changed(outcome.sequence)
    if outcome.counts is not None:
        changed.created, changed.updated, changed.deleted = outcome.counts
    return changed


def _listed(ids: Ids) -> list[Any]:
    if isinstance(ids, pa.Array | pa.ChunkedArray):
        return list(ids.to_pylist())
    if isinstance(ids, str):  # also a sequence, of one-letter ids
        raise InputError(f"ids: found {excerpt(ids)}, expected a list of ids")
    try:
        return list(ids)
    except TypeError:
        raise InputError(f"ids: found {excerpt(ids)}, expected a list of ids") from None


def _check_one(first: str, second: str, has_first: bool, has_second: bool) -> None:
    if has_first == has_second:
        raise ParameterError(f"found {'both' if has_first else 'neither'} {first} and {second}, expected one of them")


def _check_no_condition(if_sequence: IfSequence | None) -> None:
    if if_sequence is not None:
        raise ParameterError("found if_sequence with filter, expected it with ids or documents")
