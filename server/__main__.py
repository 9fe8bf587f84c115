"""The command behind `seismic serve`."""

import contextlib
import socket
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
import uvicorn

from seismic import ParameterError, SeismicError
from server.app import create_app
from server.logs import configure_logging
from server.settings import Settings, load_settings

SHUTDOWN_SECONDS = 10
"""How long requests that are still running may hold up the end of the process."""

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _option(name: str) -> Any:
    return typer.Option(f"--{name.replace('_', '-')}", help=_help(name), show_default=False)


def _help(name: str) -> str:
    field = Settings.model_fields[name]
    default = "" if field.is_required() or field.default is None else f" (default: {field.default})"
    return f"{field.description}{default}"


_ARGUMENT = typer.Argument(metavar="DIR", help=_help("directory"), show_default=False)


@cli.command()
def serve(
    directory: Annotated[Path | None, _ARGUMENT] = None,
    host: Annotated[str | None, _option("host")] = None,
    port: Annotated[int | None, _option("port")] = None,
    threads: Annotated[int | None, _option("threads")] = None,
    queue: Annotated[int | None, _option("queue")] = None,
    max_limit: Annotated[int | None, _option("max_limit")] = None,
    max_batch: Annotated[int | None, _option("max_batch")] = None,
    max_body_bytes: Annotated[int | None, _option("max_body_bytes")] = None,
    reload_ms: Annotated[int | None, _option("reload_ms")] = None,
    verify: Annotated[str | None, _option("verify")] = None,
    compact_percent: Annotated[int | None, _option("compact_percent")] = None,
    log_level: Annotated[str | None, _option("log_level")] = None,
    log_format: Annotated[str | None, _option("log_format")] = None,
    config: Annotated[Path | None, _option("config")] = None,
) -> None:
    """Serve collections over REST.

    Every option is also a variable (SEISMIC_PORT) and a key of the TOML file
    (port = 8000). Options win over variables, variables over the file.

    Examples:

        seismic serve collections

        seismic serve collections/scifact --host 0.0.0.0 --port 8080 --threads 4

        SEISMIC_LOG_FORMAT=json seismic serve --config seismic.toml
    """
    options = dict(locals())
    try:
        settings = load_settings(**options)
        configure_logging(settings)
        app = create_app(settings)
        listener = listen(settings)
    except SeismicError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    structlog.get_logger("server").info("listening", url=_url(listener))
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=SHUTDOWN_SECONDS)
    )
    with contextlib.suppress(KeyboardInterrupt):  # raised once more by uvicorn, after its graceful end
        server.run(sockets=[listener])


def listen(settings: Settings) -> socket.socket:
    """A listening socket: clients that connect before the service accepts wait in its backlog."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        place = f"{settings.host} port {settings.port}"
        raise ParameterError(f"cannot listen on {place}: {error.strerror}") from None
    # Connections inherit it. asyncio sets it on sockets of its own only, and without it answers wait 40 ms for an ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


if __name__ == "__main__":
    cli(prog_name="seismic serve")
