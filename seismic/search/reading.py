"""Methods of an index that read documents: by id, by number, and page by page."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seismic.changes.records import check_delete
from seismic.conversion.numbers import as_count, as_numbers
from seismic.conversion.plain import excerpt
from seismic.documents.table import check_numbers
from seismic.errors import ParameterError
from seismic.fields.joined import JoinedVocabulary
from seismic.filters.language import FilterLike
from seismic.query import QueryLike
from seismic.search.browse import Browsed, Document, Page, read_documents
from seismic.search.examples import resolve_query
from seismic.search.facets import count_matches
from seismic.search.request import OrderBy
from seismic.search.respond import Responder
from seismic.stop import current
from seismic.vectors import SparseVectors
from seismic.view.view import View


class ReadsDocuments(ABC):
    """The part of `Index` that reads documents. Each method reads one view."""

    _responder: Responder

    @property
    @abstractmethod
    def view(self) -> View:
        """The view that is read."""

    def count(self, filter: FilterLike | None = None) -> int:
        """Return the number of documents that match a filter; all documents without one. Raises FilterError."""
        return self._responder.filters.scope(self.view, filter).count

    def count_matches(self, query: QueryLike, filter: FilterLike | None = None) -> int:
        """Return the number of documents that share a component with a query and match a filter: all possible hits.

        Reads the components of every block. Raises QueryError, FilterError or EncoderError.
        """
        view = self.view
        scope = self._responder.filters.scope(view, filter)
        return count_matches(view, scope, resolve_query(view, query))

    def document_frequency(self) -> npt.NDArray[np.int64]:
        """Return the number of documents with each component, int64 [dimension]."""
        return self.view.document_frequency

    def exists(self, ids: Sequence[str] | Sequence[int]) -> npt.NDArray[np.bool_]:
        """Return whether there is a document with each id, bool [n]. Raises InputError for ids of the wrong type."""
        found: npt.NDArray[np.bool_] = self.find(ids) >= 0
        return found

    def fetch(
        self, ids: Sequence[str] | Sequence[int], columns: Sequence[str] | None = None, *, with_vectors: bool = False
    ) -> list[Document | None]:
        """Return the documents of ids, in their order; None for ids without one.

        `columns`: those of the payload, None for all. Raises InputError for ids of the wrong type, and ParameterError.
        """
        current().check()
        view = self.view
        numbers = view.find(check_delete(ids, view.rules).ids)
        found = iter(read_documents(view, numbers[numbers >= 0].tolist(), columns, with_vectors=with_vectors))
        return [None if number < 0 else next(found) for number in numbers.tolist()]

    def scroll(
        self,
        filter: FilterLike | None = None,
        *,
        limit: int = 100,
        cursor: str | None = None,
        order_by: OrderBy | str | None = None,
        columns: Sequence[str] | None = None,
        with_vectors: bool = False,
    ) -> Page:
        """Return a page of the documents that match a filter, and the cursor of the next page.

        Pass the cursor back for the next page, from any process and after any changes: each document that does not
        change meanwhile comes exactly once. `order_by`: a column, or `OrderBy`; None for the cursor's order, or by id.
        `columns`: those of the payload, None for all. Raises FilterError and ParameterError.
        """
        view = self.view
        numbers, following = self._browse(view, filter, limit, cursor, order_by)
        return Page(read_documents(view, numbers, columns, with_vectors=with_vectors), following)

    def browse(
        self,
        filter: FilterLike | None = None,
        limit: int = 100,
        cursor: str | None = None,
        order_by: OrderBy | str | None = None,
    ) -> Browsed:
        """Return the document numbers of the page that `scroll` returns, and the cursor of the next page."""
        return self._browse(self.view, filter, limit, cursor, order_by)

    def browse_ids(
        self, filter: FilterLike | None = None, limit: int = 100, start: Any = None
    ) -> tuple[list[int], Any]:
        """Return the document numbers of a page in the order of ids, and the id of the next page's first document.

        `start`: the first id, which need not be that of a document. Ids that are whole numbers come first, by value,
        even if they are stored as texts. Raises FilterError.
        """
        view = self.view
        if start is not None:
            (start,) = check_delete([start], view.rules).ids.to_pylist()
        scope = self._responder.filters.scope(view, filter)
        return self._responder.browser.page_of_ids(view, scope, as_count("limit", limit), start)

    def _browse(
        self, view: View, filter: FilterLike | None, limit: int, cursor: str | None, order_by: OrderBy | str | None
    ) -> Browsed:
        by = OrderBy(key=order_by) if isinstance(order_by, str) else order_by
        if not (by is None or isinstance(by, OrderBy)):
            raise ParameterError(f"order_by is {excerpt(by)}, expected a column or OrderBy")
        scope = self._responder.filters.scope(view, filter)
        return self._responder.browser.page(view, scope, as_count("limit", limit), by, cursor)

    def document_ids(self, numbers: Iterable[int]) -> list[Any]:
        """Return the ids (str or int) of document numbers; None for -1. Two axes, as `search_batch` returns, make lists
        of ids. Raises ParameterError for an unknown document number."""
        documents, wanted = self.view.documents, as_numbers("numbers", numbers)
        check_numbers(wanted.min(initial=-1), wanted.max(initial=-1), documents.count, least_allowed=-1)
        if wanted.ndim > 1:
            return [self.document_ids(row) for row in wanted]
        return documents.ids(np.atleast_1d(wanted).tolist())

    def find(self, ids: Sequence[str] | Sequence[int]) -> npt.NDArray[np.int64]:
        """Return the document numbers of ids, int64 [n], -1 for missing ones. Raises InputError for ids of the wrong
        type."""
        view = self.view
        return view.find(check_delete(ids, view.rules).ids)

    def payloads(self, numbers: Iterable[int], columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return the payloads of document numbers as dicts. `columns`: None for all. Raises ParameterError for an
        unknown column or document number."""
        current().check()  # payloads of a batch can take longer than its searches
        return self.view.documents.payloads(as_numbers("numbers", numbers).ravel().tolist(), columns)

    def field_vectors(self, numbers: npt.ArrayLike) -> dict[str, SparseVectors]:
        """Return the stored vectors of document numbers [n] by field, with each field's own components.

        Raises ParameterError for an unknown document number, and for a collection without fields.
        """
        view, stored = self.view, self.vectors(numbers)
        if not view.fields:
            raise ParameterError("this collection has no named fields; use `vectors`")
        if isinstance(view.vocabulary, JoinedVocabulary):
            return view.vocabulary.apart(stored)
        return {view.fields[0].name: stored}

    def vectors(self, numbers: npt.ArrayLike) -> SparseVectors:
        """Return the stored vectors of document numbers [n], in their order, with values as stored (16 bits). Those of
        several fields have joined components. Raises ParameterError for an unknown document number."""
        current().check()
        view, wanted = self.view, as_numbers("numbers", numbers).ravel()
        check_numbers(wanted.min(initial=0), wanted.max(initial=-1), view.documents.count)
        return view.vectors(wanted)
