"""The server process: a listening socket, uvicorn, graceful shutdown."""

import contextlib
import gc
import ipaddress
import socket
import ssl
import time
from types import FrameType
from typing import Any

import structlog
import uvicorn
from starlette.applications import Starlette

from seismic import ParameterError
from seismic_server.access.admission import draining
from seismic_server.http.connections import Connections
from seismic_server.http.limited import limited_protocol
from seismic_server.http.shortcut import with_shortcut
from seismic_server.memory.arenas import limit_arenas
from seismic_server.service import Service
from seismic_server.settings import Settings

YOUNG_OBJECTS = 50_000
"""New containers that trigger a garbage collection: more than a large batch makes."""

CUT_SECONDS = 1
"""Time that stopped requests have to answer."""

LINGER_SECONDS = 1.0
"""Time during a shutdown in which requests may still arrive over open connections, which are refused in words."""

log = structlog.get_logger("server")


def run(app: Starlette, settings: Settings, listener: socket.socket, most_connections: int) -> None:
    """Serve until a signal, then shut down gracefully. Raises ParameterError."""
    limit_arenas()
    connections = Connections(most_connections)
    config = configured(app, settings, connections)
    log_address(settings, listener)
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again after its shutdown
        Server(config, app.state.service, connections).run(sockets=[listener])


def configured(app: Starlette, settings: Settings, connections: Connections) -> uvicorn.Config:
    """Return uvicorn's configuration. Raises ParameterError."""
    config = uvicorn.Config(
        app,
        http=with_shortcut(
            limited_protocol(settings.receive_seconds, settings.send_seconds, connections),
            app.state.shortcut,
            connections,
        ),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.forwarded_allow_ips),
        forwarded_allow_ips=settings.forwarded_allow_ips,
        root_path=settings.root_path,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=CUT_SECONDS,
        **tls_options(settings),
    )
    try:
        config.load()
    except OSError as error:  # from the certificate
        raise ParameterError(f"settings ssl_certfile, ssl_keyfile, ssl_ca_certs: {error}") from None
    return config


def tune_garbage_collector() -> None:
    """Exclude all existing objects from garbage collection, and collect new ones less often.

    Otherwise a large batch makes enough objects to trigger full collections, which cost more than the batch's own
    Python code.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


class Server(uvicorn.Server):
    """A server that keeps listening after the first signal, to refuse requests in words until running ones end."""

    def __init__(self, config: uvicorn.Config, service: Service, connections: Connections) -> None:
        super().__init__(config)
        self._service, self._connections = service, connections
        self._signalled, self._tuned = 0.0, False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start the shutdown; end at once on a second signal."""
        super().handle_exit(sig, frame)
        if not self._service.admission.closing and self.started:
            self.drain()
            self.should_exit = False

    def drain(self) -> None:
        """Refuse new requests, and end once the running ones have their answers."""
        self._service.admission.closing = True
        self._connections.drain()
        self._signalled = time.monotonic()

    async def on_tick(self, counter: int) -> bool:
        """Return whether to end; called ten times a second. Tunes the garbage collector after the warm-up."""
        if not self._tuned and all(one.state != "warming" for one in self._service.collections):
            self._tuned = True
            tune_garbage_collector()
        if self._service.admission.closing:
            self.should_exit = self._is_drained() or self._is_cut()
        return await super().on_tick(counter)

    def _is_drained(self) -> bool:
        """Return whether no request is in progress, nor on its way over an open connection."""
        late = time.monotonic() >= self._signalled + LINGER_SECONDS
        return not self.server_state.tasks and (late or not len(self._connections))

    def _is_cut(self) -> bool:
        """Return whether running requests have had their time, and stop them if so."""
        if time.monotonic() < self._signalled + self._service.settings.shutdown_seconds:
            return False
        log.warning("requests are cut", requests=len(self.server_state.tasks))
        stop_requests(self._service)
        return True


def stop_requests(service: Service) -> None:
    """Stop the searches of all running requests, which are refused like new ones."""
    for stop in list(service.running):
        stop.set(draining)


def listen(settings: Settings, backlog: int) -> socket.socket:
    """Return a listening socket. Its backlog holds clients that connect before the service accepts."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=backlog)
    except OSError as error:
        place = f"{settings.host} port {settings.port}"
        reason = str(error.strerror).partition(" (while ")[0]  # which repeats the address
        raise ParameterError(f"cannot listen on {place}: {reason}") from None
    # Inherited by connections. asyncio sets it only on its own sockets; without it answers wait for delayed ACKs.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def tls_options(settings: Settings) -> dict[str, Any]:
    """Return uvicorn's options for TLS. Raises ParameterError for settings that do not fit together."""
    if settings.ssl_certfile is None:
        for name in ("ssl_keyfile", "ssl_keyfile_password", "ssl_ca_certs"):
            if getattr(settings, name) is not None:
                raise ParameterError(f"setting '{name}' needs ssl_certfile")
        return {}
    return {
        "ssl_certfile": str(settings.ssl_certfile),
        "ssl_keyfile": settings.ssl_keyfile and str(settings.ssl_keyfile),
        "ssl_keyfile_password": settings.ssl_keyfile_password,
        "ssl_ca_certs": settings.ssl_ca_certs and str(settings.ssl_ca_certs),
        "ssl_cert_reqs": ssl.CERT_REQUIRED if settings.ssl_ca_certs else ssl.CERT_NONE,
    }


def log_address(settings: Settings, listener: socket.socket) -> None:
    """Log where the service listens, and warn if everybody may change it."""
    host, port = listener.getsockname()[:2]
    scheme = "https" if settings.ssl_certfile else "http"
    log.info("listening", url=f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}")
    if settings.keys_file is None and not ipaddress.ip_address(host).is_loopback:
        log.warning("everybody who reaches this address can search and change everything", fix="set keys_file")
