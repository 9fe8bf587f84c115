"""`seismic mcp` with the official client, over standard input and output."""

import json
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters

import seismic
from tests.integrations.hits import assert_same_top
from tests.integrations.serving import PATIENCE, Query, build_scifact, project_environ

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SciFact, and a small collection of texts with integer ids."""
    out = tmp_path_factory.mktemp("collections")
    build_scifact(out / "scifact")
    texts = ["Mars is a cold, red planet.", "Venus is the hottest planet."]
    encoder = seismic.load_encoder("splade-tiny")
    documents = {"id": [7, 8], "text": texts, "none": [None, "x"], "raw": [b"\xff", None]}
    seismic.build(encoder.encode_documents(texts).vectors, out / "planets", documents=documents, encoder=encoder)
    return out


def client(directory: Path) -> Client:
    arguments = ["-m", "seismic_tools.cli", "mcp", str(directory)]
    server = StdioServerParameters(command=sys.executable, args=arguments, env=project_environ())
    return Client(server, read_timeout_seconds=PATIENCE)


async def call(to: Client, tool: str, **arguments: Any) -> Any:
    result = await to.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert json.loads(result.content[0].text) == result.structured_content
    return result.structured_content


async def test_scifact(folder: Path, queries: list[Query]) -> None:
    async with client(folder) as to:
        assert {tool.name for tool in (await to.list_tools()).tools} == {"list_collections", "search", "get"}
        for query in queries:
            found = await call(to, "search", collection="scifact", tokens=query.tokens, columns=["title"])
            assert_same_top([(hit["id"], hit["score"]) for hit in found["hits"]], query)


async def test_one_collection_by_text(folder: Path) -> None:
    async with client(folder / "planets") as to:
        [described] = (await call(to, "list_collections"))["collections"]
        assert described == {"name": "planets", "documents": 2, "columns": ["text", "none", "raw"], "texts": True}
        found = await call(to, "search", query="hot planet", limit=1)
        assert [(hit["id"], hit["payload"]["none"]) for hit in found["hits"]] == [(8, "x")]
        read = await call(to, "get", ids=["7", 9], columns=["text"])
        assert read == {"documents": [{"id": 7, "payload": {"text": "Mars is a cold, red planet."}}], "missing": [9]}
        filtered = await call(to, "search", query="planet", filter={"none": "y"})
        assert filtered["hits"] == []
        assert filtered["warnings"]


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("search", {"query": "x"}, "found no collection, expected one of planets, scifact"),
        ("search", {"query": "x", "collection": "../planets"}, "found collection '../planets', expected one of"),
        ("search", {"query": "x", "collection": "scifact"}, "this collection has no encoder for texts"),
        ("search", {"collection": "planets"}, "expected either query or tokens"),
        ("search", {"query": "x", "collection": "planets", "limit": 0}, "limit is 0, expected 1 to 100"),
        ("search", {"query": "x", "collection": "planets", "filter": {"year": 1}}, "year"),
        ("search", {"query": "x", "collection": "planets", "columns": ["year"]}, "year"),
        ("get", {"ids": ["a"], "collection": "planets"}, "found id 'a', expected integers"),
        ("get", {"ids": [], "collection": "planets"}, "number of ids is 0, expected 1 to 100"),
    ],
)
async def test_errors_are_told_in_words(folder: Path, tool: str, arguments: dict[str, Any], message: str) -> None:
    from mcp.server import MCPServer

    from seismic.integrations.mcp import make_server

    server = make_server(folder)
    assert isinstance(server, MCPServer)
    async with Client(server) as to:
        result = await to.call_tool(tool, arguments)
    assert result.is_error
    assert message in result.content[0].text


async def test_a_folder_without_collections_ends_in_one_line(tmp_path: Path) -> None:
    done = await anyio.run_process(
        [sys.executable, "-m", "seismic_tools.cli", "mcp", str(tmp_path)], check=False, env=project_environ()
    )
    assert done.returncode == 2
    assert done.stderr.decode().endswith("found no collection, expected a collection or a folder of collections\n")
    assert done.stdout == b""
