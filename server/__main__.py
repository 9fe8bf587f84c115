"""`python -m server`, which `seismic serve` becomes."""

import sys


def main() -> None:
    """Run the command. A wrong SEISMIC_SIMD, with which nothing can be imported, ends in one line."""
    try:
        from server.command import cli
    except ImportError as error:
        if error.name != "SEISMIC_SIMD":
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    cli(prog_name="seismic serve")


if __name__ == "__main__":
    main()
