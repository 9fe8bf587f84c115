"""A limit on connections. Those that wait for their clients give way to new ones, and some are kept for probes."""

from typing import Literal, Protocol, TypeAlias

from seismic_server.shared import NoOthers, Others

RESERVED = 32
"""Connections beyond the limit, which answer probes only."""


Place: TypeAlias = Literal["any", "probes", "none"]
"""The requests that a new connection may send."""


class Connection(Protocol):
    """What the limit needs of a connection."""

    def give_way(self) -> None:
        """Close the connection for the sake of a new one."""

    def end_soon(self) -> None:
        """Close the connection after its next answer."""


class Connections:
    """The open connections, of which at most `most` are for requests. Belongs to the event loop.

    `others`: the other server processes, which accept the next connection if they have fewer.

    A connection waits while it has no request in progress, or while its client sends a body or reads an answer slowly.
    The one that waits longest gives way, so clients that open many connections shut nobody out.
    """

    def __init__(self, most: int, others: Others | None = None) -> None:
        self.most, self.draining, self._others = most, False, others or NoOthers()
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}  # in the order in which they began to wait

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, connection: Connection) -> Place:
        """Add a connection, and return what it may be used for."""
        if len(self._open) >= self.most and self._waiting:
            longest = next(iter(self._waiting))
            self.leave(longest)
            longest.give_way()
        self._open.add(connection)
        self._waiting[connection] = None
        self._others.publish("connections", len(self._open))
        return "any" if not self.exceeded else "probes" if len(self._open) <= self.most + RESERVED else "none"

    def leave(self, connection: Connection) -> None:
        """Remove a connection, if it has not been removed."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)
        self._others.publish("connections", len(self._open))

    def waits(self, connection: Connection) -> None:
        """Note that a connection waits for its client from now on."""
        if connection in self._open:
            self._waiting[connection] = None

    def works(self, connection: Connection) -> None:
        """Note that a connection's request is in progress."""
        self._waiting.pop(connection, None)

    def drain(self) -> None:
        """Close all connections after their next answers, also those that are opened from now on."""
        self.draining = True
        for connection in list(self._open):
            connection.end_soon()

    @property
    def exceeded(self) -> bool:
        """Whether more connections are open than the limit permits."""
        return len(self._open) > self.most
