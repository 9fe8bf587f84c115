"""`seismic keys`: create, list and revoke API keys."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seismic import SeismicError
from seismic_server.access.expiry import expiry_of, shown
from seismic_server.access.keys import Key, Role, create_key, read_keys, revoke_key

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

        seismic keys create --keys-file keys.json --name prometheus --role metrics --expires 90d --output metrics.key

        seismic keys revoke --keys-file keys.json shop
    """


@cli.command()
def create(
    keys_file: File,
    name: Annotated[str, typer.Option(help="Name of the key.", show_default=False)],
    role: Annotated[
        Role,
        typer.Option(help="read-only: search and read documents; admin: also change them; metrics: only /metrics."),
    ] = "read-only",
    collection: Annotated[
        list[str] | None, typer.Option(help="Collection the key is limited to; repeatable. Default: all.")
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="When the key expires: 12h, 90d or 52w from now, a date (its start in UTC), or a time with its zone. "
            "Default: never.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the key to a new file of mode 0600 instead of printing it."),
    ] = None,
) -> None:
    """Create a key and print it. It cannot be shown again."""
    until = None if expires is None else expiry_of(expires)
    secret = create_key(keys_file, name, role, collection or None, expires=until, output=output)
    typer.echo(f"key '{name}' in {output}" if output else secret)


@cli.command("list")
def list_keys(keys_file: File) -> None:
    """List the keys, without their secrets."""
    table = Table("id", "name", "role", "collections", "created", "expires", box=None)
    for key in read_keys(keys_file):
        collections = "all" if key.collections is None else ", ".join(key.collections)
        cells = (key.id, key.name, key.role, collections, f"{key.created:%Y-%m-%d}", _expiry(key))
        table.add_row(*map(Text, cells))  # as text: a name may look like markup
    console = Console(markup=False, emoji=False, highlight=False)  # likewise
    console.print(table)


def _expiry(key: Key) -> str:
    if key.expires is None:
        return "never"
    return f"expired {key.expires:%Y-%m-%d}" if key.is_expired() else shown(key.expires)


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
