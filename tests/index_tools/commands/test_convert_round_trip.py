"""`seismic convert` from our own service, as a Qdrant and as an OpenSearch: everything comes back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pyarrow.parquet as pq
import pytest

import seismic
from tests.index_tools.conftest import Run
from tests.server.conftest import PATIENCE, start, wait_for

POINTS = [
    {
        "id": number,
        "vector": {
            "text": {"indices": [7, number], "values": [0.5, 1.0 + number / 8]},
            "other": {"indices": [], "values": []},
        },
        "payload": {"title": f"t{number}", "meta": {"lang": "en", "year": 2000 + number}, "tags": ["a", "b"]},
    }
    for number in range(10, 17)
]
ROWS = [
    {"emb": {"hello": 1.0, f"w{number}": 2.0}, "text": f"text {number}", "meta": {"n": number}} for number in range(7)
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with a collection of Qdrant's client and an index of OpenSearch's."""
    folder, log = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("log") / "server.jsonl"
    server = start(folder, log, "--compat", "qdrant,opensearch")
    try:
        with httpx2.Client(base_url=server.url, timeout=PATIENCE) as client:
            wait_for(lambda: client.get("/readyz").is_success)

            def send(method: str, path: str, body: Any, **options: Any) -> None:
                answer = client.request(method, path, **({"json": body} if body else options))
                assert answer.is_success, answer.text

            send("PUT", "/qdrant/collections/points", {"sparse_vectors": {"text": {}, "other": {}}})
            send("PUT", "/qdrant/collections/points/points?wait=true", {"points": POINTS})
            send("PUT", "/opensearch/rows", {"mappings": {"properties": {"emb": {"type": "rank_features"}}}})
            for number, row in enumerate(ROWS):
                send("PUT", f"/opensearch/rows/_doc/r{number}", row)
        yield server.url
    finally:
        server.process.terminate()
        server.process.wait(PATIENCE)


def converted(run: Run, tmp_path: Path, *arguments: Any) -> dict[Any, dict[str, Any]]:
    out = tmp_path / "out.parquet"
    result = run("convert", *arguments[:1], out, *arguments[1:])
    assert result.exit_code == 0, result.output
    return {row.pop("id"): row for row in pq.read_table(out).to_pylist()}


def test_as_qdrant(run: Run, url: str, tmp_path: Path) -> None:
    options = "--from", "qdrant", "--vector-name", "text", "--page", 3
    found = converted(run, tmp_path, f"{url}/qdrant/points", *options)
    assert list(found) == [point["id"] for point in POINTS]
    for point in POINTS:
        row = found[point["id"]]
        vector = point["vector"]["text"]
        assert (row.pop("indices"), row.pop("values")) == (vector["indices"], pytest.approx(vector["values"], rel=1e-4))
        assert row == point["payload"]
    assert run("build", tmp_path / "out.parquet", tmp_path / "index").exit_code == 0
    with seismic.open(tmp_path / "index") as index:
        assert [hit.id for hit in index.search({"indices": [7, 12], "values": [1.0, 1.0]}, 1)] == [12]


def test_as_opensearch(run: Run, url: str, tmp_path: Path) -> None:
    found = converted(run, tmp_path, f"{url}/opensearch/rows", "--from", "opensearch", "--page", 3)
    assert sorted(found) == [f"r{number}" for number in range(len(ROWS))]
    for number, row in enumerate(ROWS):
        got = found[f"r{number}"]
        assert dict(got.pop("vector")) == pytest.approx(row["emb"], rel=1e-4)
        assert got == {"text": row["text"], "meta": row["meta"]}


def test_what_is_missing_there(run: Run, url: str, tmp_path: Path) -> None:
    for address, kind, message in (
        ("qdrant/points", "qdrant", "found several of a sparse vector"),
        ("qdrant/none", "qdrant", "status 404"),
        ("opensearch/none", "opensearch", "status 404"),
        ("opensearch/rows", "elasticsearch", "this is OpenSearch"),
    ):
        result = run("convert", f"{url}/{address}", tmp_path / "x.parquet", "--from", kind)
        assert result.exit_code == 2
        assert message in result.stderr
