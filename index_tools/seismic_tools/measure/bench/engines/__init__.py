"""The engines that are measured, a module each.

The modules run in two places: here, for their lists of knobs, and in the environment of the engine that they drive,
where there is neither this project nor what it depends on. So they import numpy and the standard library, and their
engine inside functions; and they are imported one by one, by name.
"""

from importlib import import_module

from .base import Engine

NAMES = ("ours", "pyseismic-lsr", "sindi", "bmp", "kannolo")


def load_engine(name: str) -> Engine:
    """The engine of that name."""
    engine: Engine = import_module(f"{__name__}.{name.replace('-', '_')}").ENGINE()
    return engine
