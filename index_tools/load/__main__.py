"""`python -m index_tools.load`."""

import typer

from index_tools.cli import errors_in_one_line

if __name__ == "__main__":
    with errors_in_one_line():
        from index_tools.load.command import main

        typer.run(main)
