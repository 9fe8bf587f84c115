"""`seismic keys`: hand over to the service, which owns the keys."""

import typer

from seismic_tools.commands.serve import PASS_ALL, hand_over

app = typer.Typer(add_completion=False)


@app.command(add_help_option=False, context_settings=PASS_ALL)
def keys(context: typer.Context) -> None:
    """Create, list and revoke API keys of the service."""
    hand_over("seismic_server.process.keys", context.args)
