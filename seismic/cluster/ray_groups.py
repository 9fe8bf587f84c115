"""The placement groups of the parts of collections: Ray starts the replicas of a part on different machines.

The replicas that fit at first share a group that spreads them strictly, all or none of which is placed. A replica that
has no machine then gets a group of its own, which keeps off the machines of the others.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from seismic.cluster.ray_actors import PartName

NODE_ID = "ray.io/node-id"
"""Label that Ray gives to every machine."""

WAITING = ("PENDING", "RESCHEDULING", "PREPARED")
"""States of a group that has no machines."""


class PlacementGroups:
    """The placement groups in a Ray cluster. `ray`: the module, connected."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def place(self, name: PartName, first: Callable[[], int], cpus: float) -> tuple[Any, int] | None:
        """Return the group of an actor and its bundle in it, and create the group if there is none.

        `first` says how many replicas of a part start together. Returns None for another one while those before it have
        no machines.
        """
        group = self._found(name.group)
        if group is None:
            group = self._created(name.group, [{"CPU": cpus}] * first())
        if name.replica < group.bundle_count:
            return group, name.replica
        own = self._found(str(name))
        if own is None:
            others = (name._replace(replica=at) for at in range(group.bundle_count, name.replica))
            if (taken := self._machines([group, *(self._found(str(one)) for one in others)])) is None:
                return None
            elsewhere = {NODE_ID: f"!in({','.join(sorted(taken))})"}
            own = self._created(str(name), [{"CPU": cpus}], bundle_label_selector=[elsewhere])
        return own, 0

    def waiting(self) -> set[str]:
        """Return the names of the groups that wait for machines."""
        return {str(one["name"]) for one in self._table() if one["state"] in WAITING}

    def there(self, folder: str) -> tuple[int, int] | None:
        """Return the number of parts of a collection and of their replicas; None if it has no groups."""
        own = [(name, len(one["bundles"])) for name, one in self._of(folder)]
        if not own:
            return None
        return len({name.part for name, _ in own}), max(name.replica + bundles for name, bundles in own)

    def remove(self, folder: str) -> None:
        """Remove the groups of a collection, also those that wait."""
        for _, one in self._of(folder):
            if (group := self._found(one["name"])) is not None:
                self._ray.util.remove_placement_group(group)

    def _of(self, folder: str) -> list[tuple[PartName, dict[str, Any]]]:
        """Return the groups of a collection, each with the name of its first actor."""
        named = [(PartName.of_group(one["name"]), one) for one in self._table()]
        return [(name, one) for name, one in named if name is not None and name.folder == folder]

    def _table(self) -> list[dict[str, Any]]:
        return [one for one in self._ray.util.placement_group_table().values() if one["state"] != "REMOVED"]

    def _found(self, name: str) -> Any:
        with suppress(ValueError):
            return self._ray.util.get_placement_group(name)
        return None

    def _created(self, name: str, bundles: list[dict[str, float]], **options: Any) -> Any:
        try:
            return self._ray.util.placement_group(bundles, "STRICT_SPREAD", name=name, lifetime="detached", **options)
        except self._ray.exceptions.RaySystemError:
            if (found := self._found(name)) is None:  # no other front has created it just now
                raise
            return found

    def _machines(self, groups: list[Any]) -> set[str] | None:
        """Return the ids of the machines of groups; None if one of them has none yet."""
        found = set[str]()
        for group in groups:
            table = {} if group is None else self._ray.util.placement_group_table(group)
            if table.get("state") != "CREATED":
                return None
            found |= set(table["bundles_to_node_id"].values())
        return found
