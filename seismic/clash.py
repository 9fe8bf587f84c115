"""Refuse to run beside another distribution whose package is called `seismic`, too."""

import sys
from importlib import metadata

OTHERS = ("pyseismic-lsr", "seismic")
"""Distributions on PyPI that install `seismic/__init__.py`. pip overwrites one by the other without a word."""


def refuse_clash() -> None:
    """Raise ImportError if the package `seismic` is not this one alone."""
    for name in OTHERS:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        raise ImportError(
            f"found {name} {version} beside seismic-search; both install a package called seismic and overwrite each "
            f"other's files. Install each into an environment of its own; here, run `pip uninstall {name} "
            "seismic-search`, then install one of them",
            name="seismic",
        )
    if not hasattr(sys.modules["seismic"], refuse_clash.__name__):
        raise ImportError(
            "found the package seismic without its __init__.py, which another package overwrote or removed; run "
            "`pip install --force-reinstall --no-deps seismic-search`",
            name="seismic",
        )
