"""Adapters of the engines, one module per engine.

The modules run in two places: here, for their lists of knobs, and in the environment of their engine, which has neither
this project nor its dependencies. They therefore import only numpy and the standard library at the top, import their
engine inside functions, and are themselves imported by name.
"""

from importlib import import_module

from .base import Engine

NAMES = ("ours", "pyseismic-lsr", "sindi", "qdrant-edge", "bmp", "kannolo")


def load_engine(name: str) -> Engine:
    """Return the engine of that name."""
    engine: Engine = import_module(f"{__name__}.{name.replace('-', '_')}").ENGINE()
    return engine
