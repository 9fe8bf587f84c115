"""The actors of collections in a Ray cluster: find them, create those that are missing, follow where they listen."""

import time
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from seismic.cluster.actor_options import ActorOptions
from seismic.cluster.ray_actors import Endpoint, PartName
from seismic.cluster.ray_groups import PlacementGroups
from seismic.cluster.ray_room import Machine, Missing, Need, machines_of
from seismic.cluster.ray_session import NAMESPACE, software
from seismic.cluster.ray_worker import PartActor
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

FIND_SECONDS = 5.0
"""Time for an actor to say that it runs. One that does not is killed at once."""

PLACING, NO_ROOM = "is being placed", "waits for a machine with room for it"
ENDED = "does not run; a front starts it, or `seismic cluster start`, and says why if it cannot"


class Wanted(NamedTuple):
    """Replicas of each part, and parts; None: as many as there are, 1 replica and as many parts as fit the machines.

    ``degraded``: start the replicas that fit; the others start once there is a machine for them.
    """

    replicas: int | None = None
    groups: int | None = None
    options: ActorOptions = ActorOptions()
    degraded: bool = False


class _Actor:
    """An actor as far as it is known here."""

    def __init__(self) -> None:
        self.handle: Any = None
        self.asked: Any = None
        self.endpoint: Endpoint | None = None
        self.problem: str | None = PLACING
        self.pause, self.again_at = FIRST_PAUSE, 0.0


class Placement:
    """The actors of collections. `ray`: the module, connected. Not safe to use from several threads.

    `creates`: whether to create those that are missing, with the options of those that run where none are given.
    """

    def __init__(self, ray: Any, wanted: Wanted | None = None, *, creates: bool = True) -> None:
        self._ray, self._wanted, self._creates = ray, wanted or Wanted(), creates
        self._actors: dict[PartName, _Actor] = {}
        self._needs: dict[str, Need] = {}
        self._before: dict[str, tuple[int, int]] = {}
        self._options: dict[str, ActorOptions] = {}
        self._differing: dict[str, str] = {}
        self._groups = PlacementGroups(ray)
        self._software = software()

    def add(self, folder: Path) -> None:
        """Find the actors of a collection, and create those that are missing.

        Raises ParameterError if there are others than wanted, and StorageError if the collection cannot be read.
        """
        self._needs[str(folder)] = need = self.need(folder)
        for name in _names(str(folder), need):
            self._actors.setdefault(name, _Actor())
        self._create()

    def remember(self, folder: Path, groups: int, replicas: int) -> None:
        """Note what a collection had, for a Ray cluster that has forgotten it: fronts keep to the number of parts."""
        self._before[str(folder)] = groups, replicas

    def need(self, folder: Path) -> Need:
        """Return what a collection takes: what it has, or what is wanted.

        Raises ParameterError if there are others than wanted, and StorageError if the collection cannot be read.
        """
        there, replicas, groups = self._groups.there(str(folder)), self._wanted.replicas, self._wanted.groups
        if there is not None:
            grows = self._wanted.degraded and there[1] < (replicas or 0) and groups in (None, there[0])
            if (groups or there[0], replicas or there[1]) != there and not grows:
                raise ParameterError(
                    f"collection '{folder.name}': found {there[0]} groups of {there[1]} replicas on Ray, expected "
                    f"{groups or there[0]} of {replicas or there[1]}; run `seismic cluster stop` before"
                )
            groups, replicas = there[0], replicas or there[1]
        before = self._before.get(str(folder), (None, 1))
        groups, replicas = groups or before[0], replicas or before[1]
        return Need(folder.name, groups or self._parts_that_fit(folder, replicas), replicas, self._wanted.options.room)

    def missing(self, folder: Path) -> Missing | None:
        """Return why the machines have no room for a collection; None if they have, or if it has nodes already."""
        if self.exists(folder):
            return None
        need, machines = self.need(folder), machines_of(self._ray)
        return None if self._fits(need, machines) else need.missing(machines, self._free(), fits=False)

    def waits(self, folder: Path) -> Missing | None:
        """Return why parts of a collection that was added have no machines yet; None if they have."""
        waiting = self._groups.waiting()
        if not any(name.group in waiting for name in self._actors if name.folder == str(folder)):
            return None
        need, machines = self._needs[str(folder)], machines_of(self._ray)
        return need.missing(machines, self._free(), fits=self._fits(need, machines))

    def exists(self, folder: Path) -> bool:
        """Return whether a collection has nodes, or some that wait for machines."""
        return self._groups.there(str(folder)) is not None

    def remove(self, folder: Path) -> int:
        """End the actors of a collection, running requests first, and return their number."""
        names = [name for name in self._existing() if name.folder == str(folder)]
        handles = [self._ray.get_actor(str(name), NAMESPACE) for name in names]
        waiting = self._groups.waiting()
        placed = [one for one, name in zip(handles, names, strict=True) if not {name.group, str(name)} & waiting]
        if asked := {one.endpoint.remote(): one for one in placed}:
            running, _ = self._ray.wait(list(asked), num_returns=len(asked), timeout=FIND_SECONDS)
            if closing := [asked[one].close.remote(STOP_SECONDS / 2) for one in running]:
                self._ray.wait(closing, num_returns=len(closing), timeout=STOP_SECONDS)
        for one in handles:
            self._ray.kill(one, no_restart=True)
        self._groups.remove(str(folder))
        self._actors = {name: one for name, one in self._actors.items() if name.folder != str(folder)}
        for known in (self._needs, self._options, self._differing):
            known.pop(str(folder), None)
        return len(handles)

    def look(self, seconds: float) -> None:
        """Ask every actor where it listens, wait for answers at most `seconds`, and create those that died for good."""
        self._create()
        until = time.monotonic() + seconds
        for one in self._actors.values():
            if one.handle is not None and one.asked is None:
                one.asked = one.handle.endpoint.remote()
        asked = {one.asked: one for one in self._actors.values() if one.asked is not None}
        names = {id(one): name for name, one in self._actors.items()}
        ready = self._ray.wait(list(asked), num_returns=len(asked), timeout=seconds)[0] if asked else []
        for reference in ready:
            self._take(names[id(asked[reference])], asked[reference], reference)
        self._note_room()
        if not asked or any(one.handle is None for one in self._actors.values()):
            time.sleep(max(0.0, until - time.monotonic()))

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

    def starting(self, folder: Path) -> bool:
        """Return whether nodes of a collection that have machines do not answer yet."""
        own = (one for name, one in self._actors.items() if name.folder == str(folder))
        return any(one.problem not in (None, NO_ROOM, ENDED) for one in own)

    def differing(self, folder: Path) -> str | None:
        """Return which options of the running nodes of a collection are others than those that are given."""
        return self._differing.get(str(folder))

    def _parts_that_fit(self, folder: Path, replicas: int) -> int:
        """Return as many parts as the machines have room for, at most one for each shard."""
        generation, lease = hold_current(folder)
        try:
            shards = len(read_manifest(generation).shards)
        finally:
            lease.close()
        machines = sum(one.cpus >= self._wanted.options.room for one in machines_of(self._ray))
        return max(1, min(shards, machines // replicas))

    def _existing(self) -> list[PartName]:
        names = map(PartName.parse, self._ray.util.list_named_actors())
        return [name for name in names if name is not None]

    def _create(self) -> None:
        """Get or create the actors that have no handle. They have the options of those that run already."""
        if unknown := {name.folder for name in self._actors} - self._options.keys():
            running = {name.folder for name in self._existing()}
            self._options |= dict.fromkeys(unknown - running, self._wanted.options)
        for name, one in sorted(self._actors.items()):
            if one.handle is None and time.monotonic() >= one.again_at:
                one.handle = self._created(name)

    def _created(self, name: PartName) -> Any:
        """Return the handle of an actor; None if it cannot be created yet, or if nothing is to be created."""
        try:
            return self._ray.get_actor(str(name), NAMESPACE)
        except ValueError:
            options = self._options.get(name.folder)
        if not self._creates or options is None:
            return None
        place = self._groups.place(name, lambda: self._first(name.folder), options.room)
        if place is None:
            return None
        strategies = import_module("ray.util.scheduling_strategies")
        kind = self._ray.remote(PartActor).options(
            name=str(name),
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            max_restarts=-1,
            max_concurrency=CONCURRENCY,
            num_cpus=options.room,
            scheduling_strategy=strategies.PlacementGroupSchedulingStrategy(*place),
        )
        return kind.remote(tuple(name), tuple(options), self._software)

    def _free(self) -> float:
        free: float = self._ray.available_resources().get("CPU", 0.0)
        return free

    def _fits(self, need: Need, machines: Sequence[Machine]) -> bool:
        return need.fitting(machines) >= (1 if self._wanted.degraded else need.replicas)

    def _first(self, folder: str) -> int:
        """Return how many replicas of each part start at first."""
        need = self._needs[folder]
        if not self._wanted.degraded:
            return need.replicas
        return max(1, min(need.replicas, need.fitting(machines_of(self._ray))))

    def _take(self, name: PartName, one: _Actor, reference: Any) -> None:
        """Note what an actor answered."""
        one.asked, errors = None, self._ray.exceptions
        try:
            found = self._ray.get(reference)
        except errors.ActorUnavailableError:
            one.problem = "is being restarted"
        except errors.RayActorError as error:  # it did not start, or was stopped
            one.handle, one.problem = None, _reason(error)
            one.again_at = time.monotonic() + one.pause
            one.pause = min(2 * one.pause, LONGEST_PAUSE)
        else:
            one.problem = self._wanted.options.differing(found.options)
            one.endpoint, one.pause = None if one.problem else found, FIRST_PAUSE
            if one.problem:
                self._differing[name.folder] = one.problem
            self._options[name.folder] = self._wanted.options.filled(found.options)

    def _note_room(self) -> None:
        """Say of actors that wait for a machine that they do."""
        if all(one.problem is None for one in self._actors.values()):
            return
        waiting = self._groups.waiting()
        for name, one in self._actors.items():
            if one.problem in (PLACING, NO_ROOM, ENDED):
                waits = self._creates and one.handle is None and name.folder in self._options
                lacks = waits or name.group in waiting or str(name) in waiting
                one.problem = NO_ROOM if lacks else ENDED if one.handle is None else PLACING


def _names(folder: str, need: Need) -> list[PartName]:
    """Return the names of all actors that a collection should have."""
    parts = [str(PartSpec(number, need.groups, number == need.groups)) for number in range(1, need.groups + 1)]
    return [PartName(folder, part, replica) for part in parts for replica in range(need.replicas)]


def _reason(error: Exception) -> str:
    """Return the cause in what Ray says of an actor that died: the last line of its traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("seismic.errors.")]
    return (causes or lines or [type(error).__name__])[-1].removeprefix("seismic.errors.")


def nodes_content(placement: Placement, folders: Mapping[str, Path]) -> dict[str, Any]:
    """Return what a nodes file says of collections (name -> folder), without those that lack a part."""
    collections: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    certificates: dict[str, str] = {}
    for name, folder in folders.items():
        parts = placement.parts(folder)
        if not parts or not all(parts.values()):
            continue
        wanted = placement.replicas(folder)
        collections[name] = [
            {"part": part, "nodes": _addresses(listed), "replicas": wanted} for part, listed in parts.items()
        ]
        every = [one for listed in parts.values() for one in listed]
        secrets |= {one.address: one.secret for one in every}
        certificates |= {one.address: one.certificate for one in every if one.certificate is not None}
    return {"secrets": secrets, "certificates": certificates, "collections": collections}


def _addresses(listed: Iterable[Endpoint]) -> list[str]:
    return list(dict.fromkeys(one.address for one in listed))
