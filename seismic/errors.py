"""The project's exceptions.

SeismicError
├── InputError            what the caller gave is wrong (also a ValueError)
│   ├── VectorError       a sparse vector breaks a rule; names source, row and field
│   ├── ParameterError    a parameter is unknown or out of range
│   ├── QueryError        a query is malformed
│   └── FilterError       a filter is malformed or does not fit the columns; names the path
├── StoppedError          a search was stopped before it finished
│   └── DeadlineError     a search exceeded its deadline
├── DocumentNotFoundError no document has the id
├── NotFoundError         a service has no such job, alias, generation or snapshot
├── ConflictError         a document or collection is not as the change expects
├── ServiceError          a service answered unexpectedly or not at all
│   ├── UnauthorizedError     missing or unknown API key
│   ├── ForbiddenError        insufficient permissions
│   └── UnavailableError      temporarily unavailable
│       ├── RateLimitError        rate limit exceeded
│       ├── DrainingError         the service is shutting down
│       ├── NotReadyError         kernels are still warming up
│       └── OverloadedError       all threads are busy and the queue is full
└── StorageError          reading or writing files failed
    ├── IndexNotFoundError    no collection or generation at the path
    ├── OutputExistsError     the output already exists
    ├── LockedError           another process is writing to the collection
    ├── FullDiskError         the disk or a quota is full
    ├── ReadOnlyError         the file system or a permission forbids it
    ├── TooManyFilesError     the limit of open files is reached
    ├── EncoderError          an encoder is missing, damaged or cannot run here
    ├── FormatError           the format version or a feature is not supported by this release
    └── CorruptIndexError     a file is damaged, missing or does not match its manifest

Messages state what was found, what was expected and what to do.
"""

from collections.abc import Mapping, Sequence
from typing import Any


class SeismicError(Exception):
    """Base class of all errors."""


class InputError(SeismicError, ValueError):
    """The caller's input is wrong."""


class VectorError(InputError):
    """A sparse vector breaks a rule.

    Attributes: ``row`` (number of the vector in its source, or None), ``field`` (column or array, or None),
    ``source`` (file name, or None) and ``problem`` (the message without the location).
    """

    def __init__(self, problem: str, *, row: int | None = None, field: str | None = None, source: str | None = None):
        self.problem, self.row, self.field, self.source = problem, row, field, source
        location = ", ".join(
            part
            for part in (
                source,
                f"row {row}" if row is not None else None,
                f"field '{field}'" if field else None,
            )
            if part
        )
        super().__init__(f"{location}: {problem}" if location else problem)


class ParameterError(InputError):
    """A parameter is unknown or out of range.

    Attribute: ``problems``, pydantic's error details when several parameters were checked at once. ``loc`` is the
    whole path, also for nested parameters.
    """

    def __init__(self, message: str, problems: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class QueryError(InputError):
    """A query is malformed."""


class FilterError(InputError):
    """A filter is malformed or does not fit the collection's columns.

    Attributes: ``path``, such as ``filter.must[1].range.gte``, and ``problem`` (the message without the path). Names
    that are no Python identifiers appear as JSON in brackets: ``filter["a b"]``.
    """

    def __init__(self, problem: str, path: str) -> None:
        self.problem, self.path = problem, path
        super().__init__(f"{path}: {problem}")

    def __reduce__(self) -> tuple[type["FilterError"], tuple[str, str]]:
        return type(self), (self.problem, self.path)


class StoppedError(SeismicError):
    """A search was stopped before it finished."""


class DeadlineError(StoppedError):
    """A search exceeded its deadline."""


class DocumentNotFoundError(SeismicError):
    """No document has the id."""


class NotFoundError(SeismicError):
    """A service has no such job, alias, generation or snapshot."""


class ConflictError(SeismicError):
    """A document or collection is not as the change expects. Nothing was changed.

    Attribute: ``conflicts``, a few of the documents: (id, sequence of the last change that named it).
    """

    def __init__(self, message: str, conflicts: Sequence[tuple[str | int, int]] = ()) -> None:
        super().__init__(message)
        self.conflicts = list(conflicts)

    def __reduce__(self) -> tuple[type["ConflictError"], tuple[str, list[tuple[str | int, int]]]]:
        return type(self), (str(self), self.conflicts)


class ServiceError(SeismicError):
    """A service answered unexpectedly or not at all."""


class UnauthorizedError(ServiceError):
    """The API key is missing or unknown."""


class ForbiddenError(ServiceError):
    """Insufficient permissions."""


class UnavailableError(ServiceError):
    """A service is temporarily unavailable.

    Attribute: ``retry_after``, the seconds the service asks to wait; 0 if it does not say.
    """

    retry_after: float = 0.0


class RateLimitError(UnavailableError):
    """The caller exceeded its rate limit."""


class DrainingError(UnavailableError):
    """The service is shutting down and takes no more requests."""


class NotReadyError(UnavailableError):
    """The collection is open, but its kernels are still warming up."""


class OverloadedError(UnavailableError):
    """All threads are busy and the queue is full."""


class StorageError(SeismicError):
    """Reading or writing files failed."""


class IndexNotFoundError(StorageError):
    """There is no collection or generation at the path."""


class OutputExistsError(StorageError):
    """The output already exists."""


class LockedError(StorageError):
    """Another process or thread is writing to the collection."""


class FullDiskError(StorageError):
    """The disk or a quota is full."""


class ReadOnlyError(StorageError):
    """The file system is read-only, or a permission is missing."""


class TooManyFilesError(StorageError):
    """The process or the machine has reached its limit of open files."""


class EncoderError(StorageError):
    """An encoder is missing, damaged or cannot run here."""


class FormatError(StorageError):
    """The format version or a feature is not supported by this release."""


class CorruptIndexError(StorageError):
    """A file is damaged, missing or does not match its manifest."""
