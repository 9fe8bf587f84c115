"""The server process: a listening socket, uvicorn, and an end in order."""

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

from seismic import ParameterError
from seismic_server.application import Application
from seismic_server.http.protocol import protocol
from seismic_server.service import Service
from seismic_server.settings import Settings

NEW_OBJECTS = 50_000
"""Containers made and not yet freed, before young ones are looked through: more than a large batch has."""

CUT_SECONDS = 1
"""How long requests that were told to end may take to do so."""

log = structlog.get_logger("server")


def run(app: Application, settings: Settings, listener: socket.socket) -> None:
    """Serve until a signal; then refuse new requests, and wait for those that run. Raises ParameterError."""
    config = uvicorn.Config(
        app,
        http=protocol(settings.receive_seconds),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.forwarded_allow_ips),
        forwarded_allow_ips=settings.forwarded_allow_ips,
        root_path=settings.root_path,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=CUT_SECONDS,
        **_tls(settings),
    )
    try:
        config.load()
    except OSError as error:  # of the certificate
        raise ParameterError(f"settings ssl_certfile, ssl_keyfile, ssl_ca_certs: {error}") from None
    _say_where(settings, listener)
    with contextlib.suppress(KeyboardInterrupt):  # raised once more by uvicorn, after its graceful end
        _Server(config, app.service).run(sockets=[listener])


def settle() -> None:
    """Take what the process has made so far out of garbage collection, as it stays; and collect less often what
    comes. A batch of 256 searches makes so many objects that all others were looked through each time, which took
    longer than what Python did for the batch."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)


class _Server(uvicorn.Server):
    """Goes on listening after the first signal, to refuse requests in words, until those that run have ended."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service, self._ends, self._settled = service, 0.0, False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; at once for a second signal."""
        super().handle_exit(sig, frame)
        if not self._service.admission.closing and self.started:
            self._service.admission.closing = True
            self._ends = time.monotonic() + self._service.settings.shutdown_seconds
            self.should_exit = False

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to end. Once every collection has been warmed up, settle."""
        if not self._settled and all(one.state != "warming" for one in self._service.collections):
            self._settled = True
            settle()
        if self._service.admission.closing:
            running = self._service.running
            if not running or time.monotonic() >= self._ends:
                self.should_exit = True
                if running:
                    log.warning("requests are cut", requests=len(running))
                for stop in list(running):
                    stop.set()
        return await super().on_tick(counter)


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


def _tls(settings: Settings) -> dict[str, Any]:
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


def _say_where(settings: Settings, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    scheme = "https" if settings.ssl_certfile else "http"
    log.info("listening", url=f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}")
    if settings.keys_file is None and not ipaddress.ip_address(host).is_loopback:
        log.warning("anybody who reaches this address may search and change everything", fix="set keys_file")
