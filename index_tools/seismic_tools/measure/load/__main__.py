"""`python -m seismic_tools.measure.load`."""

import typer

from seismic_tools.terminal.errors import errors_in_one_line

if __name__ == "__main__":
    with errors_in_one_line():
        from seismic_tools.measure.load.command import main

        typer.run(main)
