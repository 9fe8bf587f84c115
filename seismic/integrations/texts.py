"""A collection of texts with metadata, as the stores and retrievers of other libraries need it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seismic.edits.functions import delete, upsert
from seismic.encoders import Encoder, joined
from seismic.errors import IndexNotFoundError, ParameterError
from seismic.filters.language import FilterLike
from seismic.index import Index, open_index
from seismic.integrations.encoding import EncoderLike, Foreign, as_encoder, document_vectors, sparse_vector
from seismic.integrations.ids import has_whole_ids, is_whole, typed_ids
from seismic.integrations.metadata import from_json, to_columns, to_json
from seismic.maintenance.create import create
from seismic.params import SearchParams
from seismic.query import QueryLike
from seismic.search.request import SearchRequest

EVERYTHING: FilterLike = {"must": []}
"""The filter that all documents match."""


class Stored(NamedTuple):
    """A stored text, its metadata and its other columns. `score` is that of a hit."""

    id: str
    text: str
    metadata: dict[str, Any]
    score: float
    columns: dict[str, Any]


class TextCollection:
    """Texts, searched by text.

    `collection`: an index, or a folder; a folder without a collection gets one. An index that is opened here sees the
    changes of all processes; a given one those made here, and others when it is refreshed. `encoder`: None is that of
    the collection. `text`: the column of texts. `metadata`: the column of JSON; without it, the other columns are the
    metadata. `needs_encoder`: whether a collection is created with an encoder only. Raises ParameterError, InputError
    or StorageError.
    """

    def __init__(
        self,
        collection: Index | str | Path,
        encoder: EncoderLike | None = None,
        *,
        text: str = "text",
        metadata: str = "metadata",
        needs_encoder: bool = True,
    ) -> None:
        self.text, self.metadata = text, metadata
        self._needs_encoder = needs_encoder
        self._foreign: Foreign | None = None
        self._given = isinstance(collection, Index)
        self.index = collection if isinstance(collection, Index) else self._opened(Path(collection), encoder)
        if encoder is not None:
            self._use(as_encoder(encoder))
        if text not in self.index.columns and len(self.index):
            found = ", ".join(self.index.columns) or "none"
            raise ParameterError(f"found no column '{text}' of texts in collection '{self.index.name}', but {found}")

    def _opened(self, path: Path, encoder: EncoderLike | None) -> Index:
        try:
            return open_index(path)
        except IndexNotFoundError:
            if encoder is None and self._needs_encoder:
                raise
        found = None if encoder is None else as_encoder(encoder)
        columns = {self.text: "string", self.metadata: "string"}
        ours = found.recorded(fields=[self.text]) if isinstance(found, Encoder) else None
        create(path, encoder=ours, columns=columns)
        return open_index(path)

    def _use(self, encoder: Encoder | Foreign) -> None:
        """Take another library's encoder; one of ours must be that of the collection."""
        if isinstance(encoder, Foreign):
            self._foreign = encoder
            return
        recorded = self.index.encoder
        if recorded.entry.hash != encoder.entry.hash:
            raise ParameterError(
                f"encoder is '{encoder.name}', but collection '{self.index.name}' has '{recorded.name}'; leave it out"
            )

    @property
    def path(self) -> Path:
        """The folder of the collection."""
        return self.index.view.collection

    @property
    def encodes(self) -> bool:
        """Whether there is an encoder of texts."""
        return self._foreign is not None or self.index.manifest.encoder is not None

    def encode(self, texts: Sequence[str]) -> Any:
        """Return the vectors of documents. Raises InputError if there is no encoder."""
        return document_vectors(self._foreign or self.index.encoder, texts)[0]

    def reading(self) -> Index:
        """Return the index, with all changes if it was opened here."""
        if not self._given:
            self.index.refresh()
        return self.index

    def add(
        self,
        ids: Sequence[str],
        texts: Sequence[str],
        metadata: Sequence[Mapping[str, Any]],
        *,
        vectors: Any = None,
        columns: Mapping[str, Sequence[Any]] | None = None,
        if_absent: bool = False,
    ) -> None:
        """Add texts, replacing those with the same id, or none if `if_absent` and one of the ids exists.

        `vectors`: None encodes the texts. `columns`: others to store. Raises InputError, which names what is wrong,
        ConflictError or StorageError; nothing is added then.
        """
        if not ids:
            return
        encoder: Encoder | None = None
        if vectors is None:
            chosen = self._foreign or self.reading().encoder
            vectors, encoder = document_vectors(chosen, self._encoded(chosen, texts, metadata))
        table: dict[str, Any] = {
            "id": typed_ids(self.index, ids),
            self.text: [*texts],
            self.metadata: [to_json(one, f"{self.metadata} of '{id}'") for id, one in zip(ids, metadata, strict=True)],
            **(columns or {}),
            **to_columns(metadata, self.metadata),
        }
        upsert(self.path, vectors, table, encoder=encoder, if_absent=if_absent)
        self.index.refresh()

    def _encoded(
        self, encoder: Encoder | Foreign, texts: Sequence[str], metadata: Sequence[Mapping[str, Any]]
    ) -> Sequence[str]:
        """Return what the encoder reads of documents: the fields that the collection names. Raises ParameterError."""
        if isinstance(encoder, Foreign):
            return texts
        entry = encoder.entry
        if self.text not in entry.fields:
            raise ParameterError(
                f"collection '{self.index.name}' encodes {' and '.join(entry.fields)}, but texts are in '{self.text}'; "
                "name another column of texts"
            )
        if entry.chunks is not None:
            raise ParameterError(
                f"collection '{self.index.name}' cuts texts into chunks; add them by seismic.upsert(path, texts=...)"
            )
        if entry.fields == (self.text,):
            return texts
        return [
            joined(text if field == self.text else one.get(field) for field in entry.fields)
            for text, one in zip(texts, metadata, strict=True)
        ]

    def remove(self, ids: Sequence[str] | None = None, filter: FilterLike | None = None) -> int | None:
        """Remove texts by id, or those that match a filter, whose number is returned; without both, all.

        Raises ParameterError, FilterError or StorageError.
        """
        if ids is not None and filter is not None:
            raise ParameterError("found both ids and filter, expected one of them")
        if ids is None:
            changed = delete(self.path, filter=EVERYTHING if filter is None else filter)
        elif known := self._known(ids):
            changed = delete(self.path, known)
        else:
            return None
        self.index.refresh()
        return changed.deleted

    def get(self, ids: Sequence[str]) -> list[Stored]:
        """Return the texts of ids, in their order; none for unknown ids."""
        found = self.reading().fetch(self._known(ids))
        return [self._stored(document.id, document.payload) for document in found if document is not None]

    def listed(self, filter: FilterLike | None = None) -> Iterator[Stored]:
        """Yield the texts that match a filter, in the order in which they were added. Raises FilterError."""
        for table in self.reading().batches(filter, with_vectors=False):
            for row in table.to_pylist():
                yield self._stored(row.pop("id"), row)

    def search(
        self,
        query: QueryLike,
        k: int,
        filter: FilterLike | None = None,
        *,
        recall: float | None = None,
        score_threshold: float | None = None,
    ) -> list[Stored]:
        """Return the k best texts, best first. `query`: a text, or anything that `Index.search` takes.

        Raises QueryError, ParameterError or FilterError.
        """
        if isinstance(query, str) and self._foreign:
            query = sparse_vector(self._foreign.encode_query(query))
        params = SearchParams() if recall is None else SearchParams(recall=recall)
        request = SearchRequest(query=query, limit=k, filter=filter, params=params, score_threshold=score_threshold)
        index = self.reading().frozen()
        hits = index.ask(request).hits
        payloads = index.payloads([hit.number for hit in hits])
        return [self._stored(hit.id, payload, hit.score) for hit, payload in zip(hits, payloads, strict=True)]

    def _stored(self, id: str | int, payload: dict[str, Any], score: float = 0.0) -> Stored:
        text = payload.pop(self.text, None) or ""
        written = payload.pop(self.metadata, None)
        columns = {name: value for name, value in payload.items() if value is not None}
        metadata = columns if written is None else from_json(written, f"{self.metadata} of '{id}'")
        return Stored(str(id), text, metadata, score, columns)

    def _known(self, ids: Sequence[str]) -> list[Any]:
        """Return ids of the collection's type, without those that no document can have."""
        return typed_ids(self.index, [id for id in ids if is_whole(id)] if has_whole_ids(self.index) else ids)
