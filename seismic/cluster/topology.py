"""The nodes of a cluster, from a TOML or JSON file."""

import json
import logging
import tomllib
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from seismic.cluster.asking import Patience
from seismic.cluster.connection import LEAST_SECRET, Address, read_secret
from seismic.cluster.fan import NodeFan
from seismic.cluster.front import open_front
from seismic.cluster.index import ClusterIndex
from seismic.cluster.replicas import Replica
from seismic.cluster.spec import PartSpec, check_cover
from seismic.cluster.tls import front_context, pinned_context
from seismic.conversion.numbers import as_path
from seismic.errors import ParameterError
from seismic.params import Params, Verify

log = logging.getLogger("seismic.cluster")

Secret = Annotated[str, Field(min_length=LEAST_SECRET)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class PartNodes(Params):
    """A part of a collection, and the nodes that have it."""

    part: str
    """The part, such as 1/2, 2/2+changes or changes."""

    nodes: Annotated[list[str], Field(min_length=1)]
    """Addresses of its replicas, HOST:PORT."""

    replicas: Annotated[int, Field(ge=1)] | None = None
    """Replicas that there should be. None: as many as there are nodes."""


class Topology(Params):
    """The nodes of a cluster."""

    secret_file: str | None = None
    """File with the cluster's secret; a relative path starts at the folder of this file."""

    secrets: Annotated[dict[str, Secret], Field(default_factory=dict, repr=False)]
    """Secrets of nodes that have one of their own, by address."""

    collections: dict[str, list[PartNodes]]
    """The parts of each collection that nodes search, by name."""

    ca_file: str | None = None
    """Certificate authority of the nodes, in PEM. None: connections are not encrypted."""

    certificates: Annotated[dict[str, str], Field(default_factory=dict, repr=False)]
    """Certificates in PEM by the address of their node, which must have exactly that one; no authority is needed."""

    hedge_ms: Annotated[float, Field(ge=1, le=60_000)] = 50.0
    """Time after which a second replica is asked, too."""

    timeout: Seconds = 30.0
    """Seconds after which a part counts as unavailable."""


def read_topology(path: Path) -> Topology:
    """Return the nodes of a cluster. Raises ParameterError, which names the file and the field."""
    try:
        text = path.read_text(encoding="utf-8")
        content: Any = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise ParameterError(f"nodes file {path}: {getattr(error, 'strerror', None) or error}") from None
    try:
        if not isinstance(content, dict):
            raise ParameterError(f"found a {type(content).__name__}, expected an object")
        if isinstance(parts := content.get("collections"), dict):
            content["collections"] = {name: _parts(name, listed) for name, listed in parts.items()}
        secrets = _secrets(content.pop("secrets", {}))
        topology = Topology(**content).replace(secrets=secrets)
        for name, listed in topology.collections.items():
            _check(topology, name, listed)
        nodes = {node for listed in topology.collections.values() for one in listed for node in one.nodes}
        for key, named in (("secrets", topology.secrets), ("certificates", topology.certificates)):
            if strange := sorted(named.keys() - nodes):
                raise ParameterError(f"{key}: found {strange[0]}, expected the address of a node as its part lists it")
    except ParameterError as error:
        raise ParameterError(f"nodes file {path}: {error}") from None
    base, files = path.absolute().parent, ("secret_file", "ca_file")
    return topology.replace(**{key: str(base / file) for key in files if (file := getattr(topology, key)) is not None})


def _check(topology: Topology, name: str, listed: list[PartNodes]) -> None:
    """Raise ParameterError unless the parts of a collection are complete and their nodes can be asked."""
    check_cover(_specs(listed, f"collections.{name}"), f"collections.{name}")
    for one in listed:
        known = set[Address]()
        for at, node in enumerate(one.nodes):
            where = f"collections.{name}: part {one.part}: nodes[{at}]"
            address = Address.parse(node, where)
            if address in known:
                raise ParameterError(f"{where}: found {node} again, expected each node once")
            known.add(address)
            if topology.secret_file is None and node not in topology.secrets:
                raise ParameterError(f"secret_file: found none, expected the file with the secret of node {node}")


def _parts(name: str, listed: Any) -> list[PartNodes]:
    if not isinstance(listed, list):
        raise ParameterError(f"collections.{name}: found a {type(listed).__name__}, expected a list of parts")
    parts = []
    for at, one in enumerate(listed):
        if not isinstance(one, dict):
            raise ParameterError(f"collections.{name}[{at}]: found {one!r}, expected a part and its nodes")
        try:
            parts.append(PartNodes(**one))
        except ParameterError as error:
            raise ParameterError(f"collections.{name}[{at}]: {error}") from None
    return parts


def _secrets(given: Any) -> dict[str, str]:
    """Return the secrets of nodes. Raises ParameterError, which does not show them."""
    if not isinstance(given, dict):
        raise ParameterError(f"secrets: found a {type(given).__name__}, expected a secret per address")
    for node, secret in given.items():
        if not isinstance(secret, str) or len(secret) < LEAST_SECRET:
            raise ParameterError(f"secrets: expected at least {LEAST_SECRET} characters for node {node}")
    return given


def _specs(listed: list[PartNodes], where: str) -> list[PartSpec]:
    return [PartSpec.parse(one.part, f"{where}[{at}].part") for at, one in enumerate(listed)]


class Replicas:
    """The replicas of a collection as its nodes file names them, each made once."""

    def __init__(self, topology: Topology, name: str) -> None:
        """Raises ParameterError for a collection that has no nodes, and a secret that cannot be read."""
        listed = topology.collections.get(name)
        if listed is None:
            known = ", ".join(topology.collections) or "none"
            raise ParameterError(f"collections: found {known}, expected '{name}'; add its parts to the nodes file")
        self.specs, self._name = _specs(listed, name), name
        self._known: dict[_Keys, Replica] = {}
        self._tls = None if topology.ca_file is None else front_context(topology.ca_file)

    def of(self, topology: Topology) -> list[list[Replica]]:
        """Return the replicas of each part. Raises ParameterError if the parts are others than before."""
        listed = topology.collections.get(self._name)
        if listed is None:
            raise ParameterError(f"collections: found no parts of '{self._name}'; expected those of before")
        if _specs(listed, self._name) != self.specs:
            raise ParameterError(f"collections.{self._name}: found other parts than before; start the service again")
        shared = None if topology.secret_file is None else read_secret(Path(topology.secret_file))
        named = {node: self._keys(topology, node, shared) for one in listed for node in one.nodes}
        self._known = {key: self._known.get(key) or self._made(key) for key in named.values()}
        return [[self._known[named[node]] for node in one.nodes] for one in listed]

    def _keys(self, topology: Topology, node: str, shared: bytes | None) -> "_Keys":
        own = topology.secrets.get(node)
        secret = own.encode() if own is not None else shared
        assert secret is not None
        return _Keys(node, secret, topology.certificates.get(node))

    def _made(self, keys: "_Keys") -> Replica:
        tls = self._tls if keys.certificate is None else pinned_context(keys.certificate)
        return Replica(Address.parse(keys.node), keys.secret, tls)


class _Keys(NamedTuple):
    """What a connection to a node needs. ``certificate`` is the node's own in PEM, if it is known."""

    node: str
    secret: bytes
    certificate: str | None


class Follower:
    """Returns the replicas of a collection whenever its nodes file has changed."""

    def __init__(self, path: Path, replicas: Replicas) -> None:
        self._path, self._replicas, self._seen = path, replicas, _stamp(path)

    def __call__(self) -> list[list[Replica]] | None:
        """Return the replicas of each part if the file has changed, else None. A wrong file is logged and ignored."""
        stamp = _stamp(self._path)
        if stamp == self._seen or stamp is None:
            return None
        self._seen = stamp
        try:
            return self._replicas.of(read_topology(self._path))
        except ParameterError as error:
            log.warning("the nodes stay as they were: %s", error)
            return None


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def fan_of(nodes: Topology | Path, name: str, *, partial: bool = False) -> NodeFan:
    """Return the connections to the nodes of a collection, which follow a file when it changes. Raises ParameterError.

    `nodes`: a nodes file, or what it holds.
    """
    topology = nodes if isinstance(nodes, Topology) else read_topology(nodes)
    replicas = Replicas(topology, name)
    follow = None if isinstance(nodes, Topology) else Follower(nodes, replicas)
    patience = Patience(topology.hedge_ms / 1000, topology.timeout)
    return NodeFan(replicas.specs, replicas.of(topology), patience, partial=partial, follow=follow)


def check_nodes(path: Path) -> set[str]:
    """Return the names of the collections in a nodes file, without asking the nodes.

    Raises ParameterError for a wrong file, and for a secret or a certificate that cannot be read.
    """
    topology = read_topology(path)
    for name in topology.collections:
        Replicas(topology, name).of(topology)
    return set(topology.collections)


def open_cluster(
    path: str | Path,
    nodes: str | Path | Topology,
    *,
    name: str | None = None,
    partial: bool = False,
    verify: Verify = "none",
) -> ClusterIndex:
    """Open a collection that nodes search.

    `nodes`: a file, which is read again when it changes, or what it holds. `name`: of the collection in it; None for
    that of the folder. `partial`: allow answers without parts whose nodes do not answer.

    Raises ParameterError for a wrong file, and StorageError if nodes cannot serve the current generation.
    """
    collection = as_path(path).absolute()
    source = nodes if isinstance(nodes, Topology) else as_path(nodes).absolute()
    fan = fan_of(source, name or collection.resolve().name, partial=partial)
    try:
        return ClusterIndex(open_front(collection, fan, verify))
    except BaseException:
        fan.close()
        raise
