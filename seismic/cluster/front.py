"""The view of a front: it has the rules, the vocabulary and the planner; the shards are elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.builder.order import reordered
from seismic.changes.records import Change
from seismic.cluster.spec import PartSpec
from seismic.cluster.wire import Message
from seismic.conversion.plain import excerpt
from seismic.documents.table import Documents, check_numbers
from seismic.errors import ParameterError, StorageError, UnavailableError
from seismic.fields.entry import FieldEntry
from seismic.params import Verify
from seismic.store.manifest import Manifest
from seismic.store.opening import open_generation
from seismic.vectors import SparseVectors
from seismic.view.live import EVERY_DOCUMENT, LiveShard
from seismic.view.scope import Part, Scope
from seismic.view.view import View, published_view
from seismic.vocabulary import inverse_document_frequency

I64s = npt.NDArray[np.int64]


class Fan(Protocol):
    """Asks parts, whoever answers for them."""

    specs: Sequence[PartSpec]

    def ask(self, requests: Mapping[int, Message], *, partial: bool = False) -> dict[int, Message]:
        """Ask parts by their index in `specs`, all at once, and return their answers.

        `partial`: leave out parts that do not answer, if the cluster allows it. Otherwise raises PartUnavailableError.
        """

    def prepare(self, generation: str, fingerprint: str) -> None:
        """Have nodes open a generation with this fingerprint. Raises UnavailableError unless every part has it."""

    def close(self) -> None:
        """Close all connections."""


MOST_KNOWN_IDS = 1 << 16
"""Most ids that a view remembers."""

MISSING: ContextVar[set[int] | None] = ContextVar("missing", default=None)
"""The parts that did not answer the requests of this context; None where answers must not be partial."""


@dataclass(frozen=True)
class RemoteScope(Scope):
    """A scope whose documents are elsewhere: the filter as JSON, and the number of documents in each part."""

    filter: Any = None


@dataclass(frozen=True)
class FrontView(View):
    """A view whose shards are elsewhere. ``fan`` asks for what they hold."""

    fan: Fan

    @property
    def here(self) -> bool:
        """Whether its shards are open in this process: never."""
        return False

    def _after(self, changes: Sequence[Change]) -> View:  # noqa: ARG002 (parts have the documents)
        return replace(self)

    def steps(self) -> list[View]:
        """Return no view: a front does not look at single changes."""
        return []

    @cached_property
    def shards(self) -> tuple[LiveShard, ...]:
        """Raise ParameterError: they are elsewhere."""
        return self._elsewhere()

    @cached_property
    def firsts(self) -> list[int]:
        """Raise ParameterError: the shards are elsewhere."""
        return self._elsewhere()

    def _reopened(self) -> View:
        return open_front(self.collection, self.fan, self.verify)

    def _elsewhere(self) -> NoReturn:
        raise ParameterError(
            f"collection '{self.collection.name}' is searched through its nodes, which cannot do this; open its folder "
            "where the files are"
        )

    def ask(self, verb: str, messages: Mapping[int, Message]) -> dict[int, Message]:
        """Ask parts for the state of this view. Raises PartUnavailableError and the errors of their answers."""
        pin = {"verb": verb, **self._pin}
        asked = {at: Message({**pin, **head}, arrays, tables) for at, (head, arrays, tables, _) in messages.items()}
        missing = MISSING.get()
        answers = self.fan.ask(asked, partial=missing is not None)
        if missing is not None:
            missing |= asked.keys() - answers.keys()
        return answers

    @cached_property
    def _pin(self) -> dict[str, Any]:
        manifest = self.manifest
        names = {"generation": manifest.generation, "fingerprint": manifest.fingerprint}
        return {**names, "sequence": self.log_end.sequence}

    def ask_all(self, verb: str, message: Message) -> dict[int, Message]:
        """Ask every part the same."""
        return self.ask(verb, dict.fromkeys(range(len(self.fan.specs)), message))

    def ask_owners(self, verb: str, numbers: I64s, head: Mapping[str, Any]) -> list[tuple[I64s, Message]]:
        """Ask the parts that have documents about them, and return the rows of `numbers` each answered for.

        Raises UnavailableError if one of them does not answer: what was found there is known, but not its contents.
        """
        owners = self._owners(numbers)
        rows = {int(at): np.flatnonzero(owners == at) for at in np.unique(owners)}
        answers = self.ask(verb, {at: Message(head, {"numbers": numbers[here]}) for at, here in rows.items()})
        if len(answers) < len(rows):
            raise UnavailableError("a part that found documents stopped answering; retry")
        return [(rows[at], answer) for at, answer in answers.items()]

    def _owners(self, numbers: I64s) -> npt.NDArray[np.int64]:
        """Return the part of each document."""
        entries, specs = self.manifest.shards, self.fan.specs
        changes = next(at for at, spec in enumerate(specs) if spec.changes)
        ends = np.cumsum([entry.documents for entry in entries])
        of_shard = np.full(len(entries) + 1, changes)
        for at, spec in enumerate(specs):
            of_shard[spec.shards(len(entries))] = at
        of_shard[-1] = changes
        owners: npt.NDArray[np.int64] = of_shard[np.searchsorted(ends, numbers, side="right")]
        return owners

    @cached_property
    def statistics(self) -> dict[int, Mapping[str, Any]]:
        """What each part says of its documents."""
        answers = self.ask_all("statistics", Message({}))
        if len(answers) < len(self.fan.specs):  # is not to be remembered
            raise UnavailableError("a part does not answer, so the number of documents is unknown; retry")
        return {at: answer.head for at, answer in answers.items()}

    def ask_statistics(self) -> None:
        """Ask for the numbers of documents, so that nobody waits for them later. Raises StorageError."""
        try:
            _ = self.statistics
        except UnavailableError as error:
            raise StorageError(f"nodes cannot serve change {self.log_end.sequence}: {error}") from None

    @cached_property
    def documents(self) -> Documents:
        """Return the ids and payloads, which are fetched when they are read."""
        return RemoteDocuments(self)

    @cached_property
    def documents_in_all(self) -> int:
        """Return the number of documents, deleted ones included."""
        return self.manifest.documents + sum(int(one["deltas"]) for one in self.statistics.values())

    @cached_property
    def known_ids(self) -> "KnownIds":
        """Ids that came with hits."""
        return KnownIds()

    @cached_property
    def live(self) -> int:
        """Return the number of documents, without deleted ones."""
        return sum(one["live"] for one in self.statistics.values())

    @cached_property
    def changed(self) -> int:
        """Return the number of documents that compaction would move or remove."""
        return sum(one["changed"] for one in self.statistics.values())

    @cached_property
    def everything(self) -> Scope:
        """The scope of all documents except deleted ones."""
        return self.scope_of({at: one["live"] for at, one in self.statistics.items()}, None)

    def scope_of(self, counts: Mapping[int, int], filter: Any) -> RemoteScope:
        """Return the scope of a filter, given how many documents of each part match; 0 where a part is missing."""
        every = range(len(self.fan.specs))
        return RemoteScope(tuple(Part(EVERY_DOCUMENT, counts.get(at, 0)) for at in every), filter)

    @cached_property
    def document_frequency(self) -> npt.NDArray[np.int64]:
        """Return int64 [dimension]: the number of live documents that have each component."""
        answers = self.ask_all("frequency", Message({}))
        if len(answers) < len(self.fan.specs):
            raise UnavailableError("a part does not answer, so document frequencies are unknown; retry")
        counts: I64s = np.sum([answer.arrays["counts"] for answer in answers.values()], axis=0)
        return counts

    @cached_property
    def field_documents(self) -> dict[str, int]:
        """Return the number of live documents that have each field."""
        parts = [one["fields"] for one in self.statistics.values()]
        return {field.name: sum(int(part[field.name]) for part in parts) for field in self.fields}

    def field_idf(self, field: FieldEntry, components: npt.NDArray[np.uint32]) -> npt.NDArray[np.float32]:
        """Return float32 [n]: the inverse document frequency of components among the documents that have the field."""
        ascending, places = np.unique(components, return_inverse=True)
        message = Message({"filter": None}, {"components": ascending.astype(np.uint32)})
        answers = self.ask_all("frequency", message).values()
        counts: I64s = np.sum([answer.arrays["counts"] for answer in answers], axis=0)
        return inverse_document_frequency(counts, self.field_documents[field.name])[places]

    def find(self, ids: pa.Array) -> I64s:
        """Return int64 [n]: the document number of each id, -1 if unknown."""
        numbers = np.full(len(ids), -1, np.int64)
        if len(ids):
            for answer in self.ask_all("find", Message({"ids": ids.to_pylist()})).values():
                numbers = np.maximum(numbers, answer.arrays["numbers"])
        return numbers

    def contains(self, scope: Scope, numbers: I64s) -> npt.NDArray[np.bool_]:
        """Return whether documents are in a scope, bool [n]."""
        inside = np.ones(len(numbers), bool)
        if isinstance(scope, RemoteScope) and scope.filter is not None:
            for rows, answer in self.ask_owners("contains", numbers, {"filter": scope.filter}):
                inside[rows] = answer.arrays["inside"]
        return inside

    def numbers(self, scope: Scope) -> I64s:
        """Return the numbers of the documents in a scope, int64 [n], ascending."""
        filter = scope.filter if isinstance(scope, RemoteScope) else None
        answers = self.ask_all("numbers", Message({"filter": filter}))
        found: I64s = np.sort(np.concatenate([answer.arrays["numbers"] for answer in answers.values()]))
        return found

    def vectors(self, numbers: npt.ArrayLike) -> SparseVectors:
        """Return the stored vectors of document numbers [n], in their order."""
        wanted = np.asarray(numbers, np.int64)
        parts, order = [SparseVectors.from_dicts([], self.dimension)], [np.zeros(0, np.int64)]
        for rows, answer in self.ask_owners("vectors", wanted, {}) if len(wanted) else []:
            found = answer.arrays
            arrays = found["indptr"], found["components"], found["values"]
            parts.append(SparseVectors.from_arrays(*arrays, self.dimension))
            order.append(rows)
        return reordered(SparseVectors.concatenate(parts), np.argsort(np.concatenate(order)).astype(np.uint32))

    def rows(self, numbers: I64s, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the ids and payloads of documents, in their order; `columns`: None for all."""
        names = [name for name in self.rules.schema.names if columns is None or name == "id" or name in columns]
        schema = pa.schema([self.rules.schema.field(name) for name in names])
        parts, order = [schema.empty_table()], [np.zeros(0, np.int64)]
        for rows, answer in self.ask_owners("fetch", numbers, {"columns": names}) if len(numbers) else []:
            parts.append(answer.tables["rows"].cast(schema))
            order.append(rows)
        return pa.concat_tables(parts).take(pa.array(np.argsort(np.concatenate(order)))).combine_chunks()


class KnownIds:
    """Ids that came with hits, by document number."""

    def __init__(self) -> None:
        self._ids: dict[int, Any] = {}

    def add(self, numbers: I64s, ids: Sequence[Any]) -> None:
        """Remember ids; all are forgotten when there are too many."""
        if len(self._ids) + len(ids) > MOST_KNOWN_IDS:
            self._ids = {}
        self._ids.update(zip(numbers.ravel().tolist(), ids, strict=True))

    def of(self, numbers: Iterable[int]) -> list[Any]:
        """Return the ids of documents, None for those not known."""
        return list(map(self._ids.get, numbers))


class RemoteDocuments(Documents):
    """The documents of a front's view. Each call fetches its rows, once from each part."""

    def __init__(self, view: FrontView) -> None:
        super().__init__([], view.rules.schema)
        self._view = view

    @property
    def count(self) -> int:
        """The number of documents, deleted ones included."""
        return self._view.documents_in_all

    def ids(self, numbers: Iterable[int] | npt.NDArray[np.int64]) -> list[Any]:
        """Return the ids (str or int) of document numbers; None for a negative number."""
        wanted = numbers.tolist() if isinstance(numbers, np.ndarray) else list(numbers)
        result = self._view.known_ids.of(wanted)
        if None not in result:
            return result
        slots = np.array([at for at, number in enumerate(wanted) if number >= 0 and result[at] is None], np.int64)
        if len(slots):
            for rows, answer in self._view.ask_owners("ids", np.array(wanted, np.int64)[slots], {}):
                for slot, id in zip(slots[rows].tolist(), answer.head["ids"], strict=True):
                    result[slot] = id
        return result

    def payloads(self, numbers: Iterable[int], columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return one dict of column -> value per document number. `columns` None: all.

        Raises ParameterError for an unknown column or number.
        """
        wanted = np.array(list(numbers), np.int64)
        if not (columns is None or isinstance(columns, list | tuple | set | frozenset)):
            raise ParameterError(f"columns is {excerpt(columns)}, expected a list of column names")
        check_numbers(int(wanted.min(initial=0)), int(wanted.max(initial=-1)), self.count)
        fetched = self._view.rows(wanted, None if columns is None else list(map(str, columns)))
        here = Documents([fetched], self._view.rules.schema if len(fetched) == 0 else fetched.schema)
        self._check_columns(columns)
        return here.payloads(range(len(wanted)), columns)

    def _check_columns(self, columns: Sequence[str] | None) -> None:
        Documents([self._view.rules.schema.empty_table()]).payloads([], columns)


def open_front(collection: Path, fan: Fan, verify: Verify = "none") -> FrontView:
    """Return the current view of a collection whose parts `fan` asks.

    Opens one shard, which has the columns. Raises StorageError, also if nodes cannot serve the generation.
    """
    opened = open_generation(collection, verify, shards=slice(0, 1))
    try:
        fan.prepare(opened.manifest.generation, opened.manifest.fingerprint)
    except UnavailableError as error:
        raise StorageError(f"nodes cannot serve generation {opened.manifest.generation}: {error}") from None
    view = published_view(collection, opened, verify)
    front = FrontView(**{name: getattr(view, name) for name in View.__dataclass_fields__}, fan=fan).advanced()
    assert isinstance(front, FrontView)
    front.ask_statistics()
    return front


def shards_of(manifest: Manifest, specs: Sequence[PartSpec], parts: Iterable[int]) -> int:
    """Return the number of shards in parts."""
    count = len(manifest.shards)
    return sum(len(range(count)[specs[at].shards(count)]) for at in parts)
