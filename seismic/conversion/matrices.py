"""Convert sparse and dense matrices of other libraries to CSR arrays, without importing those libraries."""

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from seismic.errors import VectorError


class Csr(NamedTuple):
    """CSR arrays [n, dimension], with the components of every row sorted."""

    indptr: npt.NDArray[Any]
    indices: npt.NDArray[Any]
    values: npt.NDArray[Any]
    dimension: int


class _Tensor(Protocol):
    """The part of torch.Tensor that is used here."""

    layout: Any
    ndim: int
    shape: Any

    def __getattr__(self, name: str) -> Any: ...


def is_matrix(data: object) -> bool:
    """Return whether `to_csr` converts objects of this type."""
    return _is_scipy(data) or _is_torch(data) or isinstance(data, np.ndarray)


def to_csr(data: Any) -> Csr:
    """Convert a scipy sparse matrix or array, a torch tensor or a dense NumPy array. One axis makes one row.

    Entries of COO matrices with equal coordinates are summed, as their libraries define them. Raises VectorError.
    """
    if _is_torch(data):
        return _from_torch(data)
    return _from_scipy(data) if _is_scipy(data) else _from_dense(data)


def _is_scipy(data: object) -> bool:
    return hasattr(data, "tocsr") and isinstance(getattr(data, "format", None), str)


def _is_torch(data: object) -> bool:
    return type(data).__module__.split(".")[0] == "torch" and hasattr(data, "layout")


def _from_scipy(matrix: Any) -> Csr:
    if matrix.dtype.kind not in "fiu":
        raise VectorError(f"found {matrix.dtype} values, expected floats", field="values")
    if matrix.ndim == 1:
        matrix = matrix.reshape((1, -1))
    if matrix.format != "csr":
        matrix = matrix.tocsr()
    if not matrix.has_sorted_indices:
        matrix = matrix.sorted_indices()  # a copy
    return Csr(matrix.indptr, matrix.indices, matrix.data, int(matrix.shape[1]))


def _from_torch(tensor: _Tensor) -> Csr:
    layout = str(tensor.layout).removeprefix("torch.")
    tensor = tensor.detach().cpu()
    if layout == "strided":
        return _from_dense(_numpy(tensor))
    if layout not in ("sparse_coo", "sparse_csr", "sparse_csc") or tensor.ndim not in (1, 2):
        found = f"a torch tensor of layout {layout} and {tensor.ndim} axes"
        raise VectorError(f"found {found}, expected one or two axes; call .to_sparse_coo() on a matrix")
    if layout != "sparse_coo":
        tensor = tensor.to_sparse_coo()
    tensor = tensor.coalesce()
    indices, dimension = tensor.indices().numpy(), int(tensor.shape[-1])
    rows = indices[0] if tensor.ndim == 2 else np.zeros(indices.shape[1], np.int64)
    counts = np.bincount(rows, minlength=int(tensor.shape[0]) if tensor.ndim == 2 else 1)
    return Csr(np.concatenate([[0], np.cumsum(counts)]), indices[-1], _numpy(tensor.values()), dimension)


def _numpy(tensor: Any) -> npt.NDArray[Any]:
    """Return a dense tensor as floats, including types that NumPy lacks, such as bfloat16."""
    array: npt.NDArray[Any] = (tensor if str(tensor.dtype) == "torch.float64" else tensor.float()).numpy()
    return array


def _from_dense(array: npt.NDArray[Any]) -> Csr:
    if array.dtype.kind not in "fiu" or array.ndim not in (1, 2):
        found = f"an array of {array.dtype} with {array.ndim} axes"
        raise VectorError(f"found {found}, expected numbers with one or two axes")
    matrix = np.atleast_2d(array)
    rows, columns = np.nonzero(matrix)
    counts = np.bincount(rows, minlength=len(matrix))
    return Csr(np.concatenate([[0], np.cumsum(counts)]), columns, matrix[rows, columns], matrix.shape[1])
