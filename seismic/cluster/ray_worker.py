"""What a worker of Ray loads of a node: little, before it has the priority that loading the rest needs.

Ray runs workers at niceness 15, at which they wait for every other process. On a busy machine, a node that is restarted
there would load its modules for longer than everything else takes.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any


class PartActor:
    """A node in a worker of Ray."""

    def __init__(self, name: tuple[Any, ...], options: tuple[Any, ...], theirs: Mapping[str, str]) -> None:
        """Open the part of a `PartName` with `ActorOptions`, as plain tuples, and listen.

        Raises ParameterError if the driver's software (`theirs`) is another one, or if this machine lacks what the
        options name, and StorageError.
        """
        _raise_priority()
        self._node, self._endpoint = import_module("seismic.cluster.ray_actors").started(name, options, theirs)

    def endpoint(self) -> Any:
        """Return the `Endpoint` where the node listens."""
        return self._endpoint

    def close(self, grace: float) -> None:
        """Let running requests end, for `grace` seconds."""
        self._node.close(grace)


def _raise_priority() -> None:
    """Give this thread and those that it starts the priority of the Ray node, if permitted."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, os.getppid()))
