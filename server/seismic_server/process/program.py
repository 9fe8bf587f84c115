"""Entry point of the package's programs."""

import sys
from importlib import import_module


def run(module: str) -> None:
    """Call `main` of a module. A wrong SEISMIC_SIMD, which makes every import fail, ends in one line."""
    try:
        import_module(module).main()
    except ImportError as error:
        if error.name != "SEISMIC_SIMD":
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
