"""HTTPS with generated certificates: the service, the project's client, the container's health check."""

import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
import trustme

from seismic.client import Client, Retries
from seismic.errors import ServiceError

from .conftest import PATIENCE, ROOT, Server, start, wait_for

ONCE = Retries(attempts=1)
QUERY = {"indices": [1], "values": [1.0]}

Serve = Callable[..., Server]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """The TLS context of a client that trusts the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def serve(tiny: Path, tmp_path: Path, authority: trustme.CA) -> Iterator[Serve]:
    """`serve(options)`: a service whose certificate the authority signed."""
    certificate, servers = authority.issue_cert("127.0.0.1"), []
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "service.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "service.key")
    files = ("--ssl-certfile", str(tmp_path / "service.pem"), "--ssl-keyfile", str(tmp_path / "service.key"))

    def serve(*options: str) -> Server:
        servers.append(start(tiny, tmp_path / "log.jsonl", *files, *options))
        assert servers[-1].url.startswith("https://127.0.0.1:")
        return servers[-1]

    yield serve
    for server in servers:
        server.process.kill()
        server.process.wait(PATIENCE)


def healthcheck(server: Server, certificate: Path, **more: str) -> subprocess.CompletedProcess[str]:
    variables = {"SEISMIC_PORT": str(httpx2.URL(server.url).port), "SEISMIC_SSL_CERTFILE": str(certificate), **more}
    command = [sys.executable, ROOT / "docker/healthcheck.py"]
    return subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True)


def test_the_service_speaks_https(serve: Serve, trusting: ssl.SSLContext, tmp_path: Path) -> None:
    server = serve("--processes", "2")
    wait_for(lambda: httpx2.get(f"{server.url}/readyz", verify=trusting, timeout=PATIENCE).is_success)
    with Client(server.url, verify=trusting, timeout=PATIENCE) as client:
        assert [hit.id for hit in client.search("tiny", QUERY).hits] == ["a", "b"]
    with Client(server.url, retries=ONCE) as client, pytest.raises(ServiceError, match="CERTIFICATE_VERIFY_FAILED"):
        client.search("tiny", QUERY)
    well = healthcheck(server, tmp_path / "service.pem")
    assert (well.returncode, well.stderr) == (0, "")
    assert '"tiny"' in well.stdout
    plain = httpx2.URL(server.url).copy_with(scheme="http")
    with pytest.raises(httpx2.TransportError):
        httpx2.get(plain)


def test_clients_may_have_to_show_a_certificate(
    serve: Serve, authority: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    server = serve("--ssl-ca-certs", str(tmp_path / "authority.pem"))
    with pytest.raises(httpx2.TransportError):
        httpx2.get(f"{server.url}/healthz", verify=trusting, timeout=PATIENCE)
    authority.issue_cert("someone@example.org").configure_cert(trusting)
    assert httpx2.get(f"{server.url}/healthz", verify=trusting, timeout=PATIENCE).is_success
    more = {"SEISMIC_SSL_KEYFILE": str(tmp_path / "service.key"), "SEISMIC_SSL_CA_CERTS": "any"}
    wait_for(lambda: healthcheck(server, tmp_path / "service.pem", **more).returncode == 0)
    ill = healthcheck(server, tmp_path / "service.pem")
    assert (ill.returncode, ill.stderr) == (1, "")
    ill = healthcheck(server, tmp_path / "nothing.pem", **more)
    assert (ill.returncode, ill.stderr) == (1, "")


def test_an_invalid_certificate_ends_in_one_line(tiny: Path, tmp_path: Path, authority: trustme.CA) -> None:
    authority.issue_cert("127.0.0.1").private_key_pem.write_to_path(tmp_path / "service.key")
    for certificate in (tmp_path / "nothing.pem", tmp_path / "service.key"):
        server = start(tiny, tmp_path / "log.txt", "--ssl-certfile", str(certificate))
        assert server.process.wait(PATIENCE) == 2
        last = server.log_file.read_text().splitlines()[-1]
        assert last.startswith("error: settings ssl_certfile, ssl_keyfile, ssl_ca_certs: ")
