"""Errors of a cluster, and how those of the engine travel from a node to a front."""

from typing import Any

from seismic import errors
from seismic.errors import FilterError, SeismicError, ServiceError, UnavailableError


class WireError(ServiceError):
    """A peer sent something that is no message, or is larger than allowed. The connection is closed."""


class RefusedError(ServiceError):
    """The peer does not know the cluster's secret."""


class BehindError(UnavailableError):
    """A node cannot answer now, but another one may: it does not have the generation, the change, the part or a free
    thread."""


class PartUnavailableError(UnavailableError):
    """No replica of a part answers."""


_TRAVELLING = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.InputError | errors.StoppedError | errors.StorageError)
}
"""Errors that mean the same to the front's caller as to the node's."""


def to_head(error: BaseException) -> dict[str, Any]:
    """Return an error as the head of an answer. Only what the engine says of itself leaves the node."""
    if isinstance(error, BehindError):
        return {"error": "behind", "message": str(error)}
    if isinstance(error, FilterError):
        return {"error": "FilterError", "message": error.problem, "path": error.path}
    if type(error).__name__ in _TRAVELLING:
        return {"error": type(error).__name__, "message": str(error)}
    return {"error": "failed", "message": f"the node failed ({type(error).__name__}); its log has the cause"}


def from_head(head: dict[str, Any]) -> SeismicError:
    """Return the error that a node's answer names."""
    name, message = str(head.get("error")), str(head.get("message"))
    if name == "behind":
        return BehindError(message)
    if name == "FilterError":
        return FilterError(message, str(head.get("path")))
    kind = _TRAVELLING.get(name)
    return kind(message) if kind is not None else ServiceError(message)
