"""Parts in this process, without sockets."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from seismic.cluster.front import open_front
from seismic.cluster.index import ClusterIndex
from seismic.cluster.part import PartHost
from seismic.cluster.spec import PartSpec, check_cover
from seismic.cluster.wire import Message


class LocalFan:
    """Asks parts of this process, one after the other."""

    def __init__(self, collection: Path, specs: Sequence[PartSpec]) -> None:
        check_cover(specs, "parts")
        self.specs = specs
        self._hosts = [PartHost(collection, spec) for spec in specs]

    def ask(self, requests: Mapping[int, Message], *, partial: bool = False) -> dict[int, Message]:  # noqa: ARG002
        """Ask parts by their index."""
        return {at: self._hosts[at].answer(message) for at, message in requests.items()}

    def prepare(self, generation: str, fingerprint: str) -> None:
        """Open a generation in every part."""
        for host in self._hosts:
            host.generations.prepare(generation, fingerprint)

    def close(self) -> None:
        """Do nothing: there are no connections."""


def open_parts(collection: Path, parts: Sequence[str]) -> ClusterIndex:
    """Open a collection in parts of this process. Raises ParameterError and StorageError."""
    specs = [PartSpec.parse(part) for part in parts]
    return ClusterIndex(open_front(collection, LocalFan(collection, specs)))
