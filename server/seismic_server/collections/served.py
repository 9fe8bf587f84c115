"""The served collections, and those that cannot be opened."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import structlog

from seismic import Index, IndexNotFoundError
from seismic.errors import NotReadyError
from seismic.store.manifest import Manifest
from seismic_server.collections.folders import collection_folders, split_aliases
from seismic_server.collections.opening import open_collection
from seismic_server.settings import Settings

State: TypeAlias = Literal["warming", "ready", "failed"]
Stamp: TypeAlias = tuple[int, int]
Integrity: TypeAlias = Literal["unchecked", "sound", "damaged"]

log = structlog.get_logger("server")

_WHY_NOT = {
    "warming": "is warming up; retry shortly, or wait for /readyz",
    "failed": "failed to warm up; the server's log has the cause",
}


class Scrubbed(NamedTuple):
    """Result of the check of all hashes of a generation. ``damage``: the first one found, or None."""

    manifest: Manifest
    damage: str | None


@dataclass(slots=True)
class Collection:
    """An opened index and the state it is served in."""

    index: Index
    state: State = "warming"
    stale: str | None = None
    """Why the index is not up to date. Searches are answered from what is open."""
    scrubbed: Scrubbed | None = None
    """Result of the last check of all hashes, perhaps of an earlier generation."""
    leaving: bool = False
    """Whether it is being dropped or renamed, so that its files vanish."""
    noted: tuple[str, Stamp] | None = None
    """A generation and the stamp of its manifest, which tell whether the folder was removed and made again."""

    @property
    def problem(self) -> str | None:
        """Why the collection is not as it should be, although it answers."""
        damage = self.scrubbed.damage if self.scrubbed and self.integrity == "damaged" else None
        found = [self.stale, f"generation {self.index.generation} is damaged: {damage}; restore it" if damage else None]
        return "; ".join(problem for problem in found if problem) or None

    @property
    def integrity(self) -> Integrity:
        """What is known of the hashes of the served generation."""
        if self.scrubbed is None or self.scrubbed.manifest is not self.index.manifest:
            return "unchecked"
        return "damaged" if self.scrubbed.damage else "sound"

    @property
    def name(self) -> str:
        """The name of its entry in the served directory, which may be a symbolic link."""
        return self.index.name

    @property
    def folder(self) -> Path:
        """The real folder."""
        return self.index.view.collection


class Collections:
    """Collections by name. `unavailable` has the others: name to the reason why it cannot be opened.

    `aliases`: other names of collections: alias to collection.
    """

    def __init__(self) -> None:
        self._by_name: dict[str, Collection] = {}
        self._known: dict[str, Collection] = {}  # by alias, too
        self.unavailable: Mapping[str, str] = {}
        self.aliases: Mapping[str, str] = {}

    @classmethod
    def open(cls, settings: Settings) -> "Collections":
        """Open every collection in the folder, or the folder itself. Raises IndexNotFoundError if there is none."""
        collections, directory = cls(), settings.directory
        folders, aliases = split_aliases(directory, collection_folders(directory))
        for name, folder in folders.items():
            try:
                collections.add(Collection(open_collection(name, folder, settings)))
            except Exception as error:
                collections.set_unavailable(name, error)
        collections.set_aliases(aliases)
        return collections

    def add(self, collection: Collection) -> None:
        """Add a collection, or replace the one of its name. Running iterations do not see it."""
        self._by_name = dict(sorted((self._by_name | {collection.name: collection}).items()))
        self.forget(collection.name)
        self.set_aliases(self.aliases)

    def remove(self, name: str) -> None:
        """Remove a collection. Searches that run still answer."""
        self._by_name = {other: one for other, one in self._by_name.items() if other != name}
        self.set_aliases(self.aliases)

    def set_aliases(self, aliases: Mapping[str, str]) -> None:
        """Replace all aliases at once. One whose collection cannot be opened shares its state."""
        self.aliases = dict(sorted(aliases.items()))
        served = {alias: self._by_name[name] for alias, name in self.aliases.items() if name in self._by_name}
        self._known = served | self._by_name

    def set_unavailable(self, name: str, error: Exception) -> None:
        """Note that a collection cannot be opened, and log a new reason."""
        why = f"cannot be opened ({type(error).__name__}; the server's log has the cause)"
        if self.unavailable.get(name) != why:
            log.error("collection cannot be opened", collection=name, reason=str(error))
        self.unavailable = dict(sorted({**self.unavailable, name: why}.items()))

    def forget(self, name: str) -> None:
        """Drop an unavailable collection."""
        self.unavailable = {other: why for other, why in self.unavailable.items() if other != name}

    def get(self, name: str) -> Collection | None:
        """Return an opened collection by its own name, or None."""
        return self._by_name.get(name)

    def is_open(self, name: str) -> bool:
        """Return whether a name or alias is that of an opened collection."""
        return name in self._known

    def __iter__(self) -> Iterator[Collection]:
        return iter(self._by_name.values())

    def __getitem__(self, name: str) -> Collection:
        if found := self._known.get(name):
            return found
        if why := self.unavailable.get(self.aliases.get(name, name)):
            raise NotReadyError(f"collection '{name}' {why}")
        raise IndexNotFoundError(f"found no collection '{name}'; GET /v1/collections lists those served")

    def ready(self, name: str) -> Index:
        """Return the index of a ready collection. Raises IndexNotFoundError and NotReadyError."""
        collection = self[name]
        if collection.state != "ready":
            raise NotReadyError(f"collection '{name}' {_WHY_NOT[collection.state]}")
        return collection.index

    def check_ready(self, *, named: bool) -> None:
        """Raise NotReadyError while a collection is warming up, or if none of them is ready.

        Otherwise one damaged collection would keep traffic from the others. `named`: whether the error may name them.
        """
        opened = list(self)
        ready, total = sum(one.state == "ready" for one in opened), len(opened) + len(self.unavailable)
        if ready == total or (ready and not any(one.state == "warming" for one in opened)):
            return
        why = [f"'{one.name}' {_WHY_NOT[one.state]}" for one in opened if one.state != "ready"]
        why += [f"'{name}' {reason}" for name, reason in self.unavailable.items()]
        detail = f"; collection {why[0]}" if named else ""
        raise NotReadyError(f"{ready} of {total} collections are ready{detail}")

    def close(self) -> None:
        """Close every index. No search may be running."""
        for collection in self:
            collection.index.close()
