"""`python -m seismic_tools.dev.demo [--documents N] [--keep]`."""

import argparse
import sys

from seismic_tools.dev.demo.tour import DOCUMENTS, FEWEST, tour
from seismic_tools.terminal.errors import end_on_sigterm


def main() -> None:
    """Run the demo as the command line says."""
    parser = argparse.ArgumentParser(prog="make demo ARGS=", description="Build, compare, serve and search.")
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help=f"number of documents (default: {DOCUMENTS})")
    parser.add_argument("--keep", action="store_true", help="serve until interrupted")
    options = parser.parse_args()
    if options.documents < FEWEST:
        parser.error(f"--documents {options.documents}: expected at least {FEWEST}")
    end_on_sigterm()
    try:
        tour(documents=options.documents, keep=options.keep)
    except KeyboardInterrupt:
        sys.exit(0 if options.keep else 130)


if __name__ == "__main__":
    main()
