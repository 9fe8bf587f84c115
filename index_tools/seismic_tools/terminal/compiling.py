"""Say that kernels are compiled, which takes a while and happens once per machine."""

from typing import Any

import typer


def announce_compiling() -> None:
    """Print one line on standard error before the first kernel is compiled; none if the cache has all kernels."""
    from numba.core import event

    from seismic.kernels.jit import CACHE_FOLDER, CACHING

    class Announcement(event.Listener):  # type: ignore[misc]
        printed = False

        def on_start(self, event: Any) -> None:
            if not self.printed and event.data["dispatcher"].__module__.startswith("seismic"):
                self.printed = True
                often = f"once per machine, cached in {CACHE_FOLDER}" if CACHING else "in every process: no cache"
                typer.echo(f"compiling kernels, about a minute ({often})", err=True)

        def on_end(self, event: Any) -> None:
            """Print nothing."""

    event.register("numba:compile", Announcement())
