"""Both clients manage collections of a real service."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from seismic.client import Client, Retries, lifecycle, models
from seismic.errors import (
    DeadlineError,
    IndexNotFoundError,
    InputError,
    NotFoundError,
    OutputExistsError,
    ServiceError,
    StoppedError,
    StorageError,
)
from seismic_server.schemas import lifecycle as schemas
from tests.server.conftest import PATIENCE, Server, start, wait_for

from .test_client import Ask, asked

NEW = {"vocabulary": ["planet", "orbit"], "columns": {"title": "string"}}
MARS = {"id": "mars", "tokens": {"planet": 2.0}, "payload": {"title": "Mars"}}
PATIENT = {"timeout": PATIENCE}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def service(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of an empty folder."""
    server = start(folder, tmp_path_factory.mktemp("log") / "log.jsonl")
    try:
        with httpx2.Client(base_url=server.url, timeout=PATIENCE) as http:
            wait_for(lambda: http.get("/readyz").is_success)
        yield server
    finally:
        server.process.terminate()
        server.process.wait(PATIENCE)


@pytest.fixture(params=["blocking", "asynchronous"])
def ask(request: pytest.FixtureRequest, service: Server) -> Ask:
    """Calls a method of either client."""
    return lambda method, *given, **options: asked(
        request.param, service.url, method, *given, client=PATIENT, **options
    )


def test_the_life_of_a_collection(ask: Ask, tmp_path: Path) -> None:
    assert ask("create", "papers", **NEW).documents == 0
    with pytest.raises(OutputExistsError, match="collection 'papers' exists"):
        ask("create", "papers", **NEW)
    ask("upsert", "papers", [MARS])
    assert "pages" in ask("add_columns", "papers", {"pages": "int64"}).columns
    ask("set_alias", "live", "papers")
    assert ask("aliases") == {"live": "papers"}
    assert ask("collection", "live").alias_of == "papers"
    job = ask("compact", "live")
    assert (job.kind, job.collection) == ("compact", "papers")
    assert ask("wait", job, PATIENCE).result == {"generation": "000002"}
    assert ask("job", job.id).is_over
    assert [one.current for one in ask("generations", "papers")] == [False, True]
    assert ask("wait", ask("rollback", "papers", "000001").id).result == {"generation": "000001"}
    file = ask("wait", ask("snapshot", "papers", compress=True)).result["file"]
    assert [one.file for one in ask("snapshots", "papers")] == [file]
    path = ask("download_snapshot", "papers", file, tmp_path)
    assert path == tmp_path / file
    with pytest.raises(OutputExistsError):
        ask("download_snapshot", "papers", file, path)
    with pytest.raises(NotFoundError, match="found no snapshot"):
        ask("download_snapshot", "papers", "none", tmp_path / "none")
    assert [one.name for one in tmp_path.iterdir()] == [file]
    ask("delete_alias", "live")
    assert ask("aliases") == {}
    with pytest.raises(OutputExistsError, match="collection 'papers' exists"):
        ask("restore", "papers", path)
    assert ask("wait", ask("restore", "papers", path, replace=True)).result == {"generation": "000003"}
    assert ask("drop", "papers") == []
    with pytest.raises(IndexNotFoundError):
        ask("collection", "papers")
    assert ask("wait", ask("restore_stored", "again", file, of="papers")).state == "done"
    assert ask("rename", "again", "papers").name == "papers"
    assert [hit.id for hit in ask("search", "papers", {"tokens": {"planet": 1.0}}).hits] == ["mars"]
    ask("delete_snapshot", "papers", file)
    assert ask("snapshots", "papers") == []
    assert ask("jobs")[0].kind == "restore"
    assert ask("drop", "papers") == []


def test_jobs_that_fail_raise_their_errors(ask: Ask, tmp_path: Path) -> None:
    ask("create", "other", dimension=3)
    ask("upsert", "other", [{"id": "a", "indices": [1], "values": [1.0]}])
    file = ask("wait", ask("snapshot", "other")).result["file"]
    content = bytearray(ask("download_snapshot", "other", file, tmp_path / "good").read_bytes())
    at = content.index(b"ARROW1") + 64
    content[at] ^= 1
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(StorageError, match="is not a complete snapshot"):
        ask("wait", ask("restore", "bad", tmp_path / "bad"))
    (tmp_path / "none").write_bytes(b"none")
    with pytest.raises(InputError, match="the body is not a complete snapshot"):
        ask("restore", "bad", tmp_path / "none")
    with pytest.raises(StorageError, match="cannot read"):
        ask("restore", "bad", tmp_path / "missing")
    job = ask("compact", "other")
    ask("cancel", job)
    found = ask("job", job.id)
    if found.state == "cancelled":  # it may have been faster
        with pytest.raises(StoppedError, match="was cancelled"):
            ask("wait", job)
    with pytest.raises(NotFoundError, match="found no job"):
        ask("wait", "none")
    assert ask("drop", "other") == []


def test_waiting_has_a_limit(service: Server) -> None:
    job = {
        "id": "x",
        "kind": "compact",
        "collection": "c",
        "state": "running",
        "progress": 0.25,
        "created": "2026-11-29",
    }
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=job))
    with (
        Client(service.url, transport=transport) as client,
        pytest.raises(DeadlineError, match=r"job x \(compact of 'c'\): found it running, 25% done, after 0 seconds"),
    ):
        client.wait("x", timeout=0)


def test_what_may_have_been_done_is_not_repeated(service: Server) -> None:
    """A lost answer to a creation: its repetition would say that the collection exists."""
    sent: list[str] = []

    def lose(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.method)
        raise httpx2.ReadTimeout("lost", request=request)

    once = Retries(attempts=3, first_wait=0.0, longest_wait=0.0)
    with Client(service.url, transport=httpx2.MockTransport(lose), retries=once) as client:
        for call, times in (
            (lambda: client.create("a"), 1),
            (lambda: client.snapshot("a"), 1),
            (lambda: client.compact("a"), 3),
            (lambda: client.jobs(), 3),
        ):
            sent.clear()
            with pytest.raises(ServiceError, match="no answer"):
                call()
            assert len(sent) == times


@pytest.mark.parametrize(
    ("model", "schema"),
    [
        (models.Job, schemas.JobOut),
        (models.Generation, schemas.GenerationOut),
        (models.Snapshot, schemas.SnapshotOut),
    ],
)
def test_models_have_the_fields_of_the_service(model: Any, schema: Any) -> None:
    assert model.model_fields.keys() == schema.model_fields.keys()


def test_options_of_a_new_collection() -> None:
    assert models.NewCollection.__annotations__.keys() == schemas.CreateRequest.model_fields.keys()


def test_every_call_is_a_method() -> None:
    calls = {
        name for name, one in inspect.getmembers(lifecycle, inspect.isfunction) if one.__module__ == lifecycle.__name__
    }
    helpers = {"chunks", "download_path", "finished", "id_of", "new_file", "pauses", "unfinished"}
    assert {name for name in calls - helpers if not name.startswith("_")} <= set(dir(Client))
