"""Calls for the life of collections: create, drop, rename and alias them; generations, snapshots and jobs."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from seismic.client.calls import Call, path_of, segment
from seismic.client.models import CollectionInfo, Generation, Job, NewCollection, Snapshot
from seismic.client.problems import error_of_problem
from seismic.conversion.numbers import as_path
from seismic.errors import DeadlineError, OutputExistsError, ServiceError, StoppedError, StorageError

T = TypeVar("T")

CHUNK = 1 << 20
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds between two looks at a job. Pauses double."""


def create(collection: str, options: NewCollection) -> Call[CollectionInfo]:
    """Create an empty collection."""
    return _once("PUT", path_of(collection), CollectionInfo.model_validate, options)


def add_columns(collection: str, columns: Mapping[str, str]) -> Call[CollectionInfo]:
    """Add columns. Repeating it changes nothing."""
    return Call("PATCH", path_of(collection), CollectionInfo.model_validate, {"columns": columns})


def drop(collection: str) -> Call[list[str]]:
    """Remove a collection."""
    return _once("DELETE", path_of(collection), lambda answer: list(answer["aliases"]))


def rename(collection: str, to: str) -> Call[CollectionInfo]:
    """Rename a collection."""
    return _once("POST", _verb(collection, "rename"), CollectionInfo.model_validate, {"to": to})


def aliases() -> Call[dict[str, str]]:
    """List all aliases."""
    return Call("GET", "/v1/aliases", lambda answer: {one["alias"]: one["collection"] for one in answer["aliases"]})


def set_alias(alias: str, collection: str) -> Call[None]:
    """Create or switch an alias."""
    return Call("PUT", f"/v1/aliases/{segment(alias)}", _nothing, {"collection": collection})


def delete_alias(alias: str) -> Call[None]:
    """Remove an alias."""
    return _once("DELETE", f"/v1/aliases/{segment(alias)}", _nothing)


def generations(collection: str) -> Call[list[Generation]]:
    """List generations."""
    return Call("GET", path_of(collection, "generations"), _list_of(Generation.model_validate, "generations"))


def compact(collection: str, keep: int) -> Call[Job]:
    """Start a compaction. The service returns the one that waits or runs, so it may be repeated."""
    return Call("POST", _verb(collection, "compact"), Job.model_validate, {"keep": keep})


def rollback(collection: str, generation: str | None) -> Call[Job]:
    """Start a rollback."""
    return _once("POST", _verb(collection, "rollback"), Job.model_validate, _given(generation=generation))


def snapshot(collection: str, compress: bool) -> Call[Job]:
    """Start a snapshot."""
    return _once("POST", _verb(collection, "snapshot"), Job.model_validate, {"compress": compress})


def snapshots(collection: str) -> Call[list[Snapshot]]:
    """List snapshots."""
    return Call("GET", path_of(collection, "snapshots"), _list_of(Snapshot.model_validate, "snapshots"))


def download_path(collection: str, file: str) -> str:
    """Return the path of a snapshot."""
    return path_of(collection, f"snapshots/{segment(file)}")


def new_file(to: str | Path, name: str) -> Path:
    """Return the file to write: `to`, or `name` in it if it is a folder. Raises OutputExistsError if there is one."""
    path = as_path(to)
    path = path / name if path.is_dir() else path
    if path.exists():
        raise OutputExistsError(f"{path} exists; choose another name for the download")
    return path


def delete_snapshot(collection: str, file: str) -> Call[None]:
    """Delete a snapshot."""
    return _once("DELETE", download_path(collection, file), _nothing)


def restore(collection: str, replace: bool) -> Call[Job]:
    """Start a restore from an upload."""
    return _once("POST", f"{_verb(collection, 'restore')}?replace={str(replace).lower()}", Job.model_validate)


def restore_stored(collection: str, file: str, of: str | None, replace: bool) -> Call[Job]:
    """Start a restore of a snapshot on the service's disk."""
    named = f"&of={segment(of)}" if of is not None else ""
    query = f"?snapshot={segment(file)}{named}&replace={str(replace).lower()}"
    return _once("POST", f"{_verb(collection, 'restore')}{query}", Job.model_validate)


def job(id: str) -> Call[Job]:
    """Describe a job."""
    return Call("GET", f"/v1/jobs/{segment(id)}", Job.model_validate)


def jobs() -> Call[list[Job]]:
    """List jobs."""
    return Call("GET", "/v1/jobs", _list_of(Job.model_validate, "jobs"))


def cancel(id: str) -> Call[Job]:
    """Cancel a job."""
    return Call("POST", f"/v1/jobs/{segment(id)}:cancel", Job.model_validate)


def id_of(job: Job | str) -> str:
    """Return the id of a job."""
    return job if isinstance(job, str) else job.id


def pauses() -> Iterator[float]:
    """Yield the seconds between looks at a job."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)


def finished(job: Job) -> Job:
    """Return a job that is over if it is done. Raises the error of its problem, or StoppedError if it was cancelled."""
    if job.state == "done":
        return job
    if job.state == "cancelled":
        raise StoppedError(f"job {job.id} ({job.kind} of '{job.collection}') was cancelled")
    raise error_of_problem(job.problem or {}, ServiceError(f"job {job.id} failed"))


def unfinished(job: Job, timeout: float) -> DeadlineError:
    """Return the error for a job that takes longer than the caller waits."""
    done = f"found it {job.state}, {job.progress:.0%} done"
    return DeadlineError(
        f"job {job.id} ({job.kind} of '{job.collection}'): {done}, after {timeout:g} seconds; wait again"
    )


def chunks(file: Path) -> Iterator[bytes]:
    """Yield the content of a file. Raises StorageError."""
    try:
        with file.open("rb") as source:
            while chunk := source.read(CHUNK):
                yield chunk
    except OSError as error:
        raise StorageError(f"cannot read {file}: {error.strerror}") from error


def _once(method: str, path: str, read: Callable[[Any], T], body: Any = None) -> Call[T]:
    """Return a call that is not repeated after it may have arrived: its second answer would differ."""
    return Call(method, path, read, body, repeatable=False)


def _verb(collection: str, verb: str) -> str:
    return f"{path_of(collection)}:{verb}"


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _nothing(_: Any) -> None:
    return None


def _list_of(read: Callable[[Any], T], name: str) -> Callable[[Any], list[T]]:
    return lambda answer: [read(one) for one in answer[name]]
