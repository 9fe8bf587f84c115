"""How commands end on an error."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import NoReturn

import typer

from seismic_tools.terminal.sanitize import one_line

REFUSALS = ("SEISMIC_SIMD", "seismic")
"""Names of import errors that say in words what is wrong: a wrong variable, another package called seismic."""


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """End with one line and code 2 on errors of the project, of the system and of missing packages.

    Other errors keep their traceback.
    """
    try:
        yield
    except ImportError as error:
        if error.name in REFUSALS:
            _refuse(str(error))
        if (problem := import_module("seismic.extras").explain(error)) is None:
            raise
        _refuse(problem)
    except SystemError as error:
        if isinstance(error.__cause__, SystemExit | KeyboardInterrupt):  # a signal came while a kernel was called
            raise error.__cause__ from None
        raise
    except MemoryError as error:
        _refuse(f"not enough memory: {error or 'an allocation failed'}")
    except BrokenPipeError:
        raise  # click ends silently when the reader of a pipe has gone
    except OSError as error:
        failures = import_module("seismic.store.failures")
        _refuse(str(failures.storage_error("use", "a file", error)))
    except import_module("seismic").SeismicError as error:  # evaluated, and so imported, on an exception only
        _refuse(str(error))


def end_on_sigterm() -> None:
    """Let SIGTERM unwind the program like an exception, so that temporary folders are removed and processes ended."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def _refuse(message: str) -> NoReturn:
    typer.echo(f"error: {one_line(message)}", err=True)
    sys.exit(2)
