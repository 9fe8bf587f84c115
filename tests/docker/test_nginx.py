"""The nginx configuration, run by nginx with TLS and a path prefix in front of a service."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx2
import numpy as np
import pyarrow as pa
import pytest
import trustme

import seismic
from seismic import SparseVectors
from seismic.client import Client
from tests.reader import ROOT
from tests.server.conftest import PATIENCE, Server, start, wait_for

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed (apt-get install nginx-light)")

CONFIGURATION = ROOT / "docker/deploy/nginx/seismic.conf"
NAME = "search.example.org"
STRANGE = "x/../50% b"
"""An id that nginx would change if it decoded paths."""

MAIN = """
daemon off;
master_process off;
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
    include seismic.conf;
}
"""


class Site(NamedTuple):
    """nginx in front of a service."""

    port: int
    folder: Path
    context: ssl.SSLContext
    service: Server

    def client(self, address: str = "127.0.0.1") -> httpx2.Client:
        """Return a client that connects from an address."""
        transport = httpx2.HTTPTransport(verify=self.context, local_address=address)
        return httpx2.Client(base_url=self.url, transport=transport, timeout=PATIENCE)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/seismic"

    def status(self, head: str) -> int:
        """Return the status of the answer to a request of which only the head is sent."""
        with (
            socket.create_connection(("127.0.0.1", self.port), PATIENCE) as plain,
            self.context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(f"{head}\r\nhost: {NAME}\r\nconnection: close\r\n\r\n".encode())
            return int(connection.recv(64).split()[1])

    def log(self) -> str:
        return (self.folder / "error.log").read_text()


def adapted(text: str, changes: dict[str, str]) -> str:
    """Return a configuration for this machine."""
    for shown, here in changes.items():
        assert shown in text
        text = text.replace(shown, here)
    return text


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, served = tmp_path_factory.mktemp("nginx"), tmp_path_factory.mktemp("served")
    noise = np.random.default_rng(1).bytes(1 << 20).hex()  # 2 MB
    documents = pa.table({"id": [STRANGE, *(f"d{number}" for number in range(11))], "text": [noise] * 12})
    seismic.build(SparseVectors.from_dicts([{1: 1.0}] * 12, 4), served / "tiny", documents=documents)
    service = start(served, folder / "service.jsonl", "--root-path", "/seismic")
    authority, context = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(context)
    certificate, port = authority.issue_cert(NAME, "localhost"), free_port()
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    changes = {
        "127.0.0.1:8000": service.url.removeprefix("http://"),
        "listen 443": f"listen 127.0.0.1:{port}",
        "/etc/nginx/tls/seismic.pem": str(folder / "both.pem"),
        "/etc/nginx/tls/seismic.key": str(folder / "both.pem"),
    }
    (folder / "seismic.conf").write_text(adapted(CONFIGURATION.read_text(), changes))
    (folder / "nginx.conf").write_text(MAIN)
    command = [str(NGINX), "-p", str(folder), "-c", "nginx.conf"]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr
    nginx = subprocess.Popen(command)
    site = Site(port, folder, context, service)
    try:
        wait_for(lambda: answers(site))
        yield site
    finally:
        nginx.terminate()
        nginx.wait(PATIENCE)
        service.process.terminate()
        service.process.wait(PATIENCE)


def answers(site: Site) -> bool:
    try:
        with site.client() as client:
            return client.get("/readyz").is_success
    except httpx2.TransportError:
        return False


def test_clients_work_through_it(site: Site) -> None:
    with Client(site.url, verify=site.context, timeout=PATIENCE) as client:
        hits = client.search("tiny", {"indices": [1], "values": [1.0]}, with_payload=False).hits
        assert STRANGE in {hit.id for hit in hits}
    with site.client() as client:
        assert "Seismic" in client.get("/").text
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/seismic"}]


def test_paths_arrive_as_they_were_sent(site: Site) -> None:
    with site.client() as client:
        found = client.get(f"/v1/collections/tiny/documents/{quote(STRANGE, safe='')}")
        assert found.json().get("id") == STRANGE, found.text
        moved = client.get(f"https://localhost:{site.port}/seismic")
        assert (moved.status_code, moved.headers["location"]) == (308, f"{site.url}/")
        assert client.get(f"https://localhost:{site.port}/other").status_code == 404
    assert site.status("GET /other/../seismic/healthz HTTP/1.1") == 400
    assert site.status("GET /seismic/healthz HTTP/1.1") == 200


def test_headers(site: Site) -> None:
    with site.client("127.0.0.2") as client:
        claimed = {"X-Forwarded-For": "203.0.113.9", "X-Request-ID": "through-nginx"}
        answer = client.get("/v1/collections", headers=claimed)
    assert answer.headers["x-request-id"] == "through-nginx"
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["server"] == "nginx"
    assert line(site, "through-nginx")["client"] == "127.0.0.2"


def line(site: Site, request: str) -> dict[str, Any]:
    """Return the service's log line of a request."""
    found: dict[str, Any] = wait_for(
        lambda: next((one for one in site.service.log() if one.get("request_id") == request and "status" in one), None)
    )
    return found


def test_exports_are_streams(site: Site) -> None:
    """A client that does not read yet holds back the service: nothing goes to nginx's disk."""
    with (
        site.client() as client,
        client.stream("GET", "/v1/collections/tiny/export", headers={"X-Request-ID": "export"}) as answer,
    ):
        parts = answer.iter_raw()
        size = len(next(parts))
        for _ in range(20):  # meanwhile nginx could read on
            assert client.get("/healthz").is_success
        assert not any(one.get("request_id") == "export" for one in site.service.log())
        size += sum(map(len, parts))
    assert size > 12 * (2 << 20)
    assert line(site, "export")["status"] == 200
    assert "upstream response is buffered" not in site.log()


def test_snapshots_go_both_ways(site: Site) -> None:
    with site.client() as client:
        job = client.post("/v1/collections/tiny:snapshot").json()
        done = wait_for(lambda: finished(client, job["id"]))
        name = done["result"]["file"]
        content = client.get(f"/v1/collections/tiny/snapshots/{name}").content
        assert len(content) == done["result"]["bytes"] > 1 << 20
        sent = {"content-type": "application/octet-stream"}
        restored = client.post("/v1/collections/copy:restore", content=content, headers=sent)
        assert restored.status_code == 202, restored.text
        assert wait_for(lambda: finished(client, restored.json()["id"]))["state"] == "done"
    assert "client request body is buffered" not in site.log()
    assert "upstream response is buffered" not in site.log()


def finished(client: httpx2.Client, job: str) -> dict[str, Any] | None:
    found: dict[str, Any] = client.get(f"/v1/jobs/{job}").json()
    return found if found["state"] not in ("queued", "running") else None


def test_sizes_of_bodies(site: Site) -> None:
    put = "PUT /seismic/v1/collections/tiny/documents HTTP/1.1\r\ncontent-length: "
    assert site.status(f"{put}{(32 << 20) + 1}") == 413
    document = {"id": "large", "indices": [1], "values": [1.0], "payload": {"text": "x" * (2 << 20)}}
    with site.client() as client:
        kept = client.put("/v1/collections/tiny/documents", json={"documents": [document]})
        assert kept.is_success, kept.text
