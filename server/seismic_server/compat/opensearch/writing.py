"""Changes of documents: each operation of a request succeeds or fails for itself."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import orjson
import pyarrow as pa

from seismic import Index, InputError, SeismicError
from seismic.changes.evolution import declared
from seismic.changes.records import Change, Delete, Rules
from seismic.edits.editor import Committed
from seismic.edits.state import State
from seismic_server.compat.opensearch.documents import (
    check_update,
    document_in,
    merge,
    sources_of,
    to_id,
    to_times,
    wrong_document,
)
from seismic_server.compat.opensearch.errors import RefusedError, refusal_of
from seismic_server.compat.opensearch.fields import Fields
from seismic_server.compat.opensearch.source import EVERYTHING
from seismic_server.compat.payload import flatten
from seismic_server.conversion.answers import encode
from seismic_server.conversion.documents import to_upserts
from seismic_server.conversion.patches import to_patches
from seismic_server.conversion.texts import EncodedDocuments, encode_documents
from seismic_server.schemas.bodies import DocumentIn
from seismic_server.schemas.changes import PatchIn

Action: TypeAlias = Literal["index", "create", "update", "delete"]
ACTIONS: tuple[Action, ...] = ("index", "create", "update", "delete")

MOST_TIMES = 64
"""Most operations on the same document in a request."""

_ROW = re.compile(r"^(?:payload 0, |(?:documents: )?row 0, )")


class Operation(NamedTuple):
    """An operation on a document. ``content``: the document, or the body of an update. ``if_seq_no``: the change after
    which the document must not have changed."""

    action: Action
    id: str
    content: Mapping[str, Any]
    if_seq_no: int | None = None


class Outcome(NamedTuple):
    """What an operation did: its result and status."""

    result: Literal["created", "updated", "deleted", "noop", "not_found"]
    status: int


Result: TypeAlias = Outcome | RefusedError


class Write:
    """The operations of a request on one index. `results` has the outcome of each once they are committed.

    Operations are applied in their order; those on different documents are checked together.
    """

    def __init__(self, index: Index, fields: Fields, operations: Sequence[Operation]) -> None:
        self._index, self._fields, self._operations = index, fields, operations
        self._documents: dict[int, DocumentIn] = {}
        self._encoded: EncodedDocuments[DocumentIn] = EncodedDocuments([])
        self._given: dict[int, RefusedError] = {}
        self.results: dict[int, Result] = {}

    def prepare(self) -> None:
        """Read the documents, and encode the texts of those without a vector."""
        for at, operation in enumerate(self._operations):
            try:
                id = to_id(operation.id, self._fields)
                if operation.action in ("index", "create"):
                    self._documents[at] = document_in(id, operation.content, self._fields, encoded=True)
                elif operation.action == "update":
                    check_update(operation.content)
            except RefusedError as refusal:
                self._given[at] = refusal
        for row, document in self._encode([at for at, one in self._documents.items() if self._has_text(one)]):
            self._documents[row] = document

    def _has_text(self, document: DocumentIn) -> bool:
        """Return whether an encoder has to make a vector of the document."""
        if document.fields is not None:
            return any(part.text is not None for part in document.fields.values())
        given = document.indices is not None or document.tokens is not None
        return not given and any(document.payload.get(name) for names in self._fields.texts.values() for name in names)

    def _encode(self, rows: list[int]) -> Iterator[tuple[int, DocumentIn]]:
        try:
            encoded = encode_documents(self._index, [self._documents[row] for row in rows])
        except InputError as error:
            if len(rows) > 1:
                for part in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
                    yield from self._encode(part)
            else:
                self._given[rows[0]] = _worded(error)
            return
        if rows:
            by_field = {**self._encoded.by_field, **encoded.by_field}
            self._encoded = EncodedDocuments([], encoded.entry, by_field=by_field)
        yield from zip(rows, encoded.documents, strict=True)

    def make(self, rules: Rules, state: State) -> Sequence[Change]:
        """Return the changes of all operations that are valid. It may be called again if others write meanwhile."""
        self._encoded.check(rules)
        self.results = dict(self._given)
        changes: list[Change] = []
        for wave in self._waves():
            step = _Step(self._index, self._fields, rules, state)
            step.take([(at, self._operations[at], self._documents.get(at)) for at in wave])
            self.results |= step.results
            changes += step.changes
            rules, state = step.rules, state.after(step.changes)
        return changes

    def _waves(self) -> Iterator[list[int]]:
        """Yield operations on different documents: the first ones on each, then the second ones, and so on."""
        waves: list[list[int]] = []
        times: dict[str, int] = {}
        for at, operation in enumerate(self._operations):
            if at in self._given:
                continue
            time = times[operation.id] = times.get(operation.id, -1) + 1
            if time >= MOST_TIMES:
                found = f"[{operation.id}]: found more than {MOST_TIMES} operations on the document in a request"
                self.results[at] = RefusedError(f"{found}, expected fewer; send the others in further requests")
                continue
            if time == len(waves):
                waves.append([])
            waves[time].append(at)
        yield from waves


class _Step:
    """Operations on different documents; `changes` has what they change."""

    def __init__(self, index: Index, fields: Fields, rules: Rules, state: State) -> None:
        self._index, self._fields, self.rules, self._state = index, fields, rules, state
        self.changes: list[Change] = []
        self.results: dict[int, Result] = {}

    def take(self, operations: Sequence[tuple[int, Operation, DocumentIn | None]]) -> None:
        """Check and apply operations, given with their places."""
        state = self._state
        ids = pa.array([to_id(one.id, self._fields) for _, one, _ in operations], self.rules.schema.field("id").type)
        exist = dict(zip((at for at, _, _ in operations), state.exist(ids).tolist(), strict=True))
        guarded = any(one.if_seq_no is not None for _, one, _ in operations)
        last = dict(zip(exist, state.last(ids) if guarded else [0] * len(exist), strict=True))
        ready: dict[int, DocumentIn] = {}
        deleted: list[int] = []
        updates: list[tuple[int, Operation]] = []
        for at, operation, document in operations:
            if problem := _conflict(operation, exist[at], last[at]):
                self.results[at] = problem
            elif operation.action == "delete":
                self.results[at] = Outcome("deleted", 200) if exist[at] else Outcome("not_found", 404)
                deleted += [at] if exist[at] else []
            elif operation.action == "update":
                updates.append((at, operation))
            elif document is not None:
                ready[at] = document
                self.results[at] = Outcome("updated", 200) if exist[at] else Outcome("created", 201)
        patches = self._update(updates, exist, state, ready)
        self._add(list(ready.items()), self._upserts)
        self._add(patches, lambda patched: self._patches(patched, state))
        if deleted:
            order = {at: row for row, (at, _, _) in enumerate(operations)}
            self.changes.append(Delete(ids.take(pa.array([order[at] for at in deleted]))))

    def _update(
        self,
        updates: Sequence[tuple[int, Operation]],
        exist: Mapping[int, bool],
        state: State,
        ready: dict[int, DocumentIn],
    ) -> list[tuple[int, DocumentIn]]:
        """Return the documents whose payload changes, and add those whose vector does to `ready`."""
        found = [(at, operation) for at, operation in updates if exist[at]]
        stored = iter(self._stored([operation.id for _, operation in found], state))
        patches: list[tuple[int, DocumentIn]] = []
        for at, operation in updates:
            try:
                if not exist[at]:
                    ready[at] = self._inserted(operation)
                    self.results[at] = Outcome("created", 201)
                    continue
                before = next(stored)
                merged = merge(before, operation.content.get("doc", {}))
                if merged == before and operation.content.get("detect_noop", True):
                    self.results[at] = Outcome("noop", 200)
                    continue
                document = document_in(to_id(operation.id, self._fields), merged, self._fields)
                changed = operation.content.get("doc", {})
                self._check_encoded(changed)
                self.results[at] = Outcome("updated", 200)
                if any(name in changed for name in self._fields.vectors):
                    ready[at] = document
                else:
                    patches.append((at, document))
            except RefusedError as refusal:
                self.results[at] = refusal
        return patches

    def _inserted(self, operation: Operation) -> DocumentIn:
        """Return the document that an update of a missing one inserts. Raises RefusedError."""
        content = operation.content
        source = content.get("doc") if content.get("doc_as_upsert") else content.get("upsert")
        if source is None:
            raise RefusedError(f"[{operation.id}]: document missing", "document_missing_exception", 404)
        self._check_encoded(source)
        return document_in(to_id(operation.id, self._fields), source, self._fields)

    def _check_encoded(self, changed: Mapping[str, Any]) -> None:
        """Raise RefusedError for a change of a text that the vector is made from."""
        for name, columns in self._fields.texts.items():
            if name not in changed and (texts := [column for column in columns if column in changed]):
                problem = f"field [{texts[0]}] is encoded into the vector [{name}]"
                raise wrong_document(f"{problem}; index the whole document instead")

    def _stored(self, ids: Sequence[str], state: State) -> list[dict[str, Any]]:
        if not ids:
            return []
        index = Index(state.view, self._index)
        numbers = index.find(self._fields.known_ids(ids)).tolist()
        sources: list[dict[str, Any]] = orjson.loads(encode(sources_of(index, numbers, EVERYTHING, self._fields)))
        return sources

    def _add(self, documents: Sequence[tuple[int, DocumentIn]], make: Any) -> None:
        """Add the changes of documents; those of a wrong one are left out, which halving finds."""
        if not documents:
            return
        try:
            made = make([document for _, document in documents])
        except InputError as error:
            if len(documents) == 1:
                self.results[documents[0][0]] = _worded(error)
                return
            half = len(documents) // 2
            self._add(documents[:half], make)
            self._add(documents[half:], make)
            return
        self.changes += made
        self.rules = self.rules.after(made)

    def _upserts(self, documents: Sequence[DocumentIn]) -> list[Change]:
        flat, needed = self._flat(documents)
        rows = [one.model_copy(update={"payload": row}) for one, row in zip(documents, flat, strict=True)]
        changes, _ = to_upserts(rows, self.rules.after(needed))
        return [*needed, *changes]

    def _patches(self, documents: Sequence[DocumentIn], state: State) -> list[Change]:
        flat, needed = self._flat(documents)
        patches = [PatchIn.model_construct(id=one.id, payload=row) for one, row in zip(documents, flat, strict=True)]
        changes, _ = to_patches(patches, self.rules.after(needed), state, replace=True)
        return [*needed, *changes]

    def _flat(self, documents: Sequence[DocumentIn]) -> tuple[list[dict[str, Any]], list[Change]]:
        rules = self.rules
        flat = flatten([one.payload for one in documents], rules.schema, strict=rules.strict)
        for row in flat.rows:
            to_times(row, rules.schema)
        return flat.rows, [*declared(flat.fields, rules)]


def _conflict(operation: Operation, exists: bool, last: int) -> RefusedError | None:
    problem = None
    if operation.action == "create" and exists:
        problem = "document already exists"
    elif operation.if_seq_no is not None and not exists:
        problem = f"required seqNo [{operation.if_seq_no}], but no document was found"
    elif operation.if_seq_no is not None and last > operation.if_seq_no:
        problem = f"required seqNo [{operation.if_seq_no}], current document has seqNo [{last}]"
    if problem is None:
        return None
    return RefusedError(f"[{operation.id}]: version conflict, {problem}", "version_conflict_engine_exception", 409)


def _worded(error: SeismicError) -> RefusedError:
    if isinstance(error, RefusedError):
        return error
    refusal = refusal_of(error)
    return wrong_document(_ROW.sub("", str(refusal)))


def item(action: Action, name: str, operation: Operation, result: Result, done: Committed | None) -> dict[str, Any]:
    """Return the answer to an operation, as in the answer to a bulk request."""
    content: dict[str, Any] = {"_index": name, "_id": operation.id}
    if isinstance(result, RefusedError) or done is None:
        assert isinstance(result, RefusedError)
        content |= {"status": result.status, "error": {**result.cause, "index": name}}
    else:
        content |= {
            "_version": done.sequence,
            "result": result.result,
            "_shards": SHARDS_WRITTEN,
            "_seq_no": done.sequence,
            "_primary_term": 1,
            "status": result.status,
        }
    return {action: content}


SHARDS_WRITTEN = {"total": 1, "successful": 1, "failed": 0}
