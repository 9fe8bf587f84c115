"""An index whose shards are searched by nodes."""

from typing import NoReturn

from seismic.cluster.fan import NodeFan, NodeReport
from seismic.cluster.front import Fan, FrontView
from seismic.cluster.remote import arrays_of, remote
from seismic.cluster.respond import ClusterResponder
from seismic.cluster.wire import Message
from seismic.filters.language import FilterLike
from seismic.index import Index
from seismic.query import QueryLike
from seismic.search.examples import resolve_query
from seismic.view.view import View


class ClusterIndex(Index):
    """An index whose shards are searched by nodes: the answers of `Index`, without its memory.

    The folder has to be readable here as well, for the manifest, the vocabulary and the log. `why_not`, exports and
    `pseudo_queries` need the shards themselves and are refused.
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

    def frozen(self) -> "ClusterIndex":
        """Return the index as it is now, untouched by later refreshes."""
        return ClusterIndex(self.view, self)

    def count_matches(self, query: QueryLike, filter: FilterLike | None = None) -> int:
        """Return the number of documents that share a component with a query and match a filter: all possible hits."""
        front, scope = remote(self.view, self._responder.filters.scope(self.view, filter))
        message = Message({"filter": scope.filter}, arrays_of(resolve_query(front, query)))
        return sum(int(answer.head["count"]) for answer in front.ask_all("matches", message).values())

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
