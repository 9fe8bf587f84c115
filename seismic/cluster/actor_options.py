"""What nodes on Ray take and do: room, files, TLS and ports, the same for all nodes of a collection."""

from pathlib import Path
from typing import Any, NamedTuple

from seismic.cluster.cache import Cache
from seismic.cluster.listening import Ports
from seismic.cluster.sources import SharedFolder, Source
from seismic.conversion.numbers import as_count
from seismic.conversion.sizes import parse_bytes
from seismic.errors import ParameterError
from seismic.params import Verify

CPUS = 1.0
"""Logical CPUs of an actor by default."""


class ActorOptions(NamedTuple):
    """What an actor takes: logical CPUs of its Ray node, searches at the same time, and how files are checked.

    ``cache``: folder of its machine for copies of files, of at most ``cache_size`` bytes. ``storage``: address below
    which the generations are that it copies, instead of the collection's folder. ``tls_cert``, ``tls_key``: PEM files
    of its machine. ``ports``: range that it listens in. None: the default, or what running nodes have.
    """

    cpus: float | None = None
    threads: int | None = None
    verify: Verify = "none"
    cache: str | None = None
    cache_size: int | None = None
    storage: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    ports: str | None = None

    @property
    def room(self) -> float:
        """Logical CPUs of an actor."""
        return CPUS if self.cpus is None else self.cpus

    def source(self, folder: Path) -> Source:
        """Return where an actor opens the files of a collection. Raises ParameterError and StorageError."""
        address = str(folder) if self.storage is None else address_in(self.storage, folder.name)
        if self.cache is not None:
            return Cache(Path(self.cache), self.cache_size).collection(address)
        return SharedFolder(Path(address))

    def filled(self, there: "ActorOptions") -> "ActorOptions":
        """Return these options, with those of running nodes where none is given."""
        given = {name: value for name, value in self._asdict().items() if value is not None}
        return there._replace(**given)

    def differing(self, there: "ActorOptions") -> str | None:
        """Return which options of a running node are others than these, and None if those that are given agree."""
        ours, theirs = self._asdict(), {**there._asdict(), "cpus": there.room}
        wrong = [name for name, value in ours.items() if value not in (None, theirs[name]) and name != "verify"]
        if not wrong:
            return None
        found = ", ".join(f"{_option(name)} {theirs[name] or 'not set'} (expected {ours[name]})" for name in wrong)
        return f"runs with {found}; run `seismic cluster stop` before"


def actor_options(**given: Any) -> ActorOptions:
    """Return checked options. `cache`, `tls_cert`, `tls_key`: paths; `cache_size`: text such as 50GB, or bytes.

    Raises ParameterError for options that contradict each other.
    """
    for name in ("cache", "tls_cert", "tls_key"):
        if given.get(name) is not None:
            given[name] = str(Path(given[name]).absolute())
    if isinstance(size := given.get("cache_size"), str):
        given["cache_size"] = parse_bytes(size)
    options = ActorOptions(**given)
    if options.cache_size is not None:
        as_count("cache-size", options.cache_size)
        _needs(options.cache, "cache-size", "a size without a cache; give --cache")
    if options.tls_key is not None:
        _needs(options.tls_cert, "tls-key", "a key without a certificate; give --tls-cert")
    if options.storage is not None and "://" in options.storage:
        _needs(options.cache, "storage", f"{options.storage}, whose files cannot be mapped; give --cache, a folder")
    if options.ports is not None:
        options = options._replace(ports=str(Ports.parse(options.ports)))
    return options


def address_in(storage: str, name: str) -> str:
    """Return the address of a collection below an address: s3://bucket/NAME?options of s3://bucket?options."""
    if "://" not in storage:
        return str(Path(storage).absolute() / name)
    place, question, options = storage.partition("?")
    return f"{place.rstrip('/')}/{name}{question}{options}"


def _needs(other: Any, option: str, problem: str) -> None:
    if other is None:
        raise ParameterError(f"{option}: found {problem}")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
