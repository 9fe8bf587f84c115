"""What a server process asks of its supervisor and of the other server processes."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from typing import Any, NamedTuple, Protocol

import structlog

from seismic import StorageError
from seismic_server.peers.channel import Channel, Handler
from seismic_server.shared import NoOthers, Others, Shared

PATIENCE = 20.0
"""Seconds to wait for other processes. One that takes longer follows by itself within a second or two."""

log = structlog.get_logger("server")


class Member(NamedTuple):
    """This server process among others: its number, how many there are, and the memory that they share."""

    number: int
    processes: int
    shared: Shared


class Peers(Protocol):
    """The other server processes, if there are any."""

    member: Member | None

    @property
    def leads(self) -> bool:
        """Whether this process does what only one may do: start compactions by itself, and check hashes."""

    @property
    def others(self) -> Others:
        """The numbers of the other processes."""

    def exclusive(self) -> AbstractAsyncContextManager[None]:
        """Hold the one right to change entries of the served folder."""

    async def ask(self, call: str, /, **arguments: Any) -> Any:
        """Return the supervisor's answer."""

    async def everywhere(self, call: str, /, *, patience: float = PATIENCE, **arguments: Any) -> list[Any]:
        """Return the answers of the other processes, without those that fail or take longer than `patience` seconds."""


class Alone:
    """The only process of its service."""

    member: Member | None = None
    leads = True
    others: Others = NoOthers()

    def exclusive(self) -> AbstractAsyncContextManager[None]:
        """Do nothing."""
        return nullcontext()

    async def ask(self, call: str, /, **arguments: Any) -> Any:  # noqa: ARG002
        """Fail: there is no supervisor."""
        raise AssertionError(f"'{call}' was asked of a supervisor, but there is none")

    async def everywhere(self, call: str, /, *, patience: float = PATIENCE, **arguments: Any) -> list[Any]:  # noqa: ARG002
        """Return no answers."""
        return []


class Linked:
    """One of several processes, linked to their supervisor. Belongs to the event loop, once `run` is called."""

    def __init__(self, member: Member, end: socket.socket) -> None:
        self.member: Member | None = member
        self.others: Others = member.shared
        self.leads = False
        self._handlers: dict[str, Handler] = {"lead": self._lead}
        self._channel = Channel(end, self._handlers)
        self._has_joined = False
        self._when_joined: list[Callable[[], None]] = []

    def add(self, handlers: Mapping[str, Handler]) -> None:
        """Add answers to calls of the supervisor and the other processes."""
        self._handlers |= handlers

    def when_joined(self, call: Callable[[], None]) -> None:
        """Call a function once this process takes part; now if it does."""
        if self._has_joined:
            call()
        else:
            self._when_joined.append(call)

    async def run(self) -> None:
        """Answer calls until the supervisor ends, and with it this process: nobody else would end it."""
        await self._channel.run()
        os._exit(1)

    async def join(self, follow: Callable[[], Awaitable[None]]) -> dict[str, str | None]:
        """Take part, now that this process is warm, and return what others have found in generations.

        `follow` applies what the others changed before they knew of this process.
        """
        found = await self.ask("warm")
        if found["leads"]:
            await self._lead()
        await follow()
        self._has_joined = True
        for call in self._when_joined:
            call()
        reports: dict[str, str | None] = found["reports"]
        return reports

    async def _lead(self) -> None:
        self.leads = True
        log.info("process leads: it starts compactions and checks hashes")

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """Hold the one right to change entries of the served folder. The supervisor takes it from a dead process."""
        locking = asyncio.create_task(self.ask("lock"))
        try:
            await asyncio.shield(locking)
            yield
        finally:
            await asyncio.shield(self._unlock(locking))

    async def _unlock(self, locking: asyncio.Task[Any]) -> None:
        with suppress(StorageError):  # the supervisor has ended, so this process does
            await locking
            await self.ask("unlock")

    async def ask(self, call: str, /, **arguments: Any) -> Any:
        """Return the supervisor's answer. Raises its error."""
        return await self._channel.call(call, **arguments)

    async def everywhere(self, call: str, /, *, patience: float = PATIENCE, **arguments: Any) -> list[Any]:
        """Return the answers of the other processes, without those that fail or take longer than `patience` seconds."""
        answers: list[Any] = await self.ask("everywhere", call=call, arguments=arguments, patience=patience)
        return answers
