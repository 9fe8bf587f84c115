"""The decorator of all kernels, and the folder that caches machine code between processes."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar, overload

import numba

from seismic.kernels.cpu import FORM, JIT_DISABLED

F = TypeVar("F", bound=Callable[..., object])


def _cache_folder() -> Path:
    """Return the cache folder for this state of the kernels' source. Numba does not notice changes of callees in other
    files."""
    digest = blake2b(FORM.encode(), digest_size=8)
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
            f"kernels are compiled again in every process: {folder} is not writable ({error}); set SEISMIC_CACHE_DIR"
        )
        warnings.warn(message, RuntimeWarning, stacklevel=2)
        return False
    return True


CACHE_FOLDER = _cache_folder()
CACHING = not JIT_DISABLED and _writable(CACHE_FOLDER)


@contextmanager
def _numba_cache_in(folder: Path) -> Iterator[None]:
    """Set the cache folder while a function is decorated, when Numba reads it. Other users of Numba keep theirs."""
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(folder)
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


@overload
def jit(function: F) -> F: ...
@overload
def jit(*, inline: bool = ..., allocates: bool = ...) -> Callable[[F], F]: ...
def jit(function: F | None = None, *, inline: bool = False, allocates: bool = True) -> F | Callable[[F], F]:
    """Compile a kernel that runs without the GIL and divides by NumPy's rules.

    `inline`: for functions called per document or block. A call that passes a NamedTuple counts references of all its
    arrays; inlined, it hardly does. `allocates=False`: for functions that make no arrays; they count no references.
    """

    def compiled(function: F) -> F:
        with _numba_cache_in(CACHE_FOLDER):
            how = "always" if inline else "never"
            dispatcher: F = numba.njit(nogil=True, cache=CACHING, error_model="numpy", inline=how, _nrt=allocates)(
                function
            )
        return dispatcher

    return compiled if function is None else compiled(function)
