"""Every error this project raises on purpose.

SeismicError
├── InputError            what the caller gave is wrong (also a ValueError)
│   ├── VectorError       a sparse vector breaks a rule; names source, row and field
│   ├── ParameterError    a parameter is unknown or out of range
│   ├── QueryError        a query cannot be understood
│   └── FilterError       a filter cannot be understood, or does not fit the columns; names the path
├── StoppedError          a search was stopped before its end
│   └── DeadlineError     its deadline passed
├── DocumentNotFoundError no document of that id
├── ServiceError          a service does not answer as it should
│   ├── UnauthorizedError     not without a key
│   ├── ForbiddenError        not with this key
│   └── UnavailableError      not now; later perhaps
│       ├── RateLimitError        the caller asks too often
│       ├── DrainingError         it is about to end
│       ├── NotReadyError         kernels are not warm yet
│       └── OverloadedError       every thread is busy and the queue is full
└── StorageError          the files are not what they should be
    ├── IndexNotFoundError    no collection or generation there
    ├── OutputExistsError     refusing to write over something
    ├── LockedError           another process writes to the collection
    ├── EncoderError          what makes vectors of texts is missing, damaged or cannot run here
    ├── FormatError           written by another format version, or needs features this release lacks
    └── CorruptIndexError     a file is damaged, missing or does not match its manifest

Messages say what was found, what was expected and what to do.
"""

from collections.abc import Mapping, Sequence
from typing import Any


class SeismicError(Exception):
    """Root of the tree."""


class InputError(SeismicError, ValueError):
    """What the caller gave is wrong."""


class VectorError(InputError):
    """A sparse vector breaks a rule.

    Attributes: ``row`` (number of the vector in its source, or None), ``field`` (which column or array),
    ``source`` (file name, or None) and ``problem`` (the message without its place).
    """

    def __init__(self, problem: str, *, row: int | None = None, field: str | None = None, source: str | None = None):
        self.problem, self.row, self.field, self.source = problem, row, field, source
        place = ", ".join(
            part
            for part in (
                source,
                f"row {row}" if row is not None else None,
                f"field '{field}'" if field else None,
            )
            if part
        )
        super().__init__(f"{place}: {problem}" if place else problem)

    def within(self, source: str, first_row: int = 0) -> "VectorError":
        """The same error, placed in `source`, whose row `first_row` was row 0 of the checked vectors."""
        row = None if self.row is None else self.row + first_row
        return VectorError(self.problem, row=row, field=self.field, source=source)


class ParameterError(InputError):
    """A parameter is unknown or out of range.

    Attribute: ``problems``, of several parameters checked at once each as pydantic tells it, also of those within
    others: ``loc`` is the whole path.
    """

    def __init__(self, message: str, problems: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class QueryError(InputError):
    """A query cannot be understood."""


class FilterError(InputError):
    """A filter cannot be understood, or does not fit the collection's columns.

    Attributes: ``path``, such as ``filter.must[1].range.gte``, and ``problem`` (the message without its path). A path
    has names as they are if they could be Python's, others as JSON in brackets: ``filter["a b"]``.
    """

    def __init__(self, problem: str, path: str) -> None:
        self.problem, self.path = problem, path
        super().__init__(f"{path}: {problem}")


class StoppedError(SeismicError):
    """A search was stopped before its end."""


class DeadlineError(StoppedError):
    """The deadline of a search passed."""


class DocumentNotFoundError(SeismicError):
    """The collection has no document of that id."""


class ServiceError(SeismicError):
    """A service does not answer as it should, or not at all."""


class UnauthorizedError(ServiceError):
    """There is no key, or it is not one of the service's."""


class ForbiddenError(ServiceError):
    """The key is not for that."""


class UnavailableError(ServiceError):
    """A service cannot answer now; it may later. ``retry_after``: seconds it asks to wait, 0 if it does not say."""

    retry_after: float = 0.0


class RateLimitError(UnavailableError):
    """The caller asks too often."""


class DrainingError(UnavailableError):
    """The service is about to end, and takes no more requests."""


class NotReadyError(UnavailableError):
    """The collection is opened, but its kernels are not warm yet."""


class OverloadedError(UnavailableError):
    """Every thread is busy and the queue is full."""


class StorageError(SeismicError):
    """The files are not what they should be."""


class IndexNotFoundError(StorageError):
    """No collection or generation there."""


class OutputExistsError(StorageError):
    """Refusing to write over something."""


class LockedError(StorageError):
    """Another process, or another thread, writes to the collection."""


class EncoderError(StorageError):
    """What makes vectors of texts is missing, damaged or cannot run here."""


class FormatError(StorageError):
    """Written by another format version, or needs features this release lacks."""


class CorruptIndexError(StorageError):
    """A file is damaged, missing or does not match its manifest."""
