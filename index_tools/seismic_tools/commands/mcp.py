"""`seismic mcp`: serve collections to language models."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def mcp(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of collections, or of one collection.")
    ] = Path(),
) -> None:
    """Serve collections to language models over MCP.

    Clients get the tools list_collections, search and get. A client starts
    this command itself; see docs/integrations.md.

    Examples:

        seismic mcp collections
    """
    from seismic.integrations.mcp import make_server  # the verb's help does not need the extra `mcp`

    make_server(directory).run()
