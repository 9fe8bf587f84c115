"""`seismic serve`: the service, configured by options, variables and a file."""

from typing import Any

import structlog
import typer

from seismic import SeismicError
from seismic_server.app import create_app
from seismic_server.observe.logs import configure_logging
from seismic_server.process.files import capacity
from seismic_server.process.options import with_settings
from seismic_server.process.server import listen, run
from seismic_server.settings import injected_variables, load_settings

log = structlog.get_logger("server")

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@cli.command()
@with_settings
def serve(given: dict[str, Any]) -> None:
    """Serve collections over REST.

    Every option is also an environment variable (SEISMIC_PORT) and a key of the
    TOML file (port = 8000). Options override variables, variables the file.

    Examples:

        seismic serve collections

        seismic serve collections/scifact --host 0.0.0.0 --port 8080 --threads 4

        SEISMIC_LOG_FORMAT=json seismic serve --config seismic.toml
    """
    try:
        settings = load_settings(**given)
        configure_logging(settings)
        if ignored := injected_variables():
            log.warning("variables set by an orchestrator are ignored", variables=ignored)
        app = create_app(settings)
        room = capacity(settings.max_connections)
        listener = listen(settings, room.backlog)
        room.log(settings.max_connections)
        run(app, settings, listener, room.connections)
    except SeismicError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


def main() -> None:
    """Run the command."""
    cli(prog_name="seismic serve")
