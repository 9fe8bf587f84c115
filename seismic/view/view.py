"""A view: one consistent state of a collection, made of a generation and the changes up to some sequence."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.builder.order import reordered
from seismic.changes.records import Change, Rules, decode, rules_of
from seismic.documents.table import Documents
from seismic.documents.widening import with_schema
from seismic.encoders import Encoded, Encoder, EncoderEntry, load_recorded
from seismic.errors import CorruptIndexError, InputError
from seismic.fields.entry import FieldEntry, check_encoder
from seismic.fields.joined import JoinedVocabulary, counter
from seismic.kernels.constants import BLOCK
from seismic.layouts import Storage
from seismic.params import Verify
from seismic.planner import Planner
from seismic.store.collection import current_generation
from seismic.store.lock import Lease
from seismic.store.log import LogPosition, Record, position_after, positions_of, read_log, segment_path
from seismic.store.manifest import Manifest
from seismic.store.opening import Generation, open_generation
from seismic.store.profiles import profiles_stamp, usable_profiles
from seismic.store.watermark import check_watermark, read_watermark
from seismic.vectors import SparseVectors
from seismic.view.combine import combine
from seismic.view.deltas import with_documents
from seismic.view.frequencies import DeadFrequency, documents_by_field, every_frequency, frequency_of
from seismic.view.live import LiveShard
from seismic.view.scope import Part, Scope, documents_of
from seismic.vocabulary import Vocabulary, inverse_document_frequency
from seismic.weight_range import range_problem

TRIAL_DOCUMENTS = 100
"""Documents of `with_trial_changes`: enough to be clustered."""


@dataclass(frozen=True)
class View:
    """The state that searches see. Immutable: a change makes another view, which shares all unchanged shards.

    ``base`` has the shards of the generation, ``deltas`` those of later changes; document numbers count through both,
    including deleted documents. ``rules``: the rules for changes, as the log has evolved those of the generation.
    ``log_end``: log position up to which changes are applied. ``lease`` keeps the generation's files until its last
    view is gone. ``verify``: how the files of the next generation are checked.
    ``planner`` uses the profiles with the stamp ``tuned``, see `profiles_stamp`.
    """

    collection: Path
    manifest: Manifest
    rules: Rules
    base: tuple[LiveShard, ...]
    deltas: tuple[LiveShard, ...]
    log_end: LogPosition
    lease: Lease
    verify: Verify
    planner: Planner
    tuned: tuple[int, int] | None

    @cached_property
    def shards(self) -> tuple[LiveShard, ...]:
        """Return all shards, in the order of document numbers."""
        return self.base + self.deltas

    @cached_property
    def firsts(self) -> list[int]:
        """Return the number of each shard's first document, then the number of documents."""
        return list(accumulate(map(len, self.shards), initial=0))

    @cached_property
    def documents(self) -> Documents:
        """Return the ids and payloads."""
        return Documents([shard.shard.documents for shard in self.shards], self.rules.schema)

    @cached_property
    def memo(self) -> dict[Any, Any]:
        """Return what searches keep for later ones of this view."""
        return {}

    @cached_property
    def dimension(self) -> int:
        """Return the size of the vocabulary; components are below it."""
        return self.rules.dimension

    @cached_property
    def vocabulary(self) -> Vocabulary | None:
        """Return the tokens of the components, or None."""
        return self.rules.vocabulary

    @property
    def fields(self) -> tuple[FieldEntry, ...]:
        """Return the named vectors; none if the collection has a single one without a name."""
        return self.rules.fields

    @property
    def storage(self) -> Storage:
        """What the collection stores of vectors."""
        return self.manifest.storage

    @cached_property
    def live(self) -> int:
        """Return the number of documents, without deleted ones."""
        return sum(shard.live for shard in self.shards)

    @cached_property
    def changed(self) -> int:
        """Return the number of documents that compaction would move or remove: in deltas, or deleted in the base."""
        return sum(map(len, self.deltas)) + sum(len(shard) - shard.live for shard in self.base)

    @cached_property
    def everything(self) -> Scope:
        """The scope of all documents except deleted ones."""
        return Scope(tuple(Part(shard.allowed, shard.live) for shard in self.shards))

    @cached_property
    def largest_shard(self) -> int:
        """Documents of the largest shard, deleted ones included."""
        return max(map(len, self.shards), default=0)

    @cached_property
    def shard_dimension(self) -> int:
        """The largest number of components in the files of a shard."""
        return max((shard.shard.dimension for shard in self.shards), default=0)

    @cached_property
    def document_frequency(self) -> npt.NDArray[np.int64]:
        """Return int64 [dimension]: the number of live documents that have each component."""
        return every_frequency(self.shards, self.dimension)

    @property
    def idf(self) -> npt.NDArray[np.float32]:
        """Return float32 [dimension]: the inverse document frequency, as in BM25."""
        documents = self.live if not self.fields else self.field_documents[self.fields[0].name]
        return inverse_document_frequency(self.document_frequency, documents)

    @cached_property
    def field_documents(self) -> dict[str, int]:
        """Return the number of live documents that have each field."""
        return documents_by_field(self.shards, self.dimension, self.fields, self.vocabulary)

    @cached_property
    def _dead(self) -> DeadFrequency:
        return DeadFrequency(self.shards, self.dimension)

    def field_idf(self, field: FieldEntry, components: npt.NDArray[np.uint32]) -> npt.NDArray[np.float32]:
        """Return float32 [n]: the inverse document frequency of components among the documents that have the field."""
        frequency = frequency_of(self.shards, self._dead, components)
        return inverse_document_frequency(frequency, self.field_documents[field.name])

    @cached_property
    def encoder(self) -> Encoder:
        """Return the encoder of texts. Raises InputError if there is none, and EncoderError if it cannot run here."""
        encoder = load_recorded(check_encoder(self.manifest.encoder, self.fields), self.vocabulary)
        return encoder.by_idf(self.idf) if encoder.entry.queries == "idf" else encoder

    def field_encoder(self, field: FieldEntry) -> Encoder:
        """Return the encoder of a field's texts. Raises InputError if it has none, EncoderError if it cannot run here.

        Its components are the field's own.
        """
        entry = check_encoder(field.encoder, (field,))
        if not isinstance(self.vocabulary, JoinedVocabulary):
            return self.encoder
        if field.name not in self._encoders:
            part = self.vocabulary.parts[field.name]
            encoder, idf = load_recorded(entry, part.vocabulary), entry.queries == "idf"
            self._encoders[field.name] = encoder.by_idf(self.field_idf(field, part.joined)) if idf else encoder
        return self._encoders[field.name]

    @property
    def encoder_entries(self) -> list[EncoderEntry]:
        """Return the entries of all encoders of texts."""
        entries = [field.encoder for field in self.fields] if self.fields else [self.manifest.encoder]
        return [entry for entry in entries if entry]

    @cached_property
    def _encoders(self) -> dict[str, Encoder]:
        return {}

    def encode_query(self, texts: Sequence[str]) -> Encoded:
        """Encode queries. The first call loads the encoder."""
        return self.encoder.encode_queries(texts)

    def find(self, ids: pa.Array) -> npt.NDArray[np.int64]:
        """Return int64 [n]: the document number of each id, -1 if unknown."""
        numbers = np.full(len(ids), -1, np.int64)
        for shard, first in zip(reversed(self.shards), reversed(self.firsts[:-1]), strict=True):
            found = shard.find(ids)
            numbers[found >= 0] = found[found >= 0] + first
            if (numbers >= 0).all():  # an id is live in one shard only, most often in one of the newest
                break
        return numbers

    def find_all(self, ids: pa.Array) -> npt.NDArray[np.int64]:
        """Return int64 [n]: the document number of each id. Raises InputError if one is unknown."""
        numbers = self.find(ids)
        missing = np.flatnonzero(numbers < 0)
        if len(missing):
            more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
            raise InputError(f"ids: found no document with the id {ids[missing[0]].as_py()!r}{more}")
        return numbers

    def contains(self, scope: Scope, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return whether documents are in a scope, bool [n]."""
        inside = np.ones(len(numbers), bool)
        for shard, part, first in zip(self.shards, scope.parts, self.firsts, strict=False):
            here = np.flatnonzero((numbers >= first) & (numbers < first + len(shard)))
            if len(part.allowed) and len(here):
                positions = shard.positions(numbers[here] - first).astype(np.int64)
                inside[here] = (part.allowed[positions // BLOCK] >> (positions % BLOCK).astype(np.uint8)) & 1 == 1
        return inside

    @property
    def here(self) -> bool:
        """Whether its shards are open in this process."""
        return True

    def numbers(self, scope: Scope) -> npt.NDArray[np.int64]:
        """Return the numbers of the documents in a scope, int64 [n], ascending."""
        inside = [documents_of(shard.shard, part) for shard, part in zip(self.shards, scope.parts, strict=True)]
        found: npt.NDArray[np.int64] = np.flatnonzero(np.concatenate([np.zeros(0, bool), *inside]))
        return found

    def vectors(self, numbers: npt.ArrayLike) -> SparseVectors:
        """Return the stored vectors of document numbers [n], in their order."""
        wanted = np.asarray(numbers, np.int64)
        of_shard = np.searchsorted(self.firsts, wanted, side="right") - 1
        order = np.argsort(of_shard, kind="stable")
        parts = [
            self.shards[shard].vectors(wanted[of_shard == shard] - self.firsts[shard], self.dimension)
            for shard in np.unique(of_shard).tolist()
        ]
        together = SparseVectors.concatenate([SparseVectors.from_dicts([], self.dimension), *parts])
        return reordered(together, np.argsort(order).astype(np.uint32))

    def rows(self, numbers: npt.NDArray[np.int64], columns: Sequence[str] | None = None) -> pa.Table:
        """Return the ids and payloads of documents, in their order, in the columns of the rules, or some of them."""
        if columns is not None:
            return self.rows(numbers).select([name for name in self.rules.schema.names if name in columns])
        schema, parts, order = self.rules.schema, [self.rules.schema.empty_table()], [np.zeros(0, np.int64)]
        of_shard = np.searchsorted(self.firsts, numbers, side="right") - 1
        for at in np.unique(of_shard).tolist():
            slots, first = np.flatnonzero(of_shard == at), self.firsts[at]
            for batch in self.shards[at].shard.documents.to_batches():  # taking from a table would join its batches
                here = slots[(numbers[slots] >= first) & (numbers[slots] < first + len(batch))]
                if len(here):
                    rows = pa.table(batch.take(pa.array(numbers[here] - first)))
                    parts.append(with_schema(rows, schema))
                    order.append(here)
                first += len(batch)
        return pa.concat_tables(parts).take(pa.array(np.argsort(np.concatenate(order))))

    def refreshed(self) -> "View":
        """Return the view of the current state: new generation, later changes or new profiles; itself if unchanged."""
        generation = self.manifest.generation
        if current_generation(self.collection) == generation:
            tuned = profiles_stamp(self.collection, generation)
            with suppress(CorruptIndexError):  # the log was pruned meanwhile; damage is reported by `open_view` below
                view = self.advanced()
                if tuned == self.tuned:
                    return view
                profiles = usable_profiles(self.collection, generation)
                return replace(view, planner=replace(self.planner, profiles=profiles), tuned=tuned)
        return self._reopened()

    def _reopened(self) -> "View":
        return open_view(self.collection, self.verify)

    def advanced(self) -> "View":
        """Return the view with all changes of the log applied; itself if there are no new ones."""
        view, acknowledged = self, read_watermark(self.collection)
        while True:
            records, end = read_log(self.collection, view.log_end)
            if not records:
                check_watermark(self.collection, max(end.sequence, self.manifest.sequence), acknowledged)
                return view
            view = replace(view._with(records), log_end=end)

    def steps(self) -> "list[View]":
        """Return the view after each further record of the log, one by one, up to the log's end or that of a segment.

        Delta shards, and with them document numbers, depend on which changes are applied together; these do not.
        """
        records, end = read_log(self.collection, self.log_end)
        views, view = [], self
        for position, record in zip(positions_of(records, end), records, strict=True):
            view = replace(view._with([record]), log_end=position)
            views.append(view)
        return views

    def with_trial_changes(self) -> "View":
        """Return a view after simulated changes, which run the code that applies changes once."""
        rules, count = self.rules, TRIAL_DOCUMENTS
        ids = pa.array(range(count)).cast(rules.schema.field("id").type)
        documents = pa.table({field.name: pa.nulls(count, field.type) for field in rules.schema} | {"id": ids})
        vectors = SparseVectors.from_dicts([{0: 1.0}] * count if rules.dimension else [{}] * count, rules.dimension)
        range_problem(vectors, self.storage)
        deltas = with_documents((), vectors, documents, self.storage)
        self.find(ids)
        fewer = [delta.without(delta.find(ids[:1])) for delta in deltas]
        deltas = with_documents(fewer, vectors, documents, self.storage)
        return replace(self, deltas=deltas)

    def _with(self, records: list[Record]) -> "View":
        changes: list[Change] = []
        rules = self.rules
        for record in records:
            if record.sequence > self.manifest.sequence:
                try:
                    decoded, rules = decode(record.body, rules)
                except InputError as error:
                    where = segment_path(self.collection, self.log_end.segment).parent
                    raise CorruptIndexError(
                        f"{where}: change {record.sequence} does not fit generation {self.manifest.generation}: {error}"
                    ) from None
                changes += decoded
        return self._evolved(rules)._after(changes) if changes else self

    def with_changes(self, changes: Sequence[Change]) -> "View":
        """Return the view after changes that are not in the log."""
        return self._evolved(self.rules.after(changes))._after(changes)

    def _evolved(self, rules: Rules) -> "View":
        if rules.version == self.rules.version:
            return self
        base, deltas = (
            tuple(shard.evolved(rules.schema, rules.dimension) for shard in shards)
            for shards in (self.base, self.deltas)
        )
        return replace(self, rules=rules, base=base, deltas=deltas)

    def _after(self, changes: Sequence[Change]) -> "View":
        touched, vectors, documents = combine(changes, self.rules, self)
        base, deltas = (
            tuple(shard.without(found[found >= 0]) for shard in shards for found in (shard.find(touched),))
            for shards in (self.base, self.deltas)
        )
        counted = counter(self.fields, self.vocabulary)
        deltas = with_documents(deltas, vectors, documents, self.storage, counted)
        return replace(self, base=base, deltas=deltas)


def open_view(collection: Path, verify: Verify = "none", *, tuned: bool = True) -> View:
    """Open the current generation by memory map, check its files as `verify` says, and apply the later changes.

    `tuned`: read its profiles. Raises IndexNotFoundError, FormatError or CorruptIndexError.
    """
    while True:
        name = current_generation(collection)
        try:
            return published_view(collection, open_generation(collection, verify), verify, tuned=tuned).advanced()
        except CorruptIndexError:
            if current_generation(collection) == name:
                raise  # otherwise a generation published meanwhile may have removed needed files


def published_view(collection: Path, opened: Generation, verify: Verify = "none", *, tuned: bool = True) -> View:
    """Return the view of an open generation as it was published, without later changes."""
    manifest = opened.manifest
    end = position_after(collection, manifest.sequence)
    base = tuple(map(LiveShard, opened.shards))
    stamp = profiles_stamp(collection, manifest.generation)
    profiles = usable_profiles(collection, manifest.generation) if tuned else ()
    planner = Planner(manifest.layout, profiles, tuple(manifest.kept))
    rules = rules_of(manifest, opened.shards[0].documents.schema, opened.vocabulary)
    return View(collection, manifest, rules, base, (), end, opened.lease, verify, planner, stamp)
