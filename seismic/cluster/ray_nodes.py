"""Start, find and end the nodes of a collection on a Ray cluster, for whoever is not a front."""

import time
from pathlib import Path
from typing import Any

from seismic.cluster.ray_actors import ActorOptions
from seismic.cluster.ray_placement import Placement, Wanted, nodes_content
from seismic.cluster.ray_session import connect
from seismic.cluster.topology import PartNodes, Topology
from seismic.errors import ParameterError, UnavailableError
from seismic.store.collection import current_generation

LOOK_SECONDS = 0.5


def placed(
    folder: Path, address: str, replicas: int | None, groups: int | None, seconds: float, **options: Any
) -> tuple[dict[str, list[str]], list[str]]:
    """Have the nodes of a collection run, and return the addresses of each part and what is wrong after `seconds`.

    Raises ParameterError, UnavailableError if Ray does not answer, and StorageError.
    """
    current_generation(folder)
    placement = Placement(connect(address), Wanted(replicas, groups, ActorOptions(**options)))
    placement.add(folder)
    until = time.monotonic() + seconds
    placement.look(LOOK_SECONDS)
    while placement.problems(folder) and time.monotonic() < until:
        placement.look(LOOK_SECONDS)
    parts = {part: [one.address for one in listed] for part, listed in placement.parts(folder).items()}
    return parts, placement.problems(folder)


def running(folder: Path, address: str, seconds: float = 5.0) -> tuple[Topology, list[str]]:
    """Return the nodes of a collection, and which of them do not tell where they listen within `seconds`.

    Raises ParameterError if there are none, UnavailableError, and StorageError.
    """
    placement = Placement(connect(address))
    if not placement.exists(folder):
        raise ParameterError(f"collection '{folder.name}': found no nodes on Ray; start them: seismic cluster start")
    placement.add(folder)
    until = time.monotonic() + seconds
    placement.look(LOOK_SECONDS)
    while placement.problems(folder) and time.monotonic() < until:
        placement.look(LOOK_SECONDS)
    content, problems = nodes_content(placement, {folder.name: folder}), placement.problems(folder)
    if not content["collections"]:
        raise UnavailableError(f"collection '{folder.name}': no node of a part answers: {'; '.join(problems)}")
    named = {name: [PartNodes(**one) for one in listed] for name, listed in content["collections"].items()}
    return Topology(secrets=content["secrets"], collections=named), problems


def stopped(folder: Path, address: str) -> int:
    """End the nodes of a collection and return their number."""
    return Placement(connect(address)).remove(folder)
