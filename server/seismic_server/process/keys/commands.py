"""`seismic keys`: create, list and revoke API keys."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seismic import SeismicError
from seismic_server.access.keys import Role, create_key, read_keys, revoke_key

cli = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

File = Annotated[
    Path, typer.Option("--keys-file", envvar="SEISMIC_KEYS_FILE", help="File of the keys' hashes.", show_default=False)
]


@cli.callback()
def keys() -> None:
    """Create, list and revoke API keys of the service.

    A service that runs with `--keys-file` applies changes within a second.

    Examples:

        seismic keys create --keys-file keys.json --name shop

        seismic keys create --keys-file keys.json --name indexer --role admin --collection scifact

        seismic keys revoke --keys-file keys.json shop
    """


@cli.command()
def create(
    keys_file: File,
    name: Annotated[str, typer.Option(help="Name of the key.", show_default=False)],
    role: Annotated[
        Role, typer.Option(help="read-only: search and read documents; admin: also change them.")
    ] = "read-only",
    collection: Annotated[
        list[str] | None, typer.Option(help="Collection the key is limited to; repeatable. Default: all.")
    ] = None,
) -> None:
    """Create a key and print it. It cannot be shown again."""
    typer.echo(create_key(keys_file, name, role, collection or None))


@cli.command("list")
def list_keys(keys_file: File) -> None:
    """List the keys, without their secrets."""
    table = Table("id", "name", "role", "collections", "created", box=None)
    for key in read_keys(keys_file):
        collections = "all" if key.collections is None else ", ".join(key.collections)
        cells = (key.id, key.name, key.role, collections, key.created.isoformat())
        table.add_row(*map(Text, cells))  # as text: a name may look like markup
    Console(markup=False, emoji=False, highlight=False).print(table)  # names may look like markup


@cli.command()
def revoke(keys_file: File, name: Annotated[str, typer.Argument(help="Name or id of the key.")]) -> None:
    """Revoke a key. A running service refuses it within a second."""
    revoke_key(keys_file, name)


def main() -> None:
    """Run the command."""
    try:
        cli(prog_name="seismic keys", standalone_mode=True)
    except SeismicError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(2) from None
