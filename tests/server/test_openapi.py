"""The OpenAPI description matches the service."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from seismic_server.access.keys import create_key

from . import openapi_lifecycle
from .conftest import PATIENCE, ROOT, Server, start, wait_for


@pytest.fixture
def key(tmp_path: Path) -> str:
    """A key with all permissions."""
    return create_key(tmp_path / "keys.json", "schemathesis", "admin")


@pytest.fixture
def guarded(server: Server, scifact_index: Path, key: str, tmp_path: Path) -> Iterator[Server]:
    """A server of the same collections that requires a key."""
    server = start(scifact_index.parent, tmp_path / "log.jsonl", "--keys-file", str(tmp_path / "keys.json"))
    try:
        wait_for(lambda: httpx2.get(f"{server.url}/readyz", timeout=PATIENCE).is_success)
        yield server
    finally:
        server.process.terminate()
        server.process.wait(PATIENCE)


@pytest.fixture
def tidy(scifact_index: Path) -> Iterator[None]:
    """Remove what generated requests make beside the collections of the tests."""
    yield
    folder = scifact_index.parent
    for path in [*folder.glob(f"{openapi_lifecycle.MADE}*"), folder / ".snapshots"]:
        if path.is_symlink():
            path.unlink()
        else:
            shutil.rmtree(path, ignore_errors=True)


def schemathesis(server: Server, folder: Path, *options: str) -> None:
    """Run the command rather than the pytest plugin, which omits some phases and checks."""
    patient = ("--suppress-health-check=all", f"--request-timeout={PATIENCE}")  # independent of the machine's load
    options = ("--generation-deterministic", "--no-color", "--checks=all", *patient, *options)
    program = Path(sys.executable).with_name("schemathesis")
    command = [program, "run", *options, f"{server.url}/openapi.json"]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "tests.server.openapi_hooks", "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    paths = httpx2.get(f"{server.url}/openapi.json", timeout=PATIENCE).json()["paths"]
    assert f"Tested: {sum(map(len, paths.values()))}" in run.stdout


@pytest.mark.usefixtures("tidy")
def test_schemathesis_finds_nothing(server: Server, tmp_path: Path):
    schemathesis(server, tmp_path, "--max-examples=8")


@pytest.mark.usefixtures("tidy")
def test_schemathesis_finds_nothing_where_keys_are_needed(guarded: Server, key: str, tmp_path: Path):
    """Includes requests without a key and with a wrong one: the check `ignored_auth`."""
    schemathesis(
        guarded,
        tmp_path,
        "--max-examples=3",
        "--phases=examples,fuzzing,stateful",
        f"--header=Authorization: Bearer {key}",
    )
    log = guarded.log()
    assert {401} < {line["status"] for line in log if line["event"] == "request"}


def test_every_route_documents_its_problems(client):
    description = client.get("/openapi.json").json()
    for path, operations in description["paths"].items():
        for operation in operations.values():
            assert operation["description"]
            problems = {status: answer for status, answer in operation["responses"].items() if status[0] in "45"}
            assert "500" in problems, path
            for answer in problems.values():
                schema = answer["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}
    search = description["paths"]["/v1/collections/{name}/search"]["post"]
    assert {"400", "404", "413", "415", "422", "503"} <= set(search["responses"])
    assert "HTTPValidationError" not in json.dumps(description)


def test_every_field_of_a_request_is_described(client):
    schemas: dict[str, Any] = client.get("/openapi.json").json()["components"]["schemas"]
    for name in (
        "SearchRequest",
        "SearchParams",
        "VectorQuery",
        "TokenQuery",
        "IdQuery",
        "ExamplesQuery",
        "BatchRequest",
        "Feedback",
        "Fusion",
        "Run",
        "Ranked",
        "GroupBy",
        "FacetBy",
        "UpsertRequest",
        "DocumentIn",
        "DeleteRequest",
        "CountRequest",
        "Filter",
        "Match",
        "InRange",
        "Range",
        "HasId",
    ):
        assert not schemas[name]["additionalProperties"]
        for field, schema in schemas[name]["properties"].items():
            assert schema["description"], f"{name}.{field}"


def test_every_field_of_an_explanation_is_described(client):
    schemas: dict[str, Any] = client.get("/openapi.json").json()["components"]["schemas"]
    for name in ("Explanation", "SearchStats", "Term", "ShardWork", "Contribution", "Facet"):
        for field, schema in schemas[name]["properties"].items():
            assert schema["description"], f"{name}.{field}"


def test_examples_work(client):
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    url = "/v1/collections/scratch/documents"
    assert client.put(url, json=schemas["UpsertRequest"]["examples"][0]).status_code == 200
    assert client.get(f"{url}/d7").json()["payload"]["title"] == "Mars"
    for body in schemas["PatchRequest"]["examples"]:
        assert client.patch(url, json=body).status_code == 200
    assert client.get(f"{url}/d7").json()["payload"]["title"] == "The red planet"
    for body in schemas["DeleteRequest"]["examples"]:
        assert client.post(f"{url}/delete", json=body).status_code == 200
    assert client.get(f"{url}/d7").status_code == 404
    for name, path in (("SearchRequest", "search"), ("BatchRequest", "search/batch")):
        assert schemas[name]["examples"]
        for body in schemas[name]["examples"]:
            if {"text", "fields"} & set(body.get("query", {})):  # need an encoder, and named fields
                continue
            response = client.post(f"/v1/collections/scifact/{path}", json=body)
            assert response.status_code == 200, response.text
            answer = response.json()
            assert all(one["hits"] for one in answer.get("answers", [answer]))


def test_docs(client):
    page = client.get("/docs")
    assert page.status_code == 200
    assert "/openapi.json" in page.text
