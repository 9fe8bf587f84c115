"""Turn the documents of a service into batches, and check that none is missing."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from seismic import InputError, VectorError
from seismic_tools.readers.batch import VECTOR_FIELDS, Batch, Reading, Rows
from seismic_tools.readers.objects import Collector, excerpt
from seismic_tools.readers.services import qdrant
from seismic_tools.readers.services.address import Access, Address, parse_address
from seismic_tools.readers.services.connection import Connection
from seismic_tools.readers.services.opensearch import (
    Elasticsearch,
    OpenSearch,
    elasticsearch_headers,
    opensearch_headers,
)
from seismic_tools.readers.services.source import Document, Source

RESERVED = VECTOR_FIELDS | {"id"}
"""Columns with a meaning of their own: payload of these names is kept as `payload_<name>`."""


class Service(NamedTuple):
    """How to read one kind of service: the headers for an API key, and its source."""

    headers: Callable[[str | None], dict[str, str]]
    source: Callable[[Connection, str | None], Source]


SERVICES = {
    "qdrant": Service(qdrant.headers, qdrant.Qdrant),
    "opensearch": Service(opensearch_headers, OpenSearch),
    "elasticsearch": Service(elasticsearch_headers, Elasticsearch),
}


class Wanted(NamedTuple):
    """What is read of a service: its kind, the name of the vector (None: the only one), documents per request."""

    kind: str
    vector: str | None = None
    page: int = 500
    text_ids: bool = False


def read_service(
    url: str, wanted: Wanted, access: Access, reading: Reading, progress: Callable[[int, int], None], remarks: list[str]
) -> Iterator[Batch]:
    """Yield the documents of a collection or index. Notes for the user are added to `remarks`.

    Raises:
        InputError: for a document without a vector, or if their number is not what the service counts.
        ParameterError, ServiceError, NotFoundError: as `Connection` and the sources say.
    """
    address, service = parse_address(url), SERVICES[wanted.kind]
    with Connection(address, access, service.headers(access.key)) as connection:
        source = service.source(connection, wanted.vector)
        remarks += source.remarks
        total, rows = source.count(), 0
        if not total:
            raise InputError(f"{address}: found no documents")
        shaping = _Shaping(address, source, reading, wanted.text_ids)
        for page in source.pages(wanted.page):
            if rows + len(page) > total:
                raise InputError(_miscounted(address, f"more than {total:,}", total))
            if page:
                rows += len(page)
                yield shaping.batch(page, rows / total)
            progress(rows, total)
        if rows != total:
            raise InputError(_miscounted(address, f"{rows:,}", total))
        remarks += shaping.remarks()


def _miscounted(address: Address, rows: str, total: int) -> str:
    return (
        f"{address}: read {rows} documents, but the service counted {total:,}; nothing is written. "
        "Stop changes of the source and repeat"
    )


class _Shaping:
    """Makes batches of documents. Remembers the types of columns, and which were renamed."""

    def __init__(self, address: Address, source: Source, reading: Reading, text_ids: bool) -> None:
        self._address, self._source, self._reading, self._text_ids = address, source, reading, text_ids
        self._columns: dict[str, Any] = {}
        self._id_type: type | None = str if text_ids else None
        self._renamed: dict[str, None] = {}
        self._zeros = 0

    def remarks(self) -> list[str]:
        """Return what was changed."""
        found = [f"payload '{name}' is the column 'payload_{name}'" for name in self._renamed]
        return [*found, f"zeros dropped: {self._zeros:,}"] if self._zeros else found

    def batch(self, page: list[Document], read: float) -> Batch:
        """Return a page as a batch. Errors name the document."""
        rows = Rows(str(self._address), "document", [each.id for each in page])
        collector = Collector(self._reading._replace(texts=None), None)
        try:
            for each in page:
                try:
                    document = self._object(each)
                except VectorError as error:
                    raise collector.placed(error) from None
                collector.add(document)
            documents = collector.documents(self._columns)
            vectors = collector.vectors(documents)
        except VectorError as error:
            raise rows.placed(error) from None
        return Batch(rows, vectors, documents, self._source.by_token, read)

    def _object(self, document: Document) -> dict[str, Any]:
        """Return a document as one JSON object: payload, `id`, and `tokens`, or `indices` and `values`."""
        payload = {self._name(name, document.payload): value for name, value in document.payload.items()}
        identity = document.id
        if (field := self._reading.id_field) is not None:
            if field not in payload:
                raise VectorError("field is missing; see --id-field", field=field)
            identity = payload.pop(field)
        return {"id": self._identity(identity), **payload, **self._vector(document.vector)}

    def _name(self, name: str, payload: dict[str, Any]) -> str:
        if name not in RESERVED or name == self._reading.id_field:
            return name
        if f"payload_{name}" in payload:
            raise VectorError(f"found '{name}' and 'payload_{name}', which are the same column here", field=name)
        self._renamed[name] = None
        return f"payload_{name}"

    def _identity(self, value: Any) -> str | int:
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise VectorError(f"found {excerpt(value)}, expected a string or an integer", field="id")
        if self._text_ids:
            return str(value)
        self._id_type = self._id_type or type(value)
        if type(value) is not self._id_type:
            raise VectorError(
                f"found {excerpt(value)} among ids of another type; add --text-ids to write all of them as text",
                field="id",
            )
        return value

    def _vector(self, vector: Any) -> dict[str, Any]:
        name = self._source.vector
        if vector is None:
            raise VectorError("has no such vector; every document needs one, so nothing is written", field=name)
        weights = vector.get("values") if not self._source.by_token and isinstance(vector, dict) else vector
        numbers = list(weights.values()) if isinstance(weights, dict) else weights
        if not isinstance(vector, dict) or not isinstance(numbers, list):
            raise VectorError(f"found {excerpt(vector)}, expected a sparse vector", field=name)
        if any(type(each) in (int, float) and each < 0 for each in numbers):
            worst = min(each for each in numbers if type(each) in (int, float))
            raise VectorError(f"found the negative value {worst}, expected values of at least 0", field=name)
        if 0 in numbers:
            self._zeros += numbers.count(0)
            vector = _without_zeros(vector, self._source.by_token)
        return {"tokens": vector} if self._source.by_token else _sorted(vector)


def _without_zeros(vector: dict[str, Any], by_token: bool) -> dict[str, Any]:
    if by_token:
        return {token: value for token, value in vector.items() if value != 0}
    kept = [pair for pair in zip(vector["indices"], vector["values"], strict=False) if pair[1] != 0]
    return {"indices": [pair[0] for pair in kept], "values": [pair[1] for pair in kept]}


def _sorted(vector: dict[str, Any]) -> dict[str, Any]:
    """Return a vector of numbers with ascending components; one of another form as it is, for the checks to refuse."""
    indices, values = vector.get("indices"), vector["values"]
    if not isinstance(indices, list) or set(map(type, indices)) != {int} or len(indices) != len(values):
        return {"indices": indices, "values": values}
    order = sorted(range(len(indices)), key=indices.__getitem__)
    return {"indices": [indices[at] for at in order], "values": [values[at] for at in order]}
