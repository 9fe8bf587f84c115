"""Entry point of the package's programs."""

import sys
from importlib import import_module


def run(module: str) -> None:
    """Call `main` of a module. Imports that fail for a reason that a user can mend end in one line."""
    try:
        import_module("seismic.clash").refuse_clash()  # here, because importing another package's `seismic` fails
        import_module(module).main()
    except ImportError as error:
        if error.name in ("SEISMIC_SIMD", "seismic"):
            problem = str(error)
        else:
            problem = import_module("seismic.extras").explain(error)
        if problem is None:
            raise
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
