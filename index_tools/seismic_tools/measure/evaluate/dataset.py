"""Queries and judgements from ir_datasets."""

import difflib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import ir_datasets
from ir_measures import Qrel

from seismic import InputError
from seismic_tools.readers.queries import Queries

T = TypeVar("T")


class Dataset(NamedTuple):
    """Query ids and texts in the order of the dataset, and its judgements."""

    name: str
    ids: list[str]
    texts: list[str]
    qrels: list[Qrel]

    def encoded(self, queries: Queries, where: str) -> Queries:
        """Return the queries of the dataset from those of a file; InputError if some are missing."""
        rows = {name: row for row, name in enumerate(queries.ids)}
        missing = [name for name in self.ids if name not in rows]
        if missing:
            raise InputError(
                f"{where}: no vectors for {len(missing):,} of the {len(self.ids):,} queries of {self.name}, such as "
                f"{missing[0]!r}; found ids such as {queries.ids[0]!r}"
            )
        return queries.take([rows[name] for name in self.ids])


def load_dataset(name: str) -> Dataset:
    """Load queries and judgements of an id such as `msmarco-passage/dev/small`.

    ir_datasets downloads files that are missing in its folder (IR_DATASETS_HOME, or ~/.ir_datasets). InputError if the
    id is unknown, has no queries, or cannot be loaded.
    """
    try:
        dataset = ir_datasets.load(name)
    except KeyError:
        raise InputError(f"dataset {name!r}: unknown to ir_datasets{_similar(name)}") from None
    if not dataset.has_queries():
        raise InputError(f"dataset {name!r}: has no queries{_similar(name + '/')}")
    queries = _read(name, "queries", lambda: list(dataset.queries_iter()))
    qrels = _read(name, "judgements", lambda: list(dataset.qrels_iter())) if dataset.has_qrels() else []
    return Dataset(
        name,
        [query.query_id for query in queries],
        [query.default_text() for query in queries],
        [Qrel(qrel.query_id, qrel.doc_id, qrel.relevance) for qrel in qrels],
    )


def _read(name: str, what: str, read: Callable[[], Sequence[T]]) -> Sequence[T]:
    try:
        return read()
    except Exception as error:  # downloads, archives and parsers raise anything
        home: Any = ir_datasets.util.home_path()
        raise InputError(
            f"dataset {name!r}: ir_datasets cannot read its {what} ({type(error).__name__}: {error}); it reads "
            f"{home} and downloads missing files"
        ) from error


def _similar(name: str) -> str:
    known = [*ir_datasets.registry]
    below = [one for one in known if one.startswith(name)]
    close = below[:5] or difflib.get_close_matches(name, known, n=5, cutoff=0.5)
    return f"; similar ids are {', '.join(close)}" if close else "; https://ir-datasets.com lists all ids"
