"""One consistent state of a collection: a published generation, and the changes of the log up to some sequence."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.builder.order import reordered
from seismic.changes.records import Change, Delete, Rules, Upsert, decode, rules_of
from seismic.documents.table import Documents
from seismic.encoders import Encoded, Encoder, load_recorded
from seismic.errors import CorruptIndexError, InputError
from seismic.params import Verify
from seismic.planner import Planner
from seismic.store.collection import current_generation
from seismic.store.lock import Lease
from seismic.store.log import Place, Record, read_log, segment_path, start_of
from seismic.store.manifest import Manifest
from seismic.store.opening import open_generation
from seismic.store.profiles import profiles_stamp, read_profiles
from seismic.vectors import SparseVectors
from seismic.view.deltas import with_documents
from seismic.view.live import LiveShard
from seismic.vocabulary import Vocabulary, inverse_document_frequency

TRIAL_DOCUMENTS = 100
"""Documents of a rehearsal: enough to be clustered."""


@dataclass(frozen=True)
class View:
    """What searches see. Immutable: a change makes another view, which shares all shards that did not change.

    ``base`` are the shards of the generation, ``deltas`` those of documents changed since, which come after; document
    numbers count through all of them, deleted documents included. ``place``: how far the log was read. ``lease``: keeps
    the generation's files until the last view of it is gone; ``verify``: how the next generation's are checked.
    ``planner``: for searches of any of it, by profiles that were ``tuned`` then, see `profiles_stamp`.
    """

    collection: Path
    manifest: Manifest
    vocabulary: Vocabulary | None
    base: tuple[LiveShard, ...]
    deltas: tuple[LiveShard, ...]
    place: Place
    lease: Lease
    verify: Verify
    planner: Planner
    tuned: tuple[int, int] | None

    @cached_property
    def shards(self) -> tuple[LiveShard, ...]:
        """All of them, in the order of document numbers."""
        return self.base + self.deltas

    @cached_property
    def firsts(self) -> list[int]:
        """The number of each shard's first document, and the number after the last one."""
        return list(accumulate(map(len, self.shards), initial=0))

    @cached_property
    def documents(self) -> Documents:
        """Ids and payloads."""
        return Documents([shard.shard.documents for shard in self.shards])

    @cached_property
    def live(self) -> int:
        """Documents that are there."""
        return sum(shard.live for shard in self.shards)

    @cached_property
    def changed(self) -> int:
        """Documents that compaction would move or remove: those of the deltas, and the deleted ones of the base."""
        return sum(map(len, self.deltas)) + sum(len(shard) - shard.live for shard in self.base)

    @cached_property
    def rules(self) -> Rules:
        """What changes have to keep to."""
        return rules_of(self.manifest, self.base[0].shard.documents.schema)

    @cached_property
    def document_frequency(self) -> npt.NDArray[np.int64]:
        """int64 [dimension]: how many live documents have each component."""
        counts = np.zeros(self.manifest.dimension, np.int64)
        for shard in self.shards:
            counts += shard.shard.document_frequency(len(counts))
            if shard.live < len(shard):
                counts -= np.bincount(shard.vectors(shard.dead(), len(counts)).components, minlength=len(counts))
        return counts

    @property
    def idf(self) -> npt.NDArray[np.float32]:
        """float32 [dimension]: inverse document frequency, as in BM25."""
        return inverse_document_frequency(self.document_frequency, self.live)

    @cached_property
    def encoder(self) -> Encoder:
        """What makes vectors of texts. InputError if the collection has none, EncoderError if it cannot run here."""
        entry = self.manifest.encoder
        if entry is None:
            raise InputError(
                "this collection has no encoder for texts; give indices and values, or tokens, or build it with an "
                "encoder (--encoder)"
            )
        encoder = load_recorded(entry)
        return encoder.by_idf(self.idf) if entry.queries == "idf" else encoder

    def encode_query(self, texts: Sequence[str]) -> Encoded:
        """The vectors of queries; the encoder is loaded now, if no text came before."""
        return self.encoder.encode_queries(texts)

    def find(self, ids: pa.Array) -> npt.NDArray[np.int64]:
        """int64 [n]: the document number of each id, -1 for those that are not there."""
        numbers = np.full(len(ids), -1, np.int64)
        for shard, first in zip(self.shards, self.firsts, strict=False):
            found = shard.find(ids)
            numbers[found >= 0] = found[found >= 0] + first
        return numbers

    def vectors(self, numbers: npt.ArrayLike) -> SparseVectors:
        """The stored vectors of document numbers [n], in their order."""
        wanted = np.asarray(numbers, np.int64)
        of_shard = np.searchsorted(self.firsts, wanted, side="right") - 1
        order = np.argsort(of_shard, kind="stable")
        parts = [
            self.shards[shard].vectors(wanted[of_shard == shard] - self.firsts[shard], self.manifest.dimension)
            for shard in np.unique(of_shard).tolist()
        ]
        together = SparseVectors.concatenate([SparseVectors.from_dicts([], self.manifest.dimension), *parts])
        return reordered(together, np.argsort(order).astype(np.uint32))

    def refreshed(self) -> "View":
        """The collection as it is now: another generation, or this one with later changes, or tuned anew; itself if
        nothing is new."""
        generation = self.manifest.generation
        if current_generation(self.collection) == generation:
            tuned = profiles_stamp(self.collection, generation)
            with suppress(CorruptIndexError):  # of a log that was pruned meanwhile; what is damaged stays so below
                view = self.advanced()
                if tuned == self.tuned:
                    return view
                profiles = read_profiles(self.collection, generation)
                return replace(view, planner=replace(self.planner, profiles=profiles), tuned=tuned)
        return open_view(self.collection, self.verify)

    def advanced(self) -> "View":
        """The view with all that the log holds by now; itself if that is nothing new."""
        view = self
        while True:
            records, place = read_log(self.collection, view.place)
            if not records:
                return view
            view = replace(view._with(records), place=place)

    def with_trial_changes(self) -> "View":
        """A view after changes that were never made: all that changes run through has run once."""
        rules, count = self.rules, TRIAL_DOCUMENTS
        ids = pa.array(range(count)).cast(rules.schema.field("id").type)
        columns = {field.name: pa.nulls(count, field.type) for field in rules.schema} | {"id": ids}
        documents = pa.table(columns)
        vectors = SparseVectors.from_dicts([{0: 1.0}] * count if rules.dimension else [{}] * count, rules.dimension)
        deltas = with_documents((), vectors, documents, self.manifest.layout)
        self.find(ids)
        fewer = [delta.without(delta.find(ids[:1])) for delta in deltas]
        deltas = with_documents(fewer, vectors, documents, self.manifest.layout)
        return replace(self, deltas=deltas)

    def _with(self, records: list[Record]) -> "View":
        changes: list[Change] = []
        for record in records:
            if record.sequence > self.manifest.sequence:
                try:
                    changes += decode(record.body, self.rules)
                except InputError as error:
                    where = segment_path(self.collection, self.place.segment).parent
                    raise CorruptIndexError(
                        f"{where}: change {record.sequence} does not fit generation {self.manifest.generation}: {error}"
                    ) from None
        if not changes:
            return self
        touched, vectors, documents = _last_of_each(changes, self.rules)
        base, deltas = (
            tuple(shard.without(found[found >= 0]) for shard in shards for found in (shard.find(touched),))
            for shards in (self.base, self.deltas)
        )
        return replace(self, base=base, deltas=with_documents(deltas, vectors, documents, self.manifest.layout))


def open_view(collection: Path, verify: Verify = "none") -> View:
    """The current generation, memory-mapped, its files verified so far, with the changes since.

    Raises IndexNotFoundError, FormatError or CorruptIndexError.
    """
    while True:
        name = current_generation(collection)
        try:
            opened = open_generation(collection, verify)
            place = start_of(collection, opened.manifest.sequence)
            base = tuple(map(LiveShard, opened.shards))
            tuned = profiles_stamp(collection, opened.manifest.generation)
            profiles = read_profiles(collection, opened.manifest.generation)
            planner = Planner(opened.manifest.layout, profiles, tuple(opened.manifest.kept))
            view = View(
                collection, opened.manifest, opened.vocabulary, base, (), place, opened.lease, verify, planner, tuned
            )
            return view.advanced()
        except CorruptIndexError:
            if current_generation(collection) == name:
                raise  # otherwise another was published meanwhile, and what this one needs may have gone


def _last_of_each(changes: list[Change], rules: Rules) -> tuple[pa.Array, SparseVectors, pa.Table]:
    """What changes come to: every id they name; vectors and documents of those that are there in the end, in the order
    in which they were last written."""
    upserts = [change for change in changes if isinstance(change, Upsert)]
    ids = pa.concat_arrays([_ids(change) for change in changes])
    row, rows = 0, []  # of all upserts; -1: a delete
    for change in changes:
        count = 0 if isinstance(change, Delete) else len(change.vectors)
        rows.append(np.arange(row, row + count) if count else np.full(len(_ids(change)), -1))
        row += count
    last = dict(zip(ids.to_pylist(), np.concatenate(rows).tolist(), strict=True))
    kept = np.sort(np.array([row for row in last.values() if row >= 0], np.int64))
    vectors = SparseVectors.concatenate([SparseVectors.from_dicts([], rules.dimension), *(u.vectors for u in upserts)])
    documents = pa.concat_tables([rules.schema.empty_table(), *(upsert.documents for upsert in upserts)])
    if len(kept) < len(vectors):
        vectors, documents = reordered(vectors, kept.astype(np.uint32)), documents.take(pa.array(kept))
    return pa.array(list(last), ids.type), vectors, documents


def _ids(change: Change) -> pa.Array:
    return change.ids if isinstance(change, Delete) else change.documents["id"].combine_chunks()
