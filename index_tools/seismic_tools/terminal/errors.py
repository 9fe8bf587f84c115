"""How commands end on an error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import NoReturn

import typer


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """End with one line and code 2 on errors that the project raises on purpose; others keep their traceback."""
    try:
        yield
    except ImportError as error:
        if error.name != "SEISMIC_SIMD":
            raise
        _refuse(error)
    except import_module("seismic").SeismicError as error:  # evaluated, and so imported, on an exception only
        _refuse(error)


def _refuse(error: Exception) -> NoReturn:
    typer.echo(f"error: {error}", err=True)
    sys.exit(2)
