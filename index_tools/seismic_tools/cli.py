"""The `seismic` command: `app` for typer, `main` for the shell."""

import sys
import warnings
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from seismic_tools.terminal.compiling import announce_compiling
from seismic_tools.terminal.errors import end_on_sigterm, errors_in_one_line

VERBS = {
    "build": "Build an index from files of documents with sparse vectors or texts.",
    "create": "Create an empty collection.",
    "drop": "Remove a collection.",
    "rename": "Rename a collection.",
    "alias": "Give a collection another name, or switch that name to another collection.",
    "list": "List the collections and aliases in a folder.",
    "export": "Write the documents of an index to a file.",
    "convert": "Convert files from one format to another, or the documents of a service.",
    "encode": "Encode texts into sparse vectors.",
    "encoder": "Add, list, check and time encoders of texts.",
    "upsert": "Add documents to a collection, replacing those with the same id.",
    "patch": "Change the payload and the vectors of documents.",
    "delete": "Delete documents from a collection by id or by a filter.",
    "columns": "List the columns of a collection, or add some.",
    "compact": "Merge all changes into a new generation.",
    "search": "Run one query.",
    "why": "Say why documents are or are not among the hits of a search.",
    "get": "Show documents by id, one JSON object per line.",
    "scroll": "List documents without a query, by id or by a column.",
    "serve": "Serve a folder of collections over REST.",
    "mcp": "Serve collections to language models over MCP.",
    "cluster": "Search a collection on several nodes.",
    "keys": "Create, list and revoke API keys of the service.",
    "evaluate": "Measure recall, effectiveness, latency and size.",
    "tune": "Find the fastest settings that reach a recall.",
    "warmup": "Compile all search kernels, once per machine.",
    "inspect": "Show what a collection holds, or the features of this CPU.",
    "verify": "Check an index for damage.",
    "generations": "List the generations of a collection.",
    "rollback": "Serve an earlier generation again.",
    "snapshot": "Save a collection to one file, or restore it.",
    "migrate": "Convert an index to the current format.",
    "gc": "Remove old generations that are not in use.",
    "scale": "Measure how build and search costs grow with the collection.",
    "synth": "Generate a synthetic collection of any size.",
    "bench": "Compare with other engines: time per query at equal recall, on one thread.",
}
"""Verb -> summary. The module of the same name in `commands` holds the command as its `app`."""


class Verbs(TyperGroup):
    """Import the module of a verb when the verb is used, so that `seismic --help` does not load the engine."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {verb: TyperCommand(verb, help=summary) for verb, summary in VERBS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the name, the command and the remaining arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None:
            module = import_module(f"seismic_tools.commands.{name}")
            command = typer.main.get_command(module.app)
            loads = "numba" in sys.modules or hasattr(module, "seismic")
            if loads and not ctx.resilient_parsing:  # which completion does
                announce_compiling()
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        """Run a verb; errors of the project end in one line."""
        with errors_in_one_line():
            import_module("seismic.clash").refuse_clash()
            return super().invoke(ctx)


app = typer.Typer(cls=Verbs, no_args_is_help=True, pretty_exceptions_enable=False)


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
    """Build, search, serve and measure indexes of learned sparse vectors.

    Examples:

        seismic build documents.parquet scifact --vocabulary vocab.txt

        seismic search scifact --tokens '{"planet": 2.1, "orbit": 0.7}'

        seismic serve .
    """


def main() -> None:
    """Run the command; SIGTERM unwinds it like an exception, and warnings take one line."""
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"
    warnings.showwarning = lambda message, *_: typer.echo(f"warning: {message}", err=True)
    end_on_sigterm()
    app(prog_name="seismic")


if __name__ == "__main__":
    main()
