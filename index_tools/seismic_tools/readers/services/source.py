"""What sources have in common."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from seismic.errors import InputError, SeismicError, ServiceError
from seismic_tools.readers.services.address import Address


class Document(NamedTuple):
    """A document of a service.

    ``vector``: {"indices": [...], "values": [...]}, or a weight by token; None if the document has none.
    """

    id: Any
    vector: Any
    payload: dict[str, Any]


class Source(Protocol):
    """The documents of a collection, with one of its vectors."""

    vector: str
    """Name of the vector."""

    by_token: bool
    """Whether vectors are weights by token."""

    remarks: list[str]
    """Notes for the user."""

    def count(self) -> int:
        """Return the number of documents, as the service counts them."""
        ...

    def pages(self, size: int) -> Iterator[list[Document]]:
        """Yield all documents, `size` of them at a time."""
        ...


def chosen(address: Address, wanted: str | None, sparse: Sequence[str], dense: Sequence[str], kind: str) -> str:
    """Return the vector to read. Raises InputError if there is none, another, or a choice."""
    known = ", ".join(sparse)
    if not sparse:
        others = f"only dense ones: {', '.join(dense)}" if dense else "and no vectors of other kinds"
        raise InputError(f"{address}: found no {kind}, {others}; this index holds sparse vectors only")
    if wanted is None and len(sparse) > 1:
        raise InputError(f"{address}: found several of a {kind}: {known}; choose one with --vector-name")
    if wanted is not None and wanted not in sparse:
        raise InputError(f"{address}: --vector-name {wanted}: no such {kind}; found {known}")
    return sparse[0] if wanted is None else wanted


@contextmanager
def read_answer(address: Address, service: str) -> Iterator[None]:
    """Turn an answer of an unexpected form into ServiceError."""
    try:
        yield
    except SeismicError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise ServiceError(
            f"{address}: cannot read the answer ({type(error).__name__}: {error}); check that this is {service}"
        ) from None
