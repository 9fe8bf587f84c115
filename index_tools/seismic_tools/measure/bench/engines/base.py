"""What an engine has to offer to be measured. Runs in a rival's environment: numpy and the standard library only."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Knobs: TypeAlias = dict[str, Any]
"""Parameters of a build, or of searches, by the names that their engine gives them; JSON can hold them."""


class Vectors(NamedTuple):
    """Sparse vectors, CSR: ``indptr`` int64 [n + 1], ``components`` uint32 [nnz] and ``values`` float32 [nnz]."""

    indptr: npt.NDArray[np.int64]
    components: npt.NDArray[np.uint32]
    values: npt.NDArray[np.float32]

    @classmethod
    def load(cls, folder: Path) -> "Vectors":
        """What `save` wrote, memory-mapped."""
        return cls(*(np.load(folder / f"{field}.npy", mmap_mode="r") for field in cls._fields))

    def save(self, folder: Path) -> None:
        """A file per array."""
        folder.mkdir(parents=True)
        np.save(folder / "indptr.npy", self.indptr)
        np.save(folder / "components.npy", self.components)
        np.save(folder / "values.npy", self.values)

    def rows(self) -> list[tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32]]]:
        """(components, values) of every vector, as views."""
        ends = self.indptr[1:-1]
        return list(zip(np.split(self.components, ends), np.split(self.values, ends), strict=True))

    def first(self, count: int) -> "Vectors":
        """The first `count` vectors."""
        end = self.indptr[: count + 1][-1]
        return Vectors(self.indptr[: count + 1], self.components[:end], self.values[:end])


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a collection: `longest` counts the components of its longest vector."""

    documents: int
    dimension: int
    nnz: int
    longest: int


class Setting(NamedTuple):
    """Knobs of a search. `exact`: with them, the engine promises the true top k of the values it stores."""

    knobs: Knobs
    exact: bool = False


class Engine(ABC):
    """Builds an index from vectors into a folder, opens it in another process, and searches it on one thread.

    `calls` names what is timed: `one` is the call that answers one query; `batch`, where it exists, answers many and
    costs less Python per query. The first is the engine's cheapest way to be asked, and the one tables compare.
    """

    name: ClassVar[str]
    requirement: ClassVar[str | None]
    """What pip installs for it; None: this project."""
    calls: ClassVar[dict[str, str]]
    ordered: ClassVar[bool] = False
    """Whether its users order similar documents beside each other before they index them."""

    @abstractmethod
    def builds(self, shape: Shape, quick: bool) -> list[Knobs]:
        """The builds to try."""

    @abstractmethod
    def settings(self, build: Knobs, k: int, quick: bool) -> list[Setting]:
        """The settings to try on an index of that build."""

    def prepare(self, shape: Shape) -> None:  # noqa: B027
        """What an installation does once, and a build should not be charged for."""

    @abstractmethod
    def build(self, vectors: Vectors, shape: Shape, folder: Path, knobs: Knobs, threads: int) -> None:
        """Build, and save in `folder`, which is empty. Document number = row."""

    @abstractmethod
    def open(self, shape: Shape, folder: Path, knobs: Knobs) -> None:
        """Open what `build` saved, for the searches to come."""

    @abstractmethod
    def query(self, components: npt.NDArray[np.uint32], values: npt.NDArray[np.float32]) -> Any:
        """A query as the engine's users hold it. Not timed."""

    @abstractmethod
    def searcher(self, k: int, knobs: Knobs) -> Callable[[Any], Any]:
        """The timed call for one query. What does not depend on the query is done before."""

    @abstractmethod
    def numbers(self, answer: Any) -> list[int]:
        """The documents of an answer of `searcher`."""

    def batch_searcher(self, queries: Vectors, k: int, knobs: Knobs) -> Callable[[], npt.NDArray[np.int64]]:
        """The timed call for many queries, which returns document numbers [n, k]; where there is the call `batch`."""
        raise NotImplementedError
