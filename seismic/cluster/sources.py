"""Where a node opens the files of a collection: in shared storage itself, or in a cache of its machine."""

import logging
import os
import socket
import threading
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from seismic.cluster.spec import PartSpec
from seismic.cluster.storage import Storage
from seismic.store.collection import current_generation
from seismic.store.leases import HEARTBEAT, Leases
from seismic.store.manifest import Manifest

log = logging.getLogger("seismic.node")


class Source(Protocol):
    """Makes the files of generations available below ``folder``, and keeps them there while they are in use."""

    folder: Path

    def current(self) -> str:
        """Return the id of the served generation. Raises StorageError."""

    def fetch(self, generation: str, spec: PartSpec) -> None:
        """Make the files of a part of a generation available. Raises StorageError."""

    def keep(self, spec: PartSpec, generations: Collection[str]) -> None:
        """Let go of the generations of a part, except those given."""

    def close(self) -> None:
        """Let go of everything."""


class SharedFolder:
    """Opens files where they are. A heartbeat keeps writers on other machines from removing them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._heartbeat = Heartbeat(Storage(folder).leases)

    def current(self) -> str:
        """Return the id of the served generation."""
        return current_generation(self.folder)

    def fetch(self, generation: str, spec: PartSpec) -> None:
        """Take a lease on a generation."""
        self._heartbeat.hold(spec, generation)

    def keep(self, spec: PartSpec, generations: Collection[str]) -> None:
        """Let go of the generations of a part, except those given."""
        self._heartbeat.keep(spec, generations)

    def close(self) -> None:
        """End the leases."""
        self._heartbeat.close()


class Heartbeat:
    """Holds leases on generations while parts use them. Safe to use from many threads.

    Storage that this process cannot write gives no leases; nodes serve all the same, and the log says so.
    """

    def __init__(self, leases: Leases, interval: float = HEARTBEAT) -> None:
        self._leases, self._interval = leases, interval
        self._holder = f"{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:8]}"
        self._users: dict[PartSpec, set[str]] = {}
        self._lock, self._ending = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self._failed = False

    def hold(self, spec: PartSpec, generation: str) -> None:
        """Take a lease for a part."""
        with self._lock:
            self._users.setdefault(spec, set()).add(generation)
            self._write(generation)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()

    def keep(self, spec: PartSpec, generations: Collection[str]) -> None:
        """End the leases of a part, except on `generations`, unless another part needs them."""
        with self._lock:
            before = self._held()
            self._users[spec] = self._users.get(spec, set()) & set(generations)
            for generation in before - self._held():
                self._leases.end(generation, self._holder)

    def close(self) -> None:
        """End all leases and the thread."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            held, self._users = self._held(), {}
        for generation in held:
            self._leases.end(generation, self._holder)

    def _held(self) -> set[str]:
        return set().union(*self._users.values())

    def _run(self) -> None:
        while not self._ending.wait(self._interval):
            with self._lock:
                for generation in self._held():
                    self._write(generation)

    def _write(self, generation: str) -> None:
        try:
            self._leases.write(generation, self._holder)
            self._failed = False
        except OSError as error:
            if not self._failed:
                log.warning("cannot take a lease on generation %s (%s): cleaning may remove it", generation, error)
            self._failed = True


def shards_of(spec: PartSpec, manifest: Manifest) -> slice:
    """Return the shards that a part opens: its own; all with changes, which keep parts of documents of any shard."""
    own = spec.shards(len(manifest.shards))
    if spec.changes:
        return slice(None)
    return own if manifest.shards[own] else slice(0, 1)  # one shard has the columns
