"""The `seismic` command: `app` for typer, `main` for the shell."""

import signal
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from seismic_tools.terminal.errors import errors_in_one_line

VERBS = {
    "build": "Build an index from files of documents with sparse vectors, or texts.",
    "convert": "Turn files of one format into another.",
    "encode": "Make vectors of texts.",
    "upsert": "Put documents into a collection; those whose id is there are replaced.",
    "delete": "Take documents out of a collection, all of them or, if an id is wrong, none.",
    "compact": "Publish a generation of the documents that are there now.",
    "search": "Answer one query from the shell.",
    "serve": "Serve a folder of collections over REST.",
    "keys": "Make, list and revoke API keys of the service.",
    "evaluate": "Measure recall, effectiveness, latency and size.",
    "tune": "Measure what keeps a recall you ask for.",
    "inspect": "Show what is inside an index.",
    "verify": "Look for damage in an index.",
    "generations": "List the generations of a collection.",
    "rollback": "Serve another generation.",
    "snapshot": "Save a collection as one file, or restore it.",
    "migrate": "Publish an index of an older format in today's.",
    "gc": "Remove old generations that nobody has open.",
    "scale": "Measure how building and searching grow with the collection.",
    "synth": "Make a collection of any size, for tests of speed and size.",
    "bench": "Compare with other engines: time per query at equal recall, on one thread.",
}
"""Verb -> summary. A verb is the module of that name, whose `app` holds its command."""


class Verbs(TyperGroup):
    """Imports a verb's module when the verb is used: `seismic --help` need not load the engine."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {verb: TyperCommand(verb, help=summary) for verb, summary in VERBS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Name, command and remaining arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None:
            command = typer.main.get_command(import_module(f"seismic_tools.commands.{name}").app)
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        """Run a verb."""
        with errors_in_one_line():
            return super().invoke(ctx)


app = typer.Typer(cls=Verbs, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"seismic {import_module('seismic').__version__}")
        raise typer.Exit


@app.callback()
def seismic(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Learned-sparse retrieval: build indexes, search, serve and measure them.

    Examples:

        seismic build documents.parquet scifact --vocabulary vocab.txt

        seismic search scifact --tokens '{"planet": 2.1, "orbit": 0.7}'

        seismic serve .
    """


def main() -> None:
    """Run the command."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # unwinds, so temporary folders go
    app(prog_name="seismic")


if __name__ == "__main__":
    main()
