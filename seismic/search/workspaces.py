"""Scratch arrays of searches."""

import numpy as np
import numpy.typing as npt

from seismic.kernels import accumulate, lists, visit
from seismic.kernels.best import room_for


class Workspaces:
    """One thread's scratch arrays, made when first needed."""

    def __init__(self) -> None:
        self._dimension, self._documents = 0, 0
        self._exact: visit.Workspace | None = None
        self._accumulate: accumulate.Workspace | None = None
        self._blocks: lists.Workspace | None = None
        self._flag = np.zeros(1, np.uint8)

    def fit(self, dimension: int, documents: int, flag: npt.NDArray[np.uint8]) -> None:
        """Take shards of up to so many documents from now on; searches end once `flag` uint8 [1] is set."""
        self._flag = flag
        if dimension != self._dimension or documents > self._documents:
            self._dimension, self._documents = dimension, documents
            self._exact = self._blocks = None

    def for_exact(self) -> visit.Workspace:
        """For the plan `exact`."""
        if self._exact is None:
            self._exact = visit.make_exact_workspace(self._dimension, self._documents)
        return self._exact._replace(stop=self._flag)

    def for_accumulate(self, k: int) -> accumulate.Workspace:
        """For the plan `exact` by adding up, and up to k hits."""
        if self._accumulate is None or len(self._accumulate.best.keys) < room_for(k, accumulate.GROUP):
            self._accumulate = accumulate.make_accumulate_workspace(k)
        return self._accumulate._replace(stop=self._flag)

    def for_blocks(self, blocks: int) -> lists.Workspace:
        """For searches that estimate up to so many blocks, padding included."""
        if self._blocks is None or len(self._blocks.order) < blocks:
            self._blocks = lists.make_workspace(self._dimension, self._documents, blocks)
        return self._blocks._replace(stop=self._flag)
