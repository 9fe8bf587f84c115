"""Array types, named by their elements.

To mypy they are arrays of Any: Numba checks the types when it compiles, and an element that a kernel reads is a machine
word, not the NumPy scalar that mypy would see.
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
"""Components: uint16, or uint32 if the dimension exceeds 65,536."""

Numeric: TypeAlias = npt.NDArray[Any]
"""Any numeric type; the kernel is compiled for each."""
