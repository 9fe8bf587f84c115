"""The actors of collections in a Ray cluster: find them, create those that are missing, follow where they listen."""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from seismic.cluster.ray_actors import ActorOptions, Endpoint, PartActor, PartName
from seismic.cluster.ray_session import NAMESPACE, software
from seismic.cluster.spec import PartSpec
from seismic.errors import ParameterError
from seismic.store.manifest import read_manifest
from seismic.store.opening import hold_current

CONCURRENCY = 4
"""Calls that an actor answers at the same time."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds before an actor that died for good is created again; each time doubles them."""

STOP_SECONDS = 30.0
"""Time for the requests of an actor to end before it is killed."""


class Wanted(NamedTuple):
    """Replicas of each part, and parts; None: as many as there are, 1 replica and as many parts as fit the nodes."""

    replicas: int | None = None
    groups: int | None = None
    options: ActorOptions = ActorOptions()


class _Actor:
    """An actor as far as it is known here."""

    def __init__(self) -> None:
        self.handle: Any = None
        self.asked: Any = None
        self.endpoint: Endpoint | None = None
        self.problem: str | None = "is being placed"
        self.pause, self.again_at = FIRST_PAUSE, 0.0


class Placement:
    """The actors of collections. `ray`: the module, connected. Not safe to use from several threads."""

    def __init__(self, ray: Any, wanted: Wanted | None = None) -> None:
        self._ray, self._wanted = ray, wanted or Wanted()
        self._actors: dict[PartName, _Actor] = {}
        self._software = software()

    def add(self, folder: Path) -> None:
        """Find the actors of a collection, and create those that are missing.

        Raises ParameterError if there are others than wanted, and StorageError if the collection cannot be read.
        """
        for name in self._names(folder):
            self._actors.setdefault(name, _Actor())
        self._create()

    def exists(self, folder: Path) -> bool:
        """Return whether a collection has actors."""
        return any(name.folder == str(folder) for name in self._existing())

    def remove(self, folder: Path) -> int:
        """End the actors of a collection, running requests first, and return their number."""
        names = [name for name in self._existing() if name.folder == str(folder)]
        handles = [self._ray.get_actor(str(name), NAMESPACE) for name in names]
        if closing := [one.close.remote(STOP_SECONDS / 2) for one in handles]:
            self._ray.wait(closing, num_returns=len(closing), timeout=STOP_SECONDS)
        for one in handles:
            self._ray.kill(one, no_restart=True)
        for group in {name.group for name in names}:
            with suppress(ValueError):  # another process has removed it
                self._ray.util.remove_placement_group(self._ray.util.get_placement_group(group))
        self._actors = {name: one for name, one in self._actors.items() if name.folder != str(folder)}
        return len(handles)

    def look(self, seconds: float) -> None:
        """Ask every actor where it listens, wait for answers at most `seconds`, and create those that died for good."""
        self._create()
        for one in self._actors.values():
            if one.handle is not None and one.asked is None:
                one.asked = one.handle.endpoint.remote()
        asked = {one.asked: one for one in self._actors.values() if one.asked is not None}
        if not asked:
            time.sleep(seconds)
            return
        ready, _ = self._ray.wait(list(asked), num_returns=len(asked), timeout=seconds)
        for reference in ready:
            self._take(asked[reference], reference)

    def parts(self, folder: Path) -> dict[str, list[Endpoint]]:
        """Return the last known endpoints of each part of a collection; none where an actor has not been placed yet."""
        found: dict[str, list[Endpoint]] = {}
        for name, one in sorted(self._actors.items(), key=lambda item: (PartSpec.parse(item[0].part), item[0].replica)):
            if name.folder == str(folder):
                found.setdefault(name.part, []).extend([one.endpoint] if one.endpoint else [])
        return found

    def replicas(self, folder: Path) -> int:
        """Return the number of replicas that each part of a collection should have."""
        return 1 + max((name.replica for name in self._actors if name.folder == str(folder)), default=0)

    def problems(self, folder: Path) -> list[str]:
        """Return why actors of a collection do not answer, a line for each; none if it is as it should be."""
        return [
            f"part {name.part}, replica {name.replica + 1}: {one.problem}"
            for name, one in sorted(self._actors.items())
            if name.folder == str(folder) and one.problem
        ]

    def _names(self, folder: Path) -> list[PartName]:
        """Return the names of all actors that a collection should have."""
        found = [name for name in self._existing() if name.folder == str(folder)]
        replicas, groups = self._wanted.replicas, self._wanted.groups
        if found:
            there = len({name.part for name in found}), 1 + max(name.replica for name in found)
            if (groups or there[0], replicas or there[1]) != there:
                raise ParameterError(
                    f"collection '{folder.name}': found {there[0]} groups of {there[1]} replicas on Ray, expected "
                    f"{groups or there[0]} of {replicas or there[1]}; run `seismic cluster stop` before"
                )
            groups, replicas = there
        replicas = replicas or 1
        groups = groups or self._fitting(folder, replicas)
        parts = [str(PartSpec(number, groups, number == groups)) for number in range(1, groups + 1)]
        return [PartName(str(folder), part, replica) for part in parts for replica in range(replicas)]

    def _fitting(self, folder: Path, replicas: int) -> int:
        """Return as many parts as the nodes of the cluster have room for, at most one for each shard."""
        generation, lease = hold_current(folder)
        try:
            shards = len(read_manifest(generation).shards)
        finally:
            lease.close()
        return max(1, min(shards, self._alive() // replicas))

    def _alive(self) -> int:
        return sum(bool(node["Alive"]) for node in self._ray.nodes())

    def _existing(self) -> list[PartName]:
        names = map(PartName.parse, self._ray.util.list_named_actors())
        return [name for name in names if name is not None]

    def _create(self) -> None:
        """Get or create the actors that have no handle."""
        for name, one in self._actors.items():
            if one.handle is None and time.monotonic() >= one.again_at:
                one.handle = self._created(name)

    def _created(self, name: PartName) -> Any:
        strategies = import_module("ray.util.scheduling_strategies")
        group = self._group(name)
        kind = self._ray.remote(PartActor).options(
            name=str(name),
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            max_restarts=-1,
            max_concurrency=CONCURRENCY,
            num_cpus=self._wanted.options.cpus,
            scheduling_strategy=strategies.PlacementGroupSchedulingStrategy(group, name.replica),
        )
        return kind.remote(name, self._wanted.options, self._software)

    def _group(self, name: PartName) -> Any:
        """Return the placement group of a part, which puts each replica on another node."""
        with suppress(ValueError):
            return self._ray.util.get_placement_group(name.group)
        replicas = 1 + max(other.replica for other in self._actors if other.group == name.group)
        bundles = [{"CPU": self._wanted.options.cpus}] * replicas
        return self._ray.util.placement_group(bundles, "STRICT_SPREAD", name=name.group, lifetime="detached")

    def _take(self, one: _Actor, reference: Any) -> None:
        """Note what an actor answered."""
        one.asked, errors = None, self._ray.exceptions
        try:
            one.endpoint, one.problem = self._ray.get(reference), None
            one.pause = FIRST_PAUSE
        except errors.ActorUnavailableError:
            one.problem = "is being restarted"
        except errors.RayActorError as error:  # it did not start, or was stopped
            one.handle, one.problem = None, _reason(error)
            one.again_at = time.monotonic() + one.pause
            one.pause = min(2 * one.pause, LONGEST_PAUSE)


def _reason(error: Exception) -> str:
    """Return the cause in what Ray says of an actor that died: the last line of its traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("seismic.errors.")]
    return (causes or lines or [type(error).__name__])[-1].removeprefix("seismic.errors.")


def nodes_content(placement: Placement, folders: Mapping[str, Path]) -> dict[str, Any]:
    """Return what a nodes file says of collections (name -> folder), without those that lack a part."""
    collections: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    for name, folder in folders.items():
        parts = placement.parts(folder)
        if not parts or not all(parts.values()):
            continue
        wanted = placement.replicas(folder)
        collections[name] = [
            {"part": part, "nodes": _addresses(listed), "replicas": wanted} for part, listed in parts.items()
        ]
        secrets |= {one.address: one.secret for listed in parts.values() for one in listed}
    return {"secrets": secrets, "collections": collections}


def _addresses(listed: Iterable[Endpoint]) -> list[str]:
    return list(dict.fromkeys(one.address for one in listed))
