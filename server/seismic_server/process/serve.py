"""`seismic serve`: the service, configured by options, variables and a file."""

from typing import Any

import structlog
import typer

from seismic import SeismicError
from seismic_server.access.keys import read_keys
from seismic_server.collections.folders import collection_folders
from seismic_server.observe.exposition import SUPERVISOR
from seismic_server.observe.logs import configure_logging
from seismic_server.process.files import capacity
from seismic_server.process.options import with_settings
from seismic_server.process.placement import placed
from seismic_server.process.server import listen, log_address, run, tls_options
from seismic_server.settings import Settings, injected_variables, load_settings

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
        code = (_serve_alone if settings.processes == 1 else _serve_together)(settings)
    except SeismicError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(code)


def _serve_alone(settings: Settings) -> int:
    """Serve in this process."""
    from seismic_server.app import create_app  # which a supervisor does not need

    _start_logging(settings)
    with placed(settings) as settings:
        app = create_app(settings)
        room = capacity(settings.max_connections)
        listener = listen(settings, room.backlog)
        room.log(settings.max_connections)
        run(app, settings, listener, room.connections)
    return 0


def _serve_together(settings: Settings) -> int:
    """Serve in several processes, which this one supervises. What all of them would refuse is refused here, once."""
    from seismic_server.process.supervisor import supervise

    _start_logging(settings, SUPERVISOR)
    collection_folders(settings.directory)
    if settings.keys_file:
        read_keys(settings.keys_file)
    tls_options(settings)
    own = settings.of_one_process()
    room = capacity(own.max_connections)
    with placed(settings) as settings, listen(settings, room.backlog) as listener:
        room.log(own.max_connections, processes=settings.processes, threads=own.threads)
        log_address(settings, listener)
        return supervise(settings, listener)


def _start_logging(settings: Settings, process: str | None = None) -> None:
    configure_logging(settings, process)
    if ignored := injected_variables():
        log.warning("variables set by an orchestrator are ignored", variables=ignored)


def main() -> None:
    """Run the command."""
    cli(prog_name="seismic serve")
