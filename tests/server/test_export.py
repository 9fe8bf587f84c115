"""Exports over REST and by the clients: streams of one state of a collection."""

import asyncio
import io
import json
from pathlib import Path

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import seismic
from seismic import FilterError, IndexNotFoundError, OutputExistsError, ParameterError, SparseVectors
from seismic.client import AsyncClient, Client, Retries
from seismic.errors import CorruptIndexError
from seismic.export import tables
from seismic_server.http.parts import SLICE_BYTES
from seismic_server.process.server import stop_requests
from seismic_server.routes import export

from .conftest import PATIENCE, start, wait_for
from .test_problems import problem

pytestmark = pytest.mark.anyio

URL = "/v1/collections/c/export"
COUNT = 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    vectors = SparseVectors.from_dicts([{number % 9: 1.5} if number % 5 else {} for number in range(COUNT)], 20)
    documents = pa.table(
        {"id": [f"d{number}" for number in range(COUNT)], "year": range(COUNT), "text": ["x" * 2000] * COUNT}
    )
    vocabulary = [f"t{component}" for component in range(20)]
    seismic.build(vectors, tmp_path / "all" / "c", documents=documents, vocabulary=vocabulary, shards=2)
    seismic.delete(tmp_path / "all" / "c", ["d3"])
    return tmp_path / "all"


@pytest.mark.parametrize("rows", [7, 10_000])
async def test_formats(running, folder, monkeypatch, rows):
    monkeypatch.setattr(tables, "CHUNK_ROWS", rows)
    async with running(folder) as client:
        answer = await client.get(URL)
        assert answer.headers["content-type"] == "application/x-ndjson"
        assert answer.headers["content-disposition"] == 'attachment; filename="export.jsonl"'
        assert (answer.headers["x-seismic-generation"], answer.headers["x-seismic-sequence"]) == ("000001", "1")
        assert answer.headers["x-content-type-options"] == "nosniff"
        lines = [json.loads(line) for line in answer.content.splitlines()]
        assert [line["id"] for line in lines] == [f"d{number}" for number in range(COUNT) if number != 3]
        assert lines[1] == {"id": "d1", "year": 1, "text": "x" * 2000, "indices": [1], "values": [1.5]}
        answer = await client.get(URL, params={"format": "parquet"})
        assert answer.headers["content-type"] == "application/vnd.apache.parquet"
        assert pq.read_table(io.BytesIO(answer.content)).to_pylist() == lines
        wanted = {"must": [{"key": "year", "range": {"lt": 3}}]}
        query = {"filter": json.dumps(wanted), "columns": ["year"], "with_vector": "tokens"}
        answer = await client.get(URL, params=query)
        assert [json.loads(line) for line in answer.content.splitlines()] == [
            {"id": "d0", "year": 0, "tokens": {}},
            {"id": "d1", "year": 1, "tokens": {"t1": 1.5}},
            {"id": "d2", "year": 2, "tokens": {"t2": 1.5}},
        ]


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ({"format": "csv"}, 422, "format"),
        ({"form": "jsonl"}, 422, "unknown field"),
        ({"filter": "{"}, 422, "filter: not valid JSON"),
        ({"filter": "[]"}, 422, "filter: found a JSON list, expected an object"),
        ({"filter": '{"must": [{"key": "nothing", "match": {"value": 1}}]}'}, 422, "nothing"),
        ({"columns": "nothing"}, 422, "unknown payload column 'nothing'; this collection has year, text"),
        ({"with_vector": "maybe"}, 422, "with_vector"),
    ],
)
async def test_wrong_requests(running, folder, query, status, detail):
    async with running(folder) as client:
        assert detail in problem(await client.get(URL, params=query), status).detail
        problem(await client.get(URL.replace("/c/", "/nothing/")), 404)


async def test_errors_before_the_first_part_are_problems(running, folder, monkeypatch):
    async with running(folder) as client:

        def damaged(selection):
            raise CorruptIndexError("shard-00000: damaged")
            yield

        monkeypatch.setattr(export, "read_tables", damaged)
        problem(await client.get(URL), 500)
        assert not client._transport.app.state.service.running


async def test_head_reads_nothing(running, folder, monkeypatch):
    monkeypatch.setattr(export, "read_tables", lambda selection: pytest.fail("read"))
    async with running(folder) as client:
        answer = await client.head(URL)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")


async def test_a_shutdown_stops_an_export(running, folder, monkeypatch):
    """Before its first part it is refused; after that its connection closes early."""
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    from seismic.stop import current

    def endless(selection):
        loop.call_soon_threadsafe(begun.set)
        while True:
            current().check()
        yield

    monkeypatch.setattr(export, "read_tables", endless)
    async with running(folder, timeout_ms=1) as client:
        request = asyncio.create_task(client.get(URL))
        await begun.wait()
        stop_requests(client._transport.app.state.service)
        found = problem(await asyncio.wait_for(request, PATIENCE), 503)
        assert found.type == "urn:problem-type:seismic:draining"


async def test_the_deadline_does_not_end_an_export(running, folder):
    async with running(folder, timeout_ms=1) as client:
        answer = await client.get(URL)
        assert len(answer.content.splitlines()) == COUNT - 1


async def test_clients_write_files_that_are_complete(folder, tmp_path):
    server = start(folder, tmp_path / "log.jsonl")
    try:
        wait_for(lambda: httpx2.get(f"{server.url}/readyz", timeout=PATIENCE).is_success)
        with Client(server.url, timeout=PATIENCE) as client:
            file = client.export("c", tmp_path / "x.parquet", columns=["year"])
            assert file == tmp_path / "x.parquet"
            table = pq.read_table(file)
            assert (len(table), table.column_names) == (COUNT - 1, ["id", "year", "indices", "values"])
            with pytest.raises(OutputExistsError, match=r"x\.parquet exists"):
                client.export("c", file)
            with pytest.raises(ParameterError, match=r"x\.csv: cannot export to this format"):
                client.export("c", tmp_path / "x.csv")
            with pytest.raises(IndexNotFoundError):
                client.export("nothing", tmp_path / "y.jsonl")
            with pytest.raises(FilterError):
                client.export("c", tmp_path / "y.jsonl", filter={"must": [{"key": "n", "match": {"value": 1}}]})
            wanted = {"must": [{"key": "year", "range": {"lt": 2}}]}
            client.export("c", file, filter=wanted, with_vector="tokens", replace=True)
            assert pq.read_table(file)["tokens"].to_pylist() == [[], [("t1", 1.5)]]
        async with AsyncClient(server.url, timeout=PATIENCE) as client:
            file = await client.export("c", tmp_path / "x.jsonl")
            lines = [json.loads(line) for line in file.read_bytes().splitlines()]
            assert len(lines) == COUNT - 1
            assert len(file.read_bytes()) > SLICE_BYTES
    finally:
        server.process.terminate()
        server.process.wait(PATIENCE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all", "log.jsonl", "x.jsonl", "x.parquet"]


async def test_an_interrupted_download_is_not_taken_for_the_whole(tmp_path):
    """The service ends the connection without the last chunk."""
    answers = []

    async def cut(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        whole = b"0\r\n\r\n" if len(answers) == 2 else b""
        answers.append(1)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{}\n\r\n" + whole)
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(cut, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with listener, AsyncClient(url, retries=Retries(attempts=3, first_wait=0.0, longest_wait=0.0)) as client:
        file = await client.export("c", tmp_path / "x.jsonl")
    assert (file.read_bytes(), len(answers)) == (b"{}\n", 3)
    assert [path.name for path in tmp_path.iterdir()] == ["x.jsonl"]
