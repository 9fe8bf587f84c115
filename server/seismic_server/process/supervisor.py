"""The supervisor: starts the server processes, restarts those that die or hang, and shuts all of them down."""

import asyncio
import signal
import socket
import time
from contextlib import suppress
from typing import Any

import structlog

from seismic import StorageError
from seismic_server import shared
from seismic_server.peers.channel import Handler
from seismic_server.process.child import Child
from seismic_server.process.hub import Hub
from seismic_server.settings import Settings

LEAST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
"""Seconds before a process is restarted: doubled whenever it dies within `STEADY` seconds."""

STEADY = 60.0

MOST_FAILED = 5
"""Starts in a row that may fail while no process serves."""

CUT_SECONDS = 5.0
"""Seconds that processes have to end after a second signal, before they are killed."""

log = structlog.get_logger("server")


class StartError(StorageError):
    """The server processes do not start."""


class Supervisor:
    """Keeps the server processes of one service running. They accept connections from one listening socket."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._settings, self._listener = settings, listener
        self._memory = shared.create(settings.processes)
        self._children: dict[int, Child] = {}
        self._signals, self._failed, self._served = list[int](), 0, False
        self._telling: list[asyncio.Task[None]] = []
        self._ending, self._first_is_warm = asyncio.Event(), asyncio.Event()
        self._hub = Hub(settings)

    async def run(self) -> int:
        """Serve until a signal, and return the exit code. Raises SeismicError if the processes do not start."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._signal, number)
        keeping = [asyncio.create_task(self._keep(number)) for number in range(self._settings.processes)]
        try:
            await asyncio.gather(*keeping)
        finally:
            self._end()
            for child in self._children.values():
                child.kill()
            await asyncio.wait(keeping)
            await self._hub.jobs.cancel_all()
        log.info("all processes have ended")
        return 0 if len(self._signals) < 2 else 128 + self._signals[-1]

    def _end(self) -> None:
        """Start no more processes."""
        self._ending.set()
        self._first_is_warm.set()

    def _signal(self, number: int) -> None:
        """Shut down gracefully; at once on a second signal."""
        self._signals.append(number)
        self._end()
        at_once = len(self._signals) > 1
        log.info("processes are shutting down", processes=len(self._children), at_once=at_once)
        for child in self._children.values():
            self._shut_down(child, at_once=at_once)

    def _shut_down(self, child: Child, *, at_once: bool) -> None:
        if not (child.warm or child.eager):  # it has no connections
            child.kill()
            return
        if not (child.warm or at_once):
            child.kill(signal.SIGTERM)  # it drains, or ends if it still opens collections: then it answers no calls
            return
        loop = asyncio.get_running_loop()
        self._telling.append(loop.create_task(child.tell("end" if at_once else "drain")))
        if at_once:
            loop.call_later(CUT_SECONDS, child.kill)

    async def _keep(self, number: int) -> None:
        """Run the process of a number until the service ends. The others wait until the first has compiled kernels."""
        pause = LEAST_PAUSE
        if number:
            await self._first_is_warm.wait()
        while not self._ending.is_set():
            began = time.monotonic()
            ended = await self._run(number)
            if self._ending.is_set():
                return
            pause = LEAST_PAUSE if time.monotonic() - began > STEADY else pause
            self._hub.restarts.inc()
            log.error("server process ended", ended=number, reason=ended, restart_seconds=pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _run(self, number: int) -> str:
        """Run a process once, and return why it ended. Raises SeismicError if it, like others before, did not start."""
        try:
            child = await Child.start([self._listener.fileno(), self._memory.descriptor], self._first_message(number))
        except OSError as error:
            return self._failure(f"cannot start a process: {error.strerror}")
        self._children[number] = child
        if self._ending.is_set():
            child.kill()
        watch = asyncio.create_task(self._watch(number, child))
        try:
            code = await child.run(self._handlers(number, child))
        finally:
            watch.cancel()
            self._children.pop(number, None)
            self._memory.clear(number)
            await self._hub.forget(number)
        if child.refusal and not self._served and not self._ending.is_set():
            raise StartError(child.refusal)
        ended = child.refusal or (f"was killed by signal {-code}" if code < 0 else f"ended with status {code}")
        return ended if child.warm else self._failure(ended)

    async def _watch(self, number: int, child: Child) -> None:
        """Kill a process that hangs: it holds connections, and perhaps locks, and answers nobody."""
        if seconds := self._settings.hang_seconds:
            await child.hangs(seconds)
            self._hub.hangs.inc()
            log.error("server process does not answer and is killed", hung=number, seconds=seconds)
            child.kill()

    def _handlers(self, number: int, child: Child) -> dict[str, Handler]:
        found = self._hub.handlers(number, child.channel)

        async def warm() -> Any:
            child.warm = self._served = True
            self._failed = 0
            self._first_is_warm.set()
            return await found["warm"]()

        return {**found, "warm": warm}

    def _failure(self, reason: str) -> str:
        """Count a start that failed, and return the reason. Raises StartError after several, if no process serves."""
        self._failed += 1
        if self._failed >= MOST_FAILED and not self._hub.serves and not self._ending.is_set():
            raise StartError(f"{self._failed} server processes in a row did not start; the last one {reason}")
        return reason

    def _first_message(self, number: int) -> dict[str, Any]:
        return {
            "settings": self._settings.model_dump(mode="json") | {"config": None},  # the file may have changed
            "number": number,
            "listener": self._listener.fileno(),
            "memory": self._memory.descriptor,
            "eager": not self._served,
        }


def supervise(settings: Settings, listener: socket.socket) -> int:
    """Serve with several processes until a signal, and return the exit code. Raises SeismicError."""

    async def run() -> int:
        return await Supervisor(settings, listener).run()

    return asyncio.run(run())
