"""Generations in S3, as moto's server on loopback imitates it: pushed, fetched by nodes into a cache, and switched."""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.integrations.hits import assert_same_top
from tests.integrations.serving import (
    PATIENCE,
    ROOT,
    SCIFACT,
    Query,
    build_scifact,
    project_environ,
    project_python,
    request,
    seismic,
    serve,
)

BUCKET = "indexes"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",  # nothing outside of this machine is asked
}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket; its `meta.client` knows the server."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        found = boto3.resource("s3", endpoint_url=f"http://{host}:{port}").Bucket(BUCKET)
        found.create()
        yield found
    finally:
        server.stop()


def keys(bucket: Any, prefix: str) -> list[str]:
    return [one.key for one in bucket.objects.filter(Prefix=f"scifact/{prefix}")]


def generations(bucket: Any) -> set[str]:
    return {key.split("/")[2] for key in keys(bucket, "generations/") if key.endswith(".arrow")}


def start_node(address: str, part: str, folder: Path) -> tuple[subprocess.Popen[str], str]:
    options = [
        "--parts",
        part,
        "--secret-file",
        folder / "secret",
        "--listen",
        "127.0.0.1:0",
        "--cache",
        folder / "cache",
    ]
    process = subprocess.Popen(
        [project_python(), "-m", "seismic_tools.cli", "cluster", "node", address, *options],
        cwd=ROOT,
        env=project_environ(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("listening on "), line
    return process, line.split()[-1]


def test_generations_come_from_s3(tmp_path: Path, bucket: Any, queries: list[Query]) -> None:
    served = tmp_path / "served"
    collection = build_scifact(served / "scifact", "--shards", "4")
    endpoint = bucket.meta.client.meta.endpoint_url.removeprefix("http://")
    address = f"s3://{BUCKET}/scifact?endpoint_override={endpoint}&scheme=http"
    said = seismic("cluster", "push", collection, address)
    assert said.strip() == f"generation 000001 is current in s3://{BUCKET}/scifact"
    (tmp_path / "secret").write_text("a secret of the cluster")
    nodes = [start_node(address, part, tmp_path) for part in ("1/2", "2/2+changes")]
    lines = ['secret_file = "secret"']
    for (_, listening), part in zip(nodes, ("1/2", "2/2+changes"), strict=True):
        lines += ["[[collections.scifact]]", f'part = "{part}"', f'nodes = ["{listening}"]']
    (tmp_path / "nodes.toml").write_text("\n".join(lines))
    assert len(keys(bucket, "leases/000001.")) == 2
    try:
        with serve(served, "--nodes", str(tmp_path / "nodes.toml")) as service:

            def ask(query: Query) -> Any:
                body = {"query": {"indices": query.indices, "values": query.values}, "limit": 10}
                return request(f"{service.url}/v1/collections/scifact/search", body)

            for query in queries[:50]:
                found = ask(query)
                assert_same_top([(hit["id"], hit["score"]) for hit in found["hits"]], query)
                assert found["shards"] == {"total": 4, "ok": 4}
            options = ["--vocabulary", SCIFACT / "vocab.txt", "--shards", "2", "--replace"]
            seismic("build", SCIFACT / "documents.parquet", collection, *options)
            seismic("cluster", "push", collection, address, "--keep", "1")
            assert generations(bucket) == {"000001", "000002"}, "nodes hold leases on the first"
            until = time.monotonic() + PATIENCE
            while (found := ask(queries[0]))["generation"] != "000002":
                assert time.monotonic() < until
                time.sleep(0.2)
            assert_same_top([(hit["id"], hit["score"]) for hit in found["hits"]], queries[0])
    finally:
        for process, _ in nodes:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(PATIENCE) for process, _ in nodes] == [0, 0]
    assert [key for key in keys(bucket, "leases/") if key.endswith(".json")] == []
    seismic("cluster", "push", collection, address, "--keep", "1")
    assert generations(bucket) == {"000002"}
