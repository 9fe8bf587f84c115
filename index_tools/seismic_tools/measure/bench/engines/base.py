"""The interface of an engine. Runs in the environments of rivals: numpy and the standard library only."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Knobs: TypeAlias = dict[str, Any]
"""Parameters of a build or a search by the names of their engine, with values that JSON can hold."""


class Vectors(NamedTuple):
    """Sparse vectors, CSR: ``indptr`` int64 [n + 1], ``components`` uint32 [nnz] and ``values`` float32 [nnz]."""

    indptr: npt.NDArray[np.int64]
    components: npt.NDArray[np.uint32]
    values: npt.NDArray[np.float32]

    @classmethod
    def load(cls, folder: Path) -> "Vectors":
        """Map the arrays that `save` wrote."""
        return cls(*(np.load(folder / f"{field}.npy", mmap_mode="r") for field in cls._fields))

    def save(self, folder: Path) -> None:
        """Write one file per array."""
        folder.mkdir(parents=True)
        np.save(folder / "indptr.npy", self.indptr)
        np.save(folder / "components.npy", self.components)
        np.save(folder / "values.npy", self.values)

    def rows(self) -> list[tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32]]]:
        """Return (components, values) of every vector, as views."""
        ends = self.indptr[1:-1]
        return list(zip(np.split(self.components, ends), np.split(self.values, ends), strict=True))

    def first(self, count: int) -> "Vectors":
        """Return the first `count` vectors."""
        end = self.indptr[: count + 1][-1]
        return Vectors(self.indptr[: count + 1], self.components[:end], self.values[:end])


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of a collection; `longest` is the number of components of its longest vector."""

    documents: int
    dimension: int
    nnz: int
    longest: int


class Setting(NamedTuple):
    """Knobs of a search. `exact`: the engine guarantees the top k of the values it stores."""

    knobs: Knobs
    exact: bool = False


class Engine(ABC):
    """An engine that builds an index into a folder, opens it in another process, and searches it on one thread.

    `calls` names the calls that are timed: `one` answers one query; `batch`, if it exists, answers many with less
    Python overhead per query. The first call is the cheapest one, which tables compare.
    """

    name: ClassVar[str]
    requirement: ClassVar[str | None]
    """Requirement for pip; None for this project."""
    calls: ClassVar[dict[str, str]]
    ordered: ClassVar[bool] = False
    """Whether its users place similar documents together before they index them."""

    @abstractmethod
    def builds(self, shape: Shape, quick: bool) -> list[Knobs]:
        """Return the builds to try."""

    @abstractmethod
    def settings(self, build: Knobs, k: int, quick: bool) -> list[Setting]:
        """Return the settings to try on an index of that build."""

    def prepare(self, shape: Shape) -> None:  # noqa: B027
        """Do work that an installation does once, before a build is timed."""

    @abstractmethod
    def build(self, vectors: Vectors, shape: Shape, folder: Path, knobs: Knobs, threads: int) -> None:
        """Build an index and save it in the empty `folder`. Document number = row."""

    @abstractmethod
    def open(self, shape: Shape, folder: Path, knobs: Knobs) -> None:
        """Open the index that `build` saved."""

    @abstractmethod
    def query(self, components: npt.NDArray[np.uint32], values: npt.NDArray[np.float32]) -> Any:
        """Return a query in the form that users of the engine have. Not timed."""

    @abstractmethod
    def searcher(self, k: int, knobs: Knobs) -> Callable[[Any], Any]:
        """Return the timed call for one query, with all work done that does not depend on the query."""

    @abstractmethod
    def numbers(self, answer: Any) -> list[int]:
        """Return the document numbers of an answer of `searcher`."""

    def batch_searcher(self, queries: Vectors, k: int, knobs: Knobs) -> Callable[[], npt.NDArray[np.int64]]:
        """Return the timed call for many queries, which returns document numbers [n, k]. Engines with the call `batch`
        have it."""
        raise NotImplementedError
