"""Haystack's interface of document stores."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from seismic.conversion.plain import excerpt
from seismic.edits.functions import patch
from seismic.errors import ConflictError, FilterError, ParameterError
from seismic.extras import hinted
from seismic.index import Index
from seismic.integrations.encoding import EncoderLike
from seismic.integrations.haystack.filters import CONTENT, META, to_filter
from seismic.integrations.ids import typed_ids
from seismic.integrations.metadata import from_json, to_columns, to_json
from seismic.integrations.texts import Stored, TextCollection
from seismic.query import QueryLike
from seismic.vectors import as_vectors

with hinted():
    from haystack import Document, default_from_dict, default_to_dict
    from haystack.document_stores.errors import DuplicateDocumentError
    from haystack.document_stores.types import DuplicatePolicy
    from haystack.errors import FilterError as HaystackFilterError

REST = "document"
"""Column with the JSON of what else a document has, such as a dense embedding."""


class SeismicDocumentStore:
    """A document store with sparse embeddings. Scores are inner products.

    `collection`: a folder, which gets a collection if there is none, or an index. `encoder`: encodes documents without
    a sparse embedding; see `SeismicVectorStore` for its forms. Without one, they are stored and found by filters only.
    Dense embeddings are stored and never searched. Raises ParameterError, InputError or StorageError.
    """

    def __init__(self, collection: Index | str | Path, encoder: EncoderLike | None = None) -> None:
        self._given = {"collection": collection, "encoder": encoder}
        self._texts = TextCollection(collection, encoder, text=CONTENT, metadata=META, needs_encoder=False)

    @property
    def index(self) -> Index:
        """The index that is searched."""
        return self._texts.index

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments for a pipeline's file. Raises ParameterError unless they are paths and names."""
        given = {name: str(one) if isinstance(one, Path) else one for name, one in self._given.items()}
        for name, one in given.items():
            if not (one is None or isinstance(one, str)):
                raise ParameterError(
                    f"{name} is {excerpt(one)}, expected a path or name, which can be written to a file"
                )
        written: dict[str, Any] = default_to_dict(self, **given)
        return written

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Return the store that `to_dict` described."""
        store: Self = default_from_dict(cls, data)
        return store

    def count_documents(self) -> int:
        """Return the number of documents."""
        return len(self._texts.reading())

    def filter_documents(self, filters: dict[str, Any] | None = None) -> list[Document]:
        """Return the documents that match Haystack's filters, in the order in which they were written.

        Raises Haystack's FilterError.
        """
        with _filter_errors():
            return [_document(one) for one in self._texts.listed(self._filter(filters))]

    def write_documents(self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE) -> int:
        """Write documents and return their number. `NONE` is `FAIL`: none is written if one of the ids exists.

        Raises DuplicateDocumentError, ValueError or StorageError.
        """
        if not isinstance(documents, list) or not all(isinstance(one, Document) for one in documents):
            raise ValueError(f"found {excerpt(documents)}, expected a list of documents")
        if policy is DuplicatePolicy.OVERWRITE:
            self._write([*{one.id: one for one in documents}.values()], if_absent=False)
            return len(documents)
        if policy is DuplicatePolicy.SKIP:
            documents = [*{one.id: one for one in reversed(documents)}.values()][::-1]
        return self._write_absent(documents, skip=policy is DuplicatePolicy.SKIP)

    def _write_absent(self, documents: list[Document], *, skip: bool) -> int:
        ids = [one.id for one in documents]
        twice = next((id for id in ids if ids.count(id) > 1), None) if len(set(ids)) < len(ids) else None
        if twice is not None:
            raise DuplicateDocumentError(f"found document '{twice}' twice, expected unique ids")
        while True:
            if skip:
                known = {one.id for one in self._texts.get(ids)}
                documents = [one for one in documents if one.id not in known]
            try:
                self._write(documents, if_absent=True)
                return len(documents)
            except ConflictError as error:
                if not skip:  # otherwise another process has just written one
                    raise DuplicateDocumentError(str(error)) from error

    def _write(self, documents: Sequence[Document], *, if_absent: bool) -> None:
        ids, texts = [one.id for one in documents], [one.content or "" for one in documents]
        rest = [_rest(one) for one in documents]
        self._texts.add(
            ids,
            texts,
            [one.meta for one in documents],
            vectors=_vectors(documents, self._texts),
            columns={REST: rest} if any(rest) else None,
            if_absent=if_absent,
        )

    def delete_documents(self, document_ids: list[str]) -> None:
        """Remove documents by id; unknown ids are ignored."""
        self._texts.remove(document_ids)

    def delete_all_documents(self) -> None:
        """Remove all documents."""
        self._texts.remove()

    def delete_by_filter(self, filters: dict[str, Any]) -> int:
        """Remove the documents that match, and return their number. Raises Haystack's FilterError."""
        with _filter_errors():
            return self._texts.remove(filter=self._filter(filters)) or 0

    def update_by_filter(self, filters: dict[str, Any], meta: dict[str, Any]) -> int:
        """Set keys of the metadata of the documents that match, and return their number.

        Raises Haystack's FilterError.
        """
        with _filter_errors():
            found = [*self._texts.listed(self._filter(filters))]
        if not found:
            return 0
        merged = [one.metadata | meta for one in found]
        columns = {name: column.to_pylist() for name, column in to_columns(merged, META).items()}
        written = {META: [to_json(one, META) for one in merged], **columns}
        ids = typed_ids(self.index, [one.id for one in found])
        patch(
            self._texts.path, [{"id": id, **{name: written[name][at] for name in written}} for at, id in enumerate(ids)]
        )
        self.index.refresh()
        return len(found)

    def search(self, query: QueryLike, top_k: int, filters: dict[str, Any] | None = None) -> list[Document]:
        """Return the best documents with their scores, for the retrievers. Raises QueryError or FilterError."""
        with _filter_errors():
            found = self._texts.search(query, top_k, self._filter(filters))
        return [_document(one, score=one.score) for one in found]

    def _filter(self, filters: dict[str, Any] | None) -> dict[str, Any] | None:
        return to_filter(filters, ["id", *self._texts.reading().columns])


def _vectors(documents: Sequence[Document], texts: TextCollection) -> Any:
    """Return the sparse embeddings of documents; the encoder makes those that are missing."""
    found = [one.sparse_embedding and one.sparse_embedding.to_dict() for one in documents]
    if not texts.encodes:
        return [vector or {"indices": [], "values": []} for vector in found]
    if not any(found):
        return None
    if missing := [at for at, vector in enumerate(found) if not vector]:
        encoded = as_vectors(texts.encode([documents[at].content or "" for at in missing]))
        for row, at in enumerate(missing):
            found[at] = dict(zip(("indices", "values"), encoded[row], strict=True))
    return found


def _rest(document: Document) -> str | None:
    """Return JSON of what has no column of its own; None if there is nothing."""
    given = document.to_dict(flatten=False)
    rest = {name: given[name] for name in ("blob", "embedding", "sparse_embedding") if given[name] is not None}
    if document.content is None:
        rest["content"] = None
    return to_json(rest, REST) if rest else None


def _document(one: Stored, score: float | None = None) -> Document:
    rest = one.columns.get(REST)
    known = {"id": one.id, "content": one.text, "meta": one.metadata, "score": score}
    return Document.from_dict(known | (from_json(rest, REST) if rest else {}))


@contextmanager
def _filter_errors() -> Iterator[None]:
    """Raise Haystack's error for a filter that does not fit the columns."""
    try:
        yield
    except FilterError as error:
        raise HaystackFilterError(str(error)) from error
