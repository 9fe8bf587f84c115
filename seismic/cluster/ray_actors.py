"""Nodes as Ray actors: Ray places and restarts them, and tells where they listen. Searches do not go through Ray.

An actor is detached and named after its collection, part and replica, so that whoever comes later finds it. The
replicas of a part are spread over different machines by a placement group; if there are fewer, they wait.
"""

import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from seismic.cluster.cache import Cache
from seismic.cluster.connection import Address
from seismic.cluster.node import Node, NodeLimits
from seismic.cluster.ray_session import check_software
from seismic.cluster.spec import PartSpec
from seismic.params import Verify

PREFIX = "seismic part"
"""How the names of actors and placement groups begin."""


class ActorOptions(NamedTuple):
    """What an actor takes: logical CPUs of its Ray node, searches at the same time, and how files are checked.

    ``cache``: folder of its machine for copies of files, of at most ``cache_size`` bytes; None: it opens shared ones.
    """

    cpus: float = 1.0
    threads: int | None = None
    verify: Verify = "none"
    cache: str | None = None
    cache_size: int | None = None


class Endpoint(NamedTuple):
    """Where an actor listens, the secret of its node, and the Ray node and process that it runs in."""

    address: str
    secret: str
    ray_node: str
    pid: int
    started: float


class PartName(NamedTuple):
    """The name of an actor: the collection's folder, a part of it, and the number of the replica."""

    folder: str
    part: str
    replica: int

    @property
    def group(self) -> str:
        """The name of the placement group of its part."""
        return f"{PREFIX}:{self.folder}:{self.part}"

    def __str__(self) -> str:
        return f"{self.group}:{self.replica}"

    @classmethod
    def parse(cls, text: str) -> "PartName | None":
        """Return the name in a text, or None if it is that of another actor."""
        prefix, _, rest = text.partition(":")
        if prefix != PREFIX or rest.count(":") < 2:
            return None
        folder, part, replica = rest.rsplit(":", 2)
        return cls(folder, part, int(replica))


class PartActor:
    """A node in a worker of Ray. It makes a secret of its own, which it tells with its address."""

    def __init__(self, name: PartName, options: ActorOptions, theirs: Mapping[str, str]) -> None:
        """Open the part and listen on the address of the Ray node.

        Raises ParameterError if the driver's software (`theirs`) is another one, and StorageError.
        """
        _raise_priority()
        ray = import_module("ray")
        host = ray.util.get_node_ip_address()
        check_software(theirs, f"the driver of node {host}")
        secret, limits = secrets.token_hex(32), NodeLimits()
        if options.threads is not None:
            limits = limits._replace(threads=options.threads)
        spec, folder = PartSpec.parse(name.part), Path(name.folder)
        source = Cache(Path(options.cache), options.cache_size).collection(folder) if options.cache else None
        self._node = Node(
            folder, [spec], secret.encode(), Address(host, 0), limits=limits, verify=options.verify, source=source
        )
        ray_node = ray.get_runtime_context().get_node_id()
        self._endpoint = Endpoint(str(self._node.start()), secret, ray_node, os.getpid(), time.time())

    def endpoint(self) -> Endpoint:
        """Return where the node listens."""
        return self._endpoint

    def close(self, grace: float) -> None:
        """Let running requests end, for `grace` seconds."""
        self._node.close(grace)


def _raise_priority() -> None:
    """Give this thread and those that it starts the priority of the Ray node, if permitted.

    Ray runs its workers at niceness 15, at which searches wait for every other process.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, os.getppid()))
