"""A node: a server that answers for parts of a collection."""

import logging
import math
import os
import resource
import select
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from seismic.cluster.asked import generation_of
from seismic.cluster.connection import GREETING_SECONDS, Address, Connection, greet
from seismic.cluster.errors import BehindError, RefusedError, WireError, to_head
from seismic.cluster.listening import Ports, listening
from seismic.cluster.part import PartHost
from seismic.cluster.sources import SharedFolder, Source
from seismic.cluster.spec import PartSpec
from seismic.cluster.tls import accepted
from seismic.cluster.wire import GREETING, REQUEST, Message
from seismic.errors import ParameterError, SeismicError, StoppedError
from seismic.params import Verify
from seismic.stop import Stop, stoppable_by
from seismic.version import __version__

log = logging.getLogger("seismic.node")

WAIT_SECONDS = 0.05
"""Interval between two looks whether a waiting request was cancelled, and of the acceptor whether to end."""

LOOK_SECONDS = 0.01
"""Interval between two looks whether fronts have closed the connections of requests in progress."""


class NodeLimits(NamedTuple):
    """What a node takes on: connections, and searches that run at the same time."""

    connections: int = 512
    threads: int = os.cpu_count() or 1


class Node:
    """Answers for parts of a collection over TCP, each connection on a thread of its own.

    A connection carries one request at a time. Closing it stops the search. `start` returns where the node listens, so
    that whoever starts it, on a machine or in an actor, can tell fronts.
    """

    def __init__(
        self,
        collection: Path,
        parts: Sequence[PartSpec],
        secret: bytes,
        listen: Address,
        *,
        limits: NodeLimits | None = None,
        tls: ssl.SSLContext | None = None,
        verify: Verify = "none",
        source: Source | None = None,
    ) -> None:
        """Open the parts of the current generation and warm them up. Raises StorageError.

        `source`: where the files come from, such as a cache; by default they are opened where they are.
        """
        if not parts or len(set(parts)) < len(parts):
            raise ParameterError(f"parts: found {', '.join(map(str, parts)) or 'none'}, expected different ones")
        self._secret, self._listen, self._tls = secret, listen, tls
        self._limits = limits or NodeLimits()
        self._source = source or SharedFolder(collection)
        self._hosts = {str(spec): PartHost(self._source.folder, spec, verify, self._source) for spec in parts}
        self._slots = threading.BoundedSemaphore(self._limits.threads)
        self._watch = _Watch()
        self._lock = threading.Lock()
        self._connections: dict[Connection, threading.Thread] = {}
        self._ending = threading.Event()
        self._answered, self._refused, self._started = 0, 0, time.time()
        self._failed, self._waiting = 0, 0
        self.address = listen
        """Where it listens once it has been started."""
        self._server: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        try:
            self._prepare(self._source.current())
        except BaseException:
            self._source.close()
            raise

    def start(self, ports: Ports | None = None) -> Address:
        """Listen, and return the address, at a free port of `ports` if given. Raises ParameterError if none is free."""
        self._server = listening(self._listen, ports)
        self._server.settimeout(WAIT_SECONDS)
        self._watch.start()
        self._acceptor = threading.Thread(target=self._accept, name="node", daemon=True)
        self._acceptor.start()
        host, port, *_ = self._server.getsockname()
        self.address = Address(host, port)
        log.info("node listens on %s for parts %s", self.address, ", ".join(self._hosts))
        return self.address

    def close(self, grace: float = 10.0) -> None:
        """Take no more requests, let running ones end for `grace` seconds, then stop them. Releases everything."""
        self._ending.set()
        if self._acceptor is not None:
            self._acceptor.join()
        until = time.monotonic() + grace
        while self._watch.running and time.monotonic() < until:
            time.sleep(WAIT_SECONDS)
        for stop in list(self._watch.running.values()):
            stop.set(lambda: BehindError("the node is shutting down"))
        with self._lock:
            opened = dict(self._connections)
        for connection, thread in opened.items():
            with suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)
            if thread is not threading.current_thread():
                thread.join()
        self._watch.close()
        self._source.close()
        if self._server is not None:
            self._server.close()
        log.info("node ended")

    def status(self) -> dict[str, Any]:
        """Return what the node has and does."""
        return {
            "version": __version__,
            "process": os.getpid(),
            "opened": sum(host.generations.opened for host in self._hosts.values()),
            "parts": {name: host.status() for name, host in self._hosts.items()},
            "connections": len(self._connections),
            "running": len(self._watch.running),
            "waiting": self._waiting,
            "failed": self._failed,
            "answered": self._answered,
            "refused": self._refused,
            "seconds": round(time.time() - self._started, 3),
            "memory": _resident(),
            "peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }

    def _accept(self) -> None:
        assert self._server is not None
        while not self._ending.is_set():
            try:
                sock, peer = self._server.accept()
            except TimeoutError:
                continue
            except OSError as error:  # out of descriptors, or a peer that left again
                log.warning("cannot accept a connection: %s", error)
                self._ending.wait(WAIT_SECONDS)
                continue
            with self._lock:
                if len(self._connections) >= self._limits.connections:
                    log.warning("refused %s: %d connections are open", peer[0], len(self._connections))
                    self._refused += 1
                    sock.close()
                    continue
                connection = Connection(sock, GREETING)
                thread = threading.Thread(target=self._serve, args=(connection, peer[0]), daemon=True)
                self._connections[connection] = thread
            thread.start()

    def _serve(self, connection: Connection, peer: str) -> None:
        try:
            connection.socket.settimeout(GREETING_SECONDS)
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connection.socket = accepted(connection.socket, self._tls)
            greet(connection, self._secret, REQUEST)
            connection.block()
            stop = Stop()  # the same for all requests: workspaces are kept for its flag
            while not self._ending.is_set():
                message = connection.wait()
                connection.answer(self._answer(connection.socket, stop, message))
        except (RefusedError, WireError) as error:
            self._refused += 1
            log.warning("closed the connection of %s: %s", peer, error)
        except OSError as error:
            log.debug("connection of %s ended: %s", peer, error)
        except Exception:
            log.exception("connection of %s failed", peer)
        finally:
            with self._lock:
                self._connections.pop(connection, None)
            connection.close()

    def _answer(self, sock: socket.socket, stop: Stop, message: Message) -> Message:
        stop.restart(message.timeout_ms if message.timeout_ms > 0 else math.inf)
        self._watch.add(sock, stop)
        try:
            with stoppable_by(stop):
                answer = self._run(stop, message)
            self._answered += 1
            return answer
        except (SeismicError, MemoryError) as error:
            if not isinstance(error, BehindError | StoppedError):
                self._failed += 1
                log.debug("request failed: %s", error)
            return Message(to_head(error))
        except Exception as error:
            self._failed += 1
            log.exception("request failed: %s", message.head.get("verb"))
            return Message(to_head(error))
        finally:
            self._watch.remove(sock)
            stop.close()

    def _run(self, stop: Stop, message: Message) -> Message:
        verb = message.head.get("verb")
        if verb == "status":
            return Message(self.status())
        if verb == "prepare":
            self._prepare(*generation_of(message))
            return Message({})
        host = self._hosts.get(str(message.head.get("part")))
        if host is None:
            raise BehindError(f"has the parts {', '.join(self._hosts)}, expected {message.head.get('part')}")
        self._waiting += 1
        try:
            while not self._slots.acquire(timeout=WAIT_SECONDS):
                stop.check()
        finally:
            self._waiting -= 1
        try:
            stop.check()
            return host.answer(message)
        finally:
            self._slots.release()

    def _prepare(self, generation: str, fingerprint: str | None = None) -> None:
        for host in self._hosts.values():
            host.prepare(generation, fingerprint)


class _Watch:
    """The requests in progress, and a thread that stops those whose front has closed the connection.

    It looks at all of them a hundred times a second. A descriptor of a selector for each request would take longer than
    reading the request.
    """

    def __init__(self) -> None:
        self.running: dict[socket.socket, Stop] = {}
        self._lock, self._ending = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="closed connections", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def add(self, sock: socket.socket, stop: Stop) -> None:
        """Stop a request once its connection is readable: its front sends nothing until it has the answer."""
        with self._lock:
            self.running[sock] = stop

    def remove(self, sock: socket.socket) -> None:
        """Forget a request."""
        with self._lock:
            self.running.pop(sock, None)

    def close(self) -> None:
        """End the thread."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(LOOK_SECONDS if self.running else WAIT_SECONDS):
            with self._lock:  # so that no descriptor is that of another connection by now
                stops = {sock.fileno(): stop for sock, stop in self.running.items()}
                poll = select.poll()
                for descriptor in stops:
                    poll.register(descriptor, select.POLLIN)
                for descriptor, _ in poll.poll(0):
                    stops[descriptor].set()


def _resident() -> int:
    """Return the bytes of this process in memory, mapped files included; the most so far where there is no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
