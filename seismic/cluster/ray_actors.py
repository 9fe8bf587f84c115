"""Nodes as Ray actors: Ray places and restarts them, and tells where they listen. Searches do not go through Ray.

An actor is detached and named after its collection, part and replica, so that whoever comes later finds it. The
replicas of a part are spread over different machines by a placement group; if there are fewer, they wait.
"""

import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from seismic.cluster.actor_options import ActorOptions
from seismic.cluster.connection import Address
from seismic.cluster.listening import Ports
from seismic.cluster.node import Node, NodeLimits
from seismic.cluster.ray_session import check_software
from seismic.cluster.spec import PartSpec
from seismic.cluster.tls import leaf, node_context

PREFIX = "seismic part"
"""How the names of actors and placement groups begin."""

_FORM = re.compile(rf"{PREFIX}:(.*):([^:]+):(\d+)", re.DOTALL)


class Endpoint(NamedTuple):
    """Where an actor listens, what a connection to its node needs, and how it was started.

    ``certificate``: that of its node in PEM; None: it speaks no TLS.
    """

    address: str
    secret: str
    certificate: str | None
    options: ActorOptions


class PartName(NamedTuple):
    """The name of an actor: the collection's folder, a part of it, and the number of the replica."""

    folder: str
    part: str
    replica: int

    @property
    def group(self) -> str:
        """The name of the placement group of the replicas of its part."""
        return f"{PREFIX}:{self.folder}:{self.part}"

    def __str__(self) -> str:
        return f"{self.group}:{self.replica}"

    @classmethod
    def parse(cls, text: str) -> "PartName | None":
        """Return the name in a text, or None if it is that of another actor."""
        match = _FORM.fullmatch(text)
        return cls(match[1], match[2], int(match[3])) if match else None

    @classmethod
    def of_group(cls, group: str) -> "PartName | None":
        """Return the name of the first actor of a placement group, or None if it is that of another group."""
        return cls.parse(group) or cls.parse(f"{group}:0")


class PartActor:
    """A node in a worker of Ray. It makes a secret of its own, which it tells with its address and certificate."""

    def __init__(self, name: PartName, options: ActorOptions, theirs: Mapping[str, str]) -> None:
        """Open the part and listen on the address of the Ray node.

        Raises ParameterError if the driver's software (`theirs`) is another one, or if this machine lacks what the
        options name, and StorageError.
        """
        _raise_priority()
        ray = import_module("ray")
        host = ray.util.get_node_ip_address()
        check_software(theirs, f"the driver of node {host}")
        secret, limits = secrets.token_hex(32), NodeLimits()
        if options.threads is not None:
            limits = limits._replace(threads=options.threads)
        key = None if options.tls_key is None else Path(options.tls_key)
        certificate = None if options.tls_cert is None else Path(options.tls_cert)
        tls = node_context(certificate, key)
        shown = None if certificate is None else leaf(certificate.read_text(encoding="utf-8"))
        ports = None if options.ports is None else Ports.parse(options.ports)
        self._node = Node(
            Path(name.folder),
            [PartSpec.parse(name.part)],
            secret.encode(),
            Address(host, 0),
            limits=limits,
            tls=tls,
            verify=options.verify,
            source=options.source(Path(name.folder)),
        )
        try:
            address = self._node.start(ports)
        except BaseException:
            self._node.close(0)
            raise
        self._endpoint = Endpoint(str(address), secret, shown, options)

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
