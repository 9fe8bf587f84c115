"""The state of a part that a request is answered from, and what its message asks: types and ranges are checked here."""

import math
from typing import Any, NamedTuple, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from seismic.cluster.states import History
from seismic.cluster.wire import Message
from seismic.conversion.plain import excerpt
from seismic.errors import InputError, ParameterError
from seismic.layouts import Plan
from seismic.params import Params
from seismic.planner import Choice
from seismic.query import MAX_COMPONENTS, QUERY_DIMENSION, SAFE_MAX, SAFE_MIN, Query
from seismic.vectors import SparseVectors
from seismic.view.view import View

P = TypeVar("P", bound=Params)

I64s = npt.NDArray[np.int64]

MOST_HITS = 1 << 26
"""Most numbers and scores of one answer."""


class State(NamedTuple):
    """A view of a part, and where its document numbers lie in those of the collection."""

    view: View
    history: History

    def outer(self, numbers: I64s) -> I64s:
        """Return the collection's numbers of a part's documents; negative ones stay."""
        base, total = self.history.documents, self.history.manifest.documents
        shifted = numbers + self.history.first
        if self.view.deltas:
            shifted = np.where(numbers < base, shifted, numbers - base + total)
        return np.where(numbers < 0, numbers, shifted)

    def inner(self, numbers: I64s) -> I64s:
        """Return the part's numbers of the collection's documents, -1 for those of other parts."""
        base, first, total = self.history.documents, self.history.first, self.history.manifest.documents
        in_base = (numbers >= first) & (numbers < first + base)
        changed = (numbers >= total) & (numbers < total + self.view.firsts[-1] - base)
        return np.where(in_base, numbers - first, np.where(changed, numbers - total + base, -1))

    def known(self, message: Message) -> I64s:
        """Return the part's numbers of the documents that a message names. Raises InputError if one is elsewhere."""
        numbers = self.inner(array_in(message, "numbers", np.int64))
        if (numbers < 0).any():
            raise InputError("numbers: found a document of another part")
        return numbers


def queries_of(state: State, message: Message) -> SparseVectors:
    """Return the checked queries of a message: kernels trust components."""
    indptr = array_in(message, "indptr", np.int64)
    components, values = array_in(message, "components", np.uint32), array_in(message, "values", np.float32)
    dimension = state.view.dimension
    if len(indptr) == 2 and _is_plain(indptr.tolist(), components.tolist(), values.tolist(), dimension):
        for array in (indptr, components, values):
            array.flags.writeable = False  # as kernels are compiled for
        return SparseVectors(indptr, components, values, QUERY_DIMENSION)
    queries = SparseVectors.from_arrays(indptr, components, values, QUERY_DIMENSION)
    if (longest := int(np.diff(indptr).max(initial=0))) > MAX_COMPONENTS:
        raise ParameterError(f"components: found {longest} of a query, expected at most {MAX_COMPONENTS}")
    if len(components) and int(components.max()) >= dimension:
        raise ParameterError(f"components: found {components.max()}, expected less than {dimension}")
    return queries


def _is_plain(indptr: list[int], components: list[int], values: list[float], dimension: int) -> bool:
    """Return whether arrays are one good query. Its few components are checked faster as lists, like `plain_query`."""
    return (
        indptr == [0, len(values)]
        and 0 < len(components) == len(values) <= MAX_COMPONENTS
        and components[-1] < dimension
        and sorted(set(components)) == components
        and min(values) > SAFE_MIN
        and max(values) < SAFE_MAX
        and sum(values) > 0  # it may be NaN
    )


def query_of(state: State, message: Message) -> Query:
    """Return the query of a message, with those of its examples that are documents of this part."""
    queries = queries_of(state, message)
    examples = state.inner(array_in(message, "examples", np.int64))
    components = queries.components.astype(np.uint32)
    return Query(components, queries.values, examples=tuple(examples[examples >= 0].tolist()))


def choice_of(message: Message) -> Choice:
    """Return the plan of a message and its knobs."""
    given = list_in(message, "choice")
    if len(given) != 4 or given[0] not in get_args(Plan) or type(given[1]) is not int:
        raise ParameterError(f"choice: found {excerpt(given)}, expected a plan and its three knobs")
    return Choice(given[0], given[1], number_in(given[2], "heap_factor"), number_in(given[3], "bound_share"))


def number_in(value: Any, name: str) -> float:
    """Return a number from 0. Raises ParameterError."""
    if not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ParameterError(f"{name}: found {excerpt(value)}, expected a number from 0")
    return float(value)


def model_in(kind: type[P], content: Any) -> P:
    """Return a model made of an object. Raises ParameterError."""
    if not isinstance(content, dict):
        raise ParameterError(f"by: found {type(content).__name__}, expected an object")
    return kind(**content)


def array_in(message: Message, name: str, dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Return an array of a message with one axis. Raises ParameterError."""
    array = message.arrays.get(name)
    if array is None or array.dtype != dtype or array.ndim != 1:
        raise ParameterError(f"{name}: expected an array of {np.dtype(dtype)} with one axis")
    return array


def generation_of(message: Message) -> tuple[str, str | None]:
    """Return the generation that a message names, and its fingerprint; None: any generation of that number."""
    fingerprint = message.head.get("fingerprint")
    if not isinstance(fingerprint, str | None):
        raise ParameterError(f"fingerprint: found {excerpt(fingerprint)}, expected text")
    return str(message.head.get("generation")), fingerprint


def list_in(message: Message, name: str) -> list[Any]:
    """Return a list of a message. Raises ParameterError."""
    value = message.head.get(name)
    if not isinstance(value, list):
        raise ParameterError(f"{name}: found {type(value).__name__}, expected a list")
    return value


def count_in(message: Message, name: str) -> int:
    """Return a count of a message. Raises ParameterError."""
    value = message.head.get(name)
    if type(value) is not int or not 0 <= value <= MOST_HITS:
        raise ParameterError(f"{name}: found {excerpt(value)}, expected an integer from 0 to {MOST_HITS}")
    return value
