"""An index whose shards are searched by nodes."""

from typing import NoReturn

import numpy as np
import numpy.typing as npt

from seismic.cluster.fan import NodeFan, NodeReport
from seismic.cluster.front import Fan, FrontView
from seismic.cluster.remote import arrays_of, remote
from seismic.cluster.respond import ClusterResponder
from seismic.cluster.wire import Message
from seismic.conversion.numbers import as_count
from seismic.filters.language import FilterLike
from seismic.index import Index
from seismic.measure.pseudo_queries import pseudo_queries
from seismic.query import QueryLike
from seismic.search.examples import resolve_query
from seismic.vectors import SparseVectors
from seismic.view.view import View


class ClusterIndex(Index):
    """An index whose shards are searched by nodes: the answers of `Index`, without its memory.

    The folder has to be readable here as well, for the manifest, the vocabulary and the log.
    """

    has_shards = False

    def __init__(self, view: View, like: "Index | None" = None) -> None:
        super().__init__(view, like)
        self._owner = like is None
        if like is None:
            self._responder = ClusterResponder()

    @property
    def fan(self) -> Fan:
        """The connections to the nodes."""
        view = self.view
        assert isinstance(view, FrontView)
        return view.fan

    def nodes(self) -> list[NodeReport]:
        """Return the nodes as this front sees them, and what each says of itself."""
        fan = self.fan
        return fan.nodes() if isinstance(fan, NodeFan) else []

    def node_counts(self) -> dict[str, dict[str, int]]:
        """Return what this front has counted of each node, by address."""
        fan = self.fan
        return fan.counts() if isinstance(fan, NodeFan) else {}

    def frozen(self) -> "ClusterIndex":
        """Return the index as it is now, untouched by later refreshes."""
        return ClusterIndex(self.view, self)

    def count_matches(self, query: QueryLike, filter: FilterLike | None = None) -> int:
        """Return the number of documents that share a component with a query and match a filter: all possible hits."""
        front, scope = remote(self.view, self._responder.filters.scope(self.view, filter))
        message = Message({"filter": scope.filter}, arrays_of(resolve_query(front, query)))
        return sum(int(answer.head["count"]) for answer in front.ask_all("matches", message).values())

    def pseudo_queries(self, count: int, seed: int = 0) -> SparseVectors:
        """Make queries from random documents, for measurements without real queries. Asks for one after the other."""
        view = self.view
        count, seed = as_count("count", count), as_count("seed", seed, 0)
        return pseudo_queries([_Documents(view)], view.dimension, count, seed)

    def warm_up(self, *, changes: bool = False) -> None:
        """Do nothing: nodes warm up when they open a generation."""

    def close(self) -> None:
        """Close the connections, unless they are those of the index that this one is a copy of."""
        fan = self.fan
        super().close()
        if self._owner:
            fan.close()

    def __reduce__(self) -> NoReturn:
        """Raise TypeError: a pickle would hold the secret."""
        raise TypeError("an index of nodes cannot be pickled; call open_cluster again")

    def _refresh(self) -> bool:
        with self._refreshing:
            before = self.view
            after = before.refreshed()
            if after is before:
                return False
            assert isinstance(after, FrontView)
            after.ask_statistics()
            self._current = after
            return True


class _Documents:
    """The live documents of a view."""

    def __init__(self, view: View) -> None:
        self._view = view

    def numbers(self) -> npt.NDArray[np.int64]:
        """Return their numbers."""
        return self._view.numbers(self._view.everything)

    def vectors(self, numbers: npt.NDArray[np.int64], dimension: int) -> SparseVectors:  # noqa: ARG002 (of the view)
        """Return their vectors."""
        return self._view.vectors(numbers)
