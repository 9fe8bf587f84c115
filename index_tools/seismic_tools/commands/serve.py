"""`seismic serve`: hand over to the service, which has its own options."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import typer

PASS_ALL: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True}

app = typer.Typer(add_completion=False)


@app.command(add_help_option=False, context_settings=PASS_ALL)
def serve(context: typer.Context) -> None:
    """Serve a folder of collections over REST."""
    hand_over("seismic_server", context.args)


def hand_over(module: str, arguments: Sequence[str]) -> NoReturn:
    """Replace this process by a program of the service."""
    if "SEISMIC_SIMD" in os.environ:
        import_module("seismic.kernels.cpu")  # so that a wrong value ends in one line here
    # `-m` puts the working folder first on the path, where a user's module would hide one of ours: keep it off the
    # path unless it is on ours.
    safe = [] if os.getcwd() in sys.path else ["-P"]
    os.execv(sys.executable, [sys.executable, *safe, "-m", module, *arguments])
