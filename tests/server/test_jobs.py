"""Jobs: their queue, their processes, and what a crash leaves."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

import seismic
from seismic import CorruptIndexError, LockedError
from seismic.errors import NotFoundError, OverloadedError
from seismic_server.jobs import process, queue
from seismic_server.jobs.job import Job
from seismic_server.jobs.queue import Jobs
from seismic_server.observe.metrics import Metrics

from .conftest import PATIENCE, start, wait_for
from .test_problems import problem

pytestmark = pytest.mark.anyio

ROOT = Path("/srv/collections")
STUCK = """
import time
import seismic.maintenance.compaction as compaction
compaction.write_manifest = lambda *_: time.sleep(3600)
from seismic_server.jobs.worker import main
main()
"""
"""A worker that writes a generation and never publishes it."""


async def over(client: httpx2.AsyncClient, job: Any) -> dict[str, Any]:
    """Return a job once it is over."""
    async with asyncio.timeout(PATIENCE):
        while (found := (await client.get(f"/v1/jobs/{job.json()['id']}")).json())["state"] in ("queued", "running"):
            await asyncio.sleep(0.05)
    return found


@pytest.fixture
def jobs() -> Jobs:
    return Jobs(2, ROOT, Metrics())


class Work:
    """Work that lasts until it is let go."""

    def __init__(self, result: Any = None) -> None:
        self.began, self.go, self.result = asyncio.Event(), asyncio.Event(), result

    async def __call__(self, job: Job) -> dict[str, Any]:
        self.began.set()
        await self.go.wait()
        if isinstance(self.result, Exception):
            raise self.result
        return {"made": self.result}


def states(*found: Job) -> list[str]:
    return [job.state for job in found]


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_few_run_at_once_and_one_per_place(jobs):
    works = [Work() for _ in range(4)]
    places = ("a", "a", "b", "c")
    found = [jobs.submit("compact", at, at, work) for at, work in zip(places, works, strict=True)]
    await settled()
    assert states(*found) == ["running", "queued", "running", "queued"]
    works[0].go.set()
    await settled()
    assert states(*found) == ["done", "running", "running", "queued"]
    for work in works:
        work.go.set()
    await settled()
    assert states(*found) == ["done"] * 4
    assert all(job.progress == 1 and job.result == {"made": None} and job.started and job.ended for job in found)


async def test_too_many_are_refused_and_old_ones_forgotten(jobs, monkeypatch):
    monkeypatch.setattr(queue, "MOST_WAITING", 2)
    monkeypatch.setattr(queue, "MOST_ENDED", 3)
    work = Work()
    found = [jobs.submit("snapshot", "a", "a", work) for _ in range(3)]
    with pytest.raises(OverloadedError, match="2 jobs are waiting"):
        jobs.submit("snapshot", "a", "a", work)
    work.go.set()
    await settled()
    later = [jobs.submit("snapshot", "a", "a", work) for _ in range(2)]
    await settled()
    assert [job.id for job in jobs] == [job.id for job in [found[2], *later]]
    with pytest.raises(NotFoundError, match="found no job"):
        jobs[found[0].id]
    assert jobs._metrics.registry.get_sample_value("seismic_jobs", {"kind": "snapshot", "state": "done"}) == 3
    assert jobs._metrics.registry.get_sample_value("seismic_jobs", {"kind": "snapshot", "state": "queued"}) == 0


async def test_waiting_and_running_jobs_are_cancelled(jobs):
    cleaned: list[int] = []
    works = [Work() for _ in range(3)]
    found = [
        jobs.submit("restore", "a", "a", work, clean=lambda number=number: cleaned.append(number))
        for number, work in enumerate(works)
    ]
    await settled()
    await jobs.cancel(found[1])
    assert states(*found) == ["running", "cancelled", "queued"]
    await jobs.cancel(found[0])
    await settled()
    assert states(*found) == ["cancelled", "cancelled", "running"]
    await jobs.cancel_all("other")
    assert found[2].active
    await jobs.cancel_all()
    assert states(*found) == ["cancelled"] * 3
    await jobs.cancel(found[0])  # does nothing
    async with asyncio.timeout(PATIENCE):
        while len(cleaned) < 3:
            await asyncio.sleep(0.01)
    assert sorted(cleaned) == [0, 1, 2]


async def test_equal_jobs_are_found(jobs):
    job = jobs.submit("compact", "a", "place", Work(), keep=2)
    assert jobs.active("compact", "place") is jobs.active("compact", "place", keep=2) is job
    assert jobs.active("compact", "place", keep=1) is jobs.active("compact", "other") is None
    assert jobs.active("snapshot", "place") is None
    await jobs.cancel_all()
    assert jobs.active("compact", "place") is None


@pytest.mark.parametrize(
    ("error", "slug", "detail"),
    [
        (CorruptIndexError(f"{ROOT}/a/x.arrow is damaged"), "storage", "a/x.arrow is damaged"),
        (CorruptIndexError("/etc/passwd is damaged"), "storage", "The files of the collection cannot be read; the"),
        (LockedError("/srv/a is held by process 7"), "locked", "Another process writes to the collection; the"),
        (RuntimeError("secret"), None, "the job failed; the server's log has the cause under job "),
    ],
)
async def test_problems_name_no_files_of_the_machine(jobs, error, slug, detail):
    work = Work(error)
    work.go.set()
    job = jobs.submit("compact", "a", "a", work)
    await settled()
    assert (job.state, job.problem.kind.slug) == ("failed", slug)
    assert job.problem.detail.startswith(detail)


async def test_compactions_are_requested_and_never_run_twice(running, tiny):
    async with running(tiny) as client:
        url = "/v1/collections/tiny"
        put = {"documents": [{"id": "n", "indices": [1], "values": [9.0]}]}
        assert (await client.put(f"{url}/documents", json=put)).status_code == 200
        first = await client.post(f"{url}:compact")
        again = await client.post(f"{url}:compact", json={})
        assert (first.status_code, again.status_code, first.json()["id"]) == (202, 202, again.json()["id"])
        done = await over(client, first)
        assert (done["state"], done["result"], done["progress"]) == ("done", {"generation": "000002"}, 1.0)
        info = (await client.get(url)).json()
        assert (info["generation"], info["changed"], info["documents"]) == ("000002", 0, 4)
        listed = (await client.get(f"{url}/generations")).json()["generations"]
        assert [(one["generation"], one["current"]) for one in listed] == [("000001", False), ("000002", True)]
        nothing = await over(client, await client.post(f"{url}:compact"))
        assert nothing["result"] == {"generation": "000002"}
        back = await over(client, await client.post(f"{url}:rollback"))
        assert back["result"] == {"generation": "000001"}
        assert (await client.get(url)).json()["generation"] == "000001"
        refused = problem(await client.post(f"{url}:rollback"), 404)
        assert refused.detail.startswith("collection 'tiny': found no generation older than the current one")
        refused = problem(await client.post(f"{url}:rollback", json={"generation": "7"}), 404)
        assert "found no generation '7'" in refused.detail
        problem(await client.post(f"{url}:rollback", json={"generation": "../x"}), 422)
        problem(await client.post(f"{url}:compact", json={"keep": 0}), 422)
        problem(await client.post(f"{url}:compact", content=b"{}", headers={"content-type": "text/plain"}), 415)
        jobs = (await client.get("/v1/jobs")).json()["jobs"]
        assert [job["kind"] for job in jobs] == ["rollback", "compact", "compact"]
        assert 'seismic_jobs{kind="compact",state="done"} 2.0' in (await client.get("/metrics")).text
        problem(await client.get("/v1/jobs/none"), 404)
        problem(await client.post("/v1/jobs/none:cancel"), 404)


async def stuck_compaction(client: httpx2.AsyncClient, folder: Path) -> httpx2.Response:
    """Start a compaction that has written everything and publishes nothing."""
    put = {"documents": [{"id": "n", "indices": [1], "values": [9.0]}]}
    assert (await client.put("/v1/collections/tiny/documents", json=put)).status_code == 200
    job = await client.post("/v1/collections/tiny:compact")
    async with asyncio.timeout(PATIENCE):
        while not list(folder.glob("generations/.staging-*/shard-*/shared.arrow")):
            await asyncio.sleep(0.05)
    return job


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("generations/.*")]


async def test_a_cancelled_job_is_killed_and_leaves_nothing(running, tiny, monkeypatch):
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", STUCK))
    async with running(tiny) as client:
        job = await stuck_compaction(client, tiny / "tiny")
        seen = (await client.get(f"/v1/jobs/{job.json()['id']}")).json()
        assert seen["state"] == "running"
        assert 0 < seen["progress"] < 1
        cancelled = (await client.post(f"/v1/jobs/{job.json()['id']}:cancel")).json()
        assert cancelled["state"] == "cancelled"
        assert leftovers(tiny / "tiny") == []
        info = (await client.get("/v1/collections/tiny")).json()
        assert (info["generation"], info["documents"]) == ("000001", 4)
        monkeypatch.undo()
        assert (await over(client, await client.post("/v1/collections/tiny:compact")))["state"] == "done"
        assert (await client.get("/v1/collections/tiny")).json()["documents"] == 4


async def test_a_killed_process_fails_its_job_only(running, tiny, monkeypatch):
    started: list[asyncio.subprocess.Process] = []
    create = asyncio.create_subprocess_exec

    async def noted(*command: Any, **options: Any) -> asyncio.subprocess.Process:
        started.append(await create(*command, **options))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", STUCK))
    async with running(tiny) as client:
        job = await stuck_compaction(client, tiny / "tiny")
        os.kill(started[0].pid, signal.SIGKILL)
        failed = await over(client, job)
        assert failed["state"] == "failed"
        assert failed["problem"]["detail"] == (
            "the process of the job was killed by signal 9; nothing was lost: request it again"
        )
        assert leftovers(tiny / "tiny") == []
        assert len(seismic.open(tiny / "tiny")) == 4


async def test_jobs_end_with_the_service(running, tiny, monkeypatch):
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", STUCK))
    async with running(tiny) as client:
        await stuck_compaction(client, tiny / "tiny")
    assert leftovers(tiny / "tiny") == []
    assert len(seismic.open(tiny / "tiny")) == 4


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_service_leaves_no_process_behind(tiny, tmp_path):
    """The worker of its job ends as well, and the next service can start the job again."""
    server = start(tiny, tmp_path / "first.jsonl")
    with httpx2.Client(base_url=server.url, timeout=PATIENCE) as client:
        wait_for(lambda: client.get("/readyz").is_success)
        put = {"documents": [{"id": "n", "indices": [1], "values": [9.0]}]}
        assert client.put("/v1/collections/tiny/documents", json=put).is_success
        client.post("/v1/collections/tiny:compact")
        (worker,) = wait_for(lambda: children(server.process.pid))
    server.process.kill()
    server.process.wait(PATIENCE)
    wait_for(lambda: not is_running(worker))
    assert len(seismic.open(tiny / "tiny")) == 4
    server = start(tiny, tmp_path / "second.jsonl")
    try:
        with httpx2.Client(base_url=server.url, timeout=PATIENCE) as client:
            wait_for(lambda: client.get("/readyz").is_success)
            job = client.post("/v1/collections/tiny:compact").json()
            wait_for(lambda: client.get(f"/v1/jobs/{job['id']}").json()["state"] == "done")
            assert client.get("/v1/collections/tiny").json()["documents"] == 4
    finally:
        server.process.terminate()
        server.process.wait(PATIENCE)
