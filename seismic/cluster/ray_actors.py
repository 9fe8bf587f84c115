"""Nodes as Ray actors: Ray places and restarts them, and tells where they listen. Searches do not go through Ray.

An actor is detached and named after its collection, part and replica, so that whoever comes later finds it. The
replicas of a part are spread over different machines by a placement group; if there are fewer, they wait.
"""

import re
import secrets
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

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


def started(name: Iterable[Any], options: Iterable[Any], theirs: Mapping[str, str]) -> tuple[Node, Endpoint]:
    """Start the node of an actor, with a secret of its own, on the address of the Ray node.

    `name`, `options`: the fields of a `PartName` and of `ActorOptions`.

    Raises ParameterError if the driver's software (`theirs`) is another one, or if this machine lacks what the options
    name, and StorageError.
    """
    host = import_module("ray").util.get_node_ip_address()
    check_software(theirs, f"the driver of node {host}")
    part, given = PartName(*name), ActorOptions(*options)
    secret, limits, folder = secrets.token_hex(32), NodeLimits(), Path(part.folder)
    if given.threads is not None:
        limits = limits._replace(threads=given.threads)
    key = None if given.tls_key is None else Path(given.tls_key)
    certificate = None if given.tls_cert is None else Path(given.tls_cert)
    tls = node_context(certificate, key)
    shown = None if certificate is None else leaf(certificate.read_text(encoding="utf-8"))
    ports = None if given.ports is None else Ports.parse(given.ports)
    node = Node(
        folder,
        [PartSpec.parse(part.part)],
        secret.encode(),
        Address(host, 0),
        limits=limits,
        tls=tls,
        verify=given.verify,
        source=given.source(folder),
    )
    try:
        address = node.start(ports)
    except BaseException:
        node.close(0)
        raise
    return node, Endpoint(str(address), secret, shown, given)
