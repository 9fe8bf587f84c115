"""The served collections."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import seismic
from seismic import Index, IndexNotFoundError
from seismic.errors import NotReadyError
from seismic.params import Verify
from seismic.store.collection import is_collection

State: TypeAlias = Literal["warming", "ready", "failed"]

_WHY_NOT = {
    "warming": "is warming up; try again shortly, or wait for /readyz",
    "failed": "failed to warm up; the server's log has the cause",
}


@dataclass(slots=True)
class Collection:
    """An opened index and the state it is served in."""

    index: Index
    state: State = "warming"
    problem: str | None = None
    """Why the index is not up to date. Searches are answered from what is open."""


class Collections:
    """Collections by name."""

    def __init__(self, indexes: list[Index]) -> None:
        self._by_name = {index.name: Collection(index) for index in indexes}

    @classmethod
    def open(cls, directory: Path, verify: Verify) -> "Collections":
        """Open every collection in `directory`, or `directory` itself if it is a collection. Raises StorageError."""
        return cls([seismic.open(folder, verify=verify) for folder in _collection_folders(directory)])

    def add(self, collection: Collection) -> None:
        """Add a collection. Running iterations do not see it."""
        self._by_name = dict(sorted((self._by_name | {collection.index.name: collection}).items()))

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Collection]:
        return iter(self._by_name.values())

    def __getitem__(self, name: str) -> Collection:
        if name not in self._by_name:
            raise IndexNotFoundError(f"found no collection '{name}'; GET /v1/collections lists those served")
        return self._by_name[name]

    def ready(self, name: str) -> Index:
        """Return the index of a ready collection. Raises IndexNotFoundError and NotReadyError."""
        return _ready(self[name])

    def check_ready(self) -> None:
        """Raise NotReadyError, with the number of ready ones, for the first collection that is not ready."""
        ready = sum(collection.state == "ready" for collection in self)
        for collection in self:
            try:
                _ready(collection)
            except NotReadyError as error:
                raise NotReadyError(f"{ready} of {len(self._by_name)} collections are ready; {error}") from None

    def close(self) -> None:
        """Close every index. No search may be running."""
        for collection in self:
            collection.index.close()


def _ready(collection: Collection) -> Index:
    if collection.state == "ready":
        return collection.index
    raise NotReadyError(f"collection '{collection.index.name}' {_WHY_NOT[collection.state]}")


def folders_in(directory: Path) -> list[Path]:
    """Return the collections in a folder, ordered by name."""
    return [folder for folder in sorted(directory.iterdir()) if is_collection(folder)]


def _collection_folders(directory: Path) -> list[Path]:
    if not directory.is_dir():
        raise IndexNotFoundError(f"{directory}: no such folder, expected a collection or a folder of them")
    if is_collection(directory):
        return [directory.resolve()]
    found = folders_in(directory)
    if not found:
        raise IndexNotFoundError(f"{directory}: found no collection there; make one with `seismic build`")
    return found
