"""Patches of a request as changes of the engine. Errors name row and field."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from seismic import InputError, SparseVectors, VectorError
from seismic.changes.evolution import TokenMap
from seismic.changes.patches import check_field_patch, check_unset, patch_changes
from seismic.changes.records import Change, Rules, upsert_changes
from seismic.documents.table import check_documents
from seismic.edits.matching import completed, matching
from seismic.edits.state import State
from seismic_server.conversion.documents import vectors_of
from seismic_server.conversion.named import join_named
from seismic_server.conversion.payloads import to_column
from seismic_server.conversion.types import to_evolving_column
from seismic_server.schemas.changes import PatchIn, PatchRequest


def to_patches(
    patches: Sequence[PatchIn], rules: Rules, state: State, *, replace: bool
) -> tuple[list[Change], SparseVectors]:
    """Return the changes of patches, and the new vectors. Only documents that exist get one. Raises InputError."""
    ids = to_column("id", [patch.id for patch in patches], rules.schema.field("id").type)
    check_documents(pa.table({"id": ids}), len(ids))
    changes, vectors = _vector_changes(patches, ids, rules, state)
    rules = rules.after(changes)
    payloads = [_payload(row, patch, rules) for row, patch in enumerate(patches)]
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, payload in enumerate(payloads):
        if payload or replace:
            groups.setdefault(tuple(payload), []).append(row)
    columns = _columns(payloads, rules)
    for names, rows in groups.items():
        chosen = pa.array(rows)
        table = pa.table({"id": ids.take(chosen), **{name: columns[name].take(chosen) for name in names}})
        made = patch_changes(completed(table, rules) if replace else table, rules)
        rules = rules.after(made)
        changes += made
    return changes, vectors


def to_filtered_patch(request: PatchRequest, rules: Rules, state: State) -> list[Change]:
    """Return the changes of all documents that match a filter. Raises FilterError and InputError."""
    assert request.filter is not None
    check_unset(request.unset, rules)
    given = {**(request.payload or {}), **dict.fromkeys(request.unset)}
    return [*matching(state, request.filter, rules).patched(_columns([given], rules), request.mode)]


def _payload(row: int, patch: PatchIn, rules: Rules) -> dict[str, Any]:
    """Return the values to set by column; None for those to unset."""
    for name in patch.unset:
        if name not in rules.schema.names or name == "id":
            known = ", ".join(rules.schema.names[1:]) or "none"
            raise InputError(f"row {row}, field 'unset': found column '{name}', expected one of {known}")
    given = {**patch.payload, **dict.fromkeys(patch.unset)}
    if patch.text is not None and "text" in rules.schema.names:
        if "text" in given:
            problem = "found in the document and in its payload or unset, expected only one of them"
            raise VectorError(problem, row=row, field="text")
        given["text"] = patch.text
    return given


def _columns(payloads: Sequence[Mapping[str, Any]], rules: Rules) -> dict[str, pa.Array]:
    """Return a column for each name in the payloads, with nulls in the rows that lack it. Raises InputError."""
    columns: dict[str, pa.Array] = {}
    for row, payload in enumerate(payloads):
        for name in payload:
            at = rules.schema.get_field_index(name)
            if name == "id" or (at < 0 and rules.strict):
                known = ", ".join(rules.schema.names[1:]) or "none"
                raise InputError(f"row {row}, field '{name}': unknown payload column, expected one of {known}")
            if name not in columns:
                kind = pa.null() if at < 0 else rules.schema.field(at).type
                values = [one.get(name) for one in payloads]
                columns[name] = to_evolving_column(name, values, kind, strict=rules.strict)
    return columns


def _vector_changes(
    patches: Sequence[PatchIn], ids: pa.Array, rules: Rules, state: State
) -> tuple[list[Change], SparseVectors]:
    if len(rules.fields) > 1:
        return _field_changes(patches, ids, rules)
    given = np.array([patch.indices is not None or patch.tokens is not None for patch in patches])
    none = SparseVectors.from_dicts([], rules.dimension)
    if not given.any():
        return [], none
    tokens = TokenMap(rules)
    vectors = vectors_of(patches, tokens)
    rows = np.flatnonzero(given & state.exist(ids))
    if not len(rows):
        return [], none
    growth: list[Change] = [*tokens.growth()]
    rules = rules.after(growth)
    kept = SparseVectors.concatenate([vectors.slice(row, row + 1) for row in rows.tolist()])
    return [*growth, *upsert_changes(kept, pa.table({"id": ids.take(pa.array(rows))}), rules)], kept


def _field_changes(patches: Sequence[PatchIn], ids: pa.Array, rules: Rules) -> tuple[list[Change], SparseVectors]:
    """Return a patch for each set of fields that patches give."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, patch in enumerate(patches):
        if patch.fields:
            groups.setdefault(tuple(sorted(patch.fields)), []).append(row)
    changes, given = list[Change](), [SparseVectors.from_dicts([], rules.dimension)]
    for names, rows in groups.items():
        grown, vectors = join_named(patches, rows, names, rules)
        rules = rules.after(grown)
        given.append(vectors)
        table = pa.table({"id": ids.take(pa.array(rows))})
        changes += [*grown, check_field_patch(vectors, table, names, rules)]
    return changes, SparseVectors.concatenate(given)


def conditions_in(documents: Iterable[Any]) -> dict[Any, int]:
    """Return the sequence after which each document must not have changed, by id."""
    return {document.id: document.if_sequence for document in documents if document.if_sequence is not None}
