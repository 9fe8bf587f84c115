"""Arrays by the type of their elements.

To mypy they hold anything: Numba checks these types when it compiles, and what a kernel takes out of an array is a
machine word, not the NumPy scalar that mypy would see.
"""

from typing import Any, TypeAlias

import numpy.typing as npt

F32: TypeAlias = npt.NDArray[Any]
F64: TypeAlias = npt.NDArray[Any]
I8: TypeAlias = npt.NDArray[Any]
I32: TypeAlias = npt.NDArray[Any]
I64: TypeAlias = npt.NDArray[Any]
U8: TypeAlias = npt.NDArray[Any]
U16: TypeAlias = npt.NDArray[Any]
U32: TypeAlias = npt.NDArray[Any]
U64: TypeAlias = npt.NDArray[Any]
Bool: TypeAlias = npt.NDArray[Any]

Ids: TypeAlias = npt.NDArray[Any]
"""Components: uint16, or uint32 where the vocabulary has more than 65,536."""

Numeric: TypeAlias = npt.NDArray[Any]
"""Any number type: the kernel is compiled for each."""
