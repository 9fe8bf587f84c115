"""Start, find and end the nodes of a collection on a Ray cluster, for whoever is not a front."""

import time
from collections.abc import Callable
from pathlib import Path

from seismic.cluster.ray_placement import Placement, Wanted, nodes_content
from seismic.cluster.ray_room import Waiting
from seismic.cluster.ray_session import connect
from seismic.cluster.topology import PartNodes, Topology
from seismic.errors import ParameterError, UnavailableError
from seismic.store.collection import current_generation

LOOK_SECONDS = 0.5

ANSWER_SECONDS = 120.0
"""Time for nodes to answer once they have machines."""


def placed(
    folder: Path, address: str, wanted: Wanted, seconds: float | None, tell: Callable[[str], None]
) -> tuple[dict[str, list[str]], list[str]]:
    """Have the nodes of a collection run, and return the addresses of each part and which of them do not answer.

    `seconds`: time for machines to be added, and for nodes to answer; None: 0 and 120. `tell` shows what is waited for.

    Raises ParameterError if there are others than wanted, UnavailableError if Ray does not answer or the machines have
    no room, and StorageError. Nothing stays of nodes that have no machines then.
    """
    current_generation(folder)
    placement = Placement(connect(address), wanted)
    existed = placement.exists(folder)
    try:
        _find_room(placement, folder, 0.0 if seconds is None else seconds, tell)
    except BaseException:
        if not existed:
            placement.remove(folder)
        raise
    _answered(placement, folder, ANSWER_SECONDS if seconds is None else seconds)
    if (wrong := placement.differing(folder)) is not None:
        raise ParameterError(f"collection '{folder.name}': {wrong}")
    parts = {part: [one.address for one in listed] for part, listed in placement.parts(folder).items()}
    return parts, placement.problems(folder)


def running(folder: Path, address: str, seconds: float = 5.0) -> tuple[Topology, list[str]]:
    """Return the nodes of a collection, and which of them do not tell where they listen within `seconds`.

    Raises ParameterError if there are none, UnavailableError, and StorageError.
    """
    placement = Placement(connect(address), creates=False)
    if not placement.exists(folder):
        raise ParameterError(f"collection '{folder.name}': found no nodes on Ray; start them: seismic cluster start")
    placement.add(folder)
    _answered(placement, folder, seconds)
    content, problems = nodes_content(placement, {folder.name: folder}), placement.problems(folder)
    if not content["collections"]:
        raise UnavailableError(f"collection '{folder.name}': no node of a part answers: {'; '.join(problems)}")
    named = {name: [PartNodes(**one) for one in listed] for name, listed in content.pop("collections").items()}
    return Topology(collections=named, **content), problems


def stopped(folder: Path, address: str) -> int:
    """End the nodes of a collection and return their number."""
    return Placement(connect(address)).remove(folder)


def _find_room(placement: Placement, folder: Path, seconds: float, tell: Callable[[str], None]) -> None:
    """Add a collection, and wait until its nodes have machines."""
    waiting, existed = Waiting(seconds, tell), placement.exists(folder)
    waiting.check(placement.missing(folder))
    placement.add(folder)
    placement.look(LOOK_SECONDS)
    while not existed and not waiting.check(placement.waits(folder)):
        placement.look(LOOK_SECONDS)


def _answered(placement: Placement, folder: Path, seconds: float) -> None:
    """Wait until all nodes of a collection answer that have machines, at most `seconds`."""
    until = time.monotonic() + seconds
    placement.look(LOOK_SECONDS)
    while placement.starting(folder) and not placement.differing(folder) and time.monotonic() < until:
        placement.look(LOOK_SECONDS)
