"""The decorator every kernel wears, and the folder where machine code is kept between processes."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numba
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
"""An array whose element type a kernel leaves open: Numba compiles it for each."""

F = TypeVar("F", bound=Callable[..., object])

SUMS = {"reassoc", "contract", "nsz"}
"""Fast-math flags for scoring sums. Full fastmath would break NaN and -inf sentinels and gains nothing more."""

JIT_DISABLED = bool(numba.config.DISABLE_JIT)
SIMD_SETTING = os.environ.get("SEISMIC_SIMD", "auto")


def _cache_folder() -> Path:
    """One folder per state of the kernels' source: Numba does not see that a callee in another file changed."""
    digest = blake2b(SIMD_SETTING.encode(), digest_size=8)
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    base = os.environ.get("SEISMIC_CACHE_DIR") or Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "seismic"
    )
    return Path(base, "kernels", digest.hexdigest())


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        message = (
            f"kernels will be compiled anew in every process: {folder} is not writable ({error}); set SEISMIC_CACHE_DIR"
        )
        warnings.warn(message, RuntimeWarning, stacklevel=2)
        return False
    return True


CACHE_FOLDER = _cache_folder()
_CACHING = not JIT_DISABLED and _writable(CACHE_FOLDER)


@contextmanager
def _numba_cache_in(folder: Path) -> Iterator[None]:
    """Numba reads its cache folder when a function is decorated; other users of Numba keep theirs."""
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(folder)
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


def jit(function: F | None = None, *, sums: bool = False) -> F:
    """Compile without the GIL; NumPy's rules for division; `sums` allows sums to be reordered."""
    if function is None:
        return lambda f: jit(f, sums=sums)  # type: ignore[return-value]
    with _numba_cache_in(CACHE_FOLDER):
        return numba.njit(  # type: ignore[no-any-return]
            nogil=True, cache=_CACHING, error_model="numpy", fastmath=SUMS if sums else False
        )(function)
