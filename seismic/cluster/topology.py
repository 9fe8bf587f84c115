"""The nodes of a cluster, from a TOML or JSON file."""

import json
import ssl
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from seismic.cluster.connection import Address, read_secret
from seismic.cluster.fan import NodeFan, Patience
from seismic.cluster.front import open_front
from seismic.cluster.index import ClusterIndex
from seismic.cluster.replicas import Replica
from seismic.cluster.spec import PartSpec, check_cover
from seismic.errors import ParameterError
from seismic.params import Params, Verify

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class PartNodes(Params):
    """A part of a collection, and the nodes that have it."""

    part: str
    """The part, such as 1/2, 2/2+changes or changes."""

    nodes: Annotated[list[str], Field(min_length=1)]
    """Addresses of its replicas, HOST:PORT."""


class Topology(Params):
    """The nodes of a cluster."""

    secret_file: str
    """File with the cluster's secret; a relative path starts at the folder of this file."""

    collections: dict[str, list[PartNodes]]
    """The parts of each collection that nodes search, by name."""

    ca_file: str | None = None
    """Certificate authority of the nodes, in PEM. None: connections are not encrypted."""

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
        topology = Topology(**content)
        for name, listed in topology.collections.items():
            check_cover(_specs(listed, f"collections.{name}"), f"collections.{name}")
            for one in listed:
                for at, node in enumerate(one.nodes):
                    Address.parse(node, f"collections.{name}: part {one.part}: nodes[{at}]")
    except ParameterError as error:
        raise ParameterError(f"nodes file {path}: {error}") from None
    base = path.absolute().parent
    ca = topology.ca_file
    return topology.replace(
        secret_file=str(base / topology.secret_file), **({} if ca is None else {"ca_file": str(base / ca)})
    )


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


def _specs(listed: list[PartNodes], where: str) -> list[PartSpec]:
    return [PartSpec.parse(one.part, f"{where}[{at}].part") for at, one in enumerate(listed)]


def fan_of(topology: Topology, name: str, *, partial: bool = False) -> NodeFan:
    """Return the connections to the nodes of a collection. Raises ParameterError."""
    listed = topology.collections.get(name)
    if listed is None:
        known = ", ".join(topology.collections) or "none"
        raise ParameterError(f"collections: found {known}, expected '{name}'; add its parts to the nodes file")
    secret = read_secret(Path(topology.secret_file))
    try:
        tls = None if topology.ca_file is None else ssl.create_default_context(cafile=topology.ca_file)
    except OSError as error:
        raise ParameterError(f"ca_file {topology.ca_file}: {error}") from None
    addresses = {node: Replica(Address.parse(node), secret, tls) for one in listed for node in one.nodes}
    groups = [[addresses[node] for node in one.nodes] for one in listed]
    patience = Patience(topology.hedge_ms / 1000, topology.timeout)
    return NodeFan(_specs(listed, name), groups, patience, partial=partial)


def open_cluster(
    path: str | Path,
    nodes: str | Path | Topology,
    *,
    name: str | None = None,
    partial: bool = False,
    verify: Verify = "none",
) -> ClusterIndex:
    """Open a collection that nodes search.

    `nodes`: a file, or what it holds. `name`: of the collection in it; None for that of the folder. `partial`: allow
    answers without parts whose nodes do not answer.

    Raises ParameterError for a wrong file, and StorageError if nodes cannot serve the current generation.
    """
    collection = Path(path).absolute()
    topology = nodes if isinstance(nodes, Topology) else read_topology(Path(nodes))
    fan = fan_of(topology, name or collection.resolve().name, partial=partial)
    try:
        return ClusterIndex(open_front(collection, fan, verify))
    except BaseException:
        fan.close()
        raise
