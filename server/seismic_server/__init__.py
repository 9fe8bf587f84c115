"""The REST service over a folder of collections.

>>> from seismic_server import Settings, create_app
>>> app = create_app(Settings(directory="collections"))     # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seismic_server.app import create_app
    from seismic_server.settings import Settings

__all__ = ["Settings", "create_app"]


def __getattr__(name: str) -> Any:
    """Import on first use, so that `python -m seismic_server` can report in words why the engine cannot be imported."""
    if name in __all__:
        return getattr(import_module(f"seismic_server.{'app' if name == 'create_app' else 'settings'}"), name)
    raise AttributeError(f"module 'seismic_server' has no attribute {name!r}")
