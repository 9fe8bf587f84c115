"""PyTerrier: an index artifact, its indexer and its retriever.

PyTerrier's conventions: documents have `docno` and `toks`, queries `qid` and `query_toks`, both mappings from token to
weight; texts are `text` and `query`.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from seismic.builder.build import build
from seismic.encoders import Encoder, encode_texts, fit_bm25, load_encoder
from seismic.errors import InputError
from seismic.extras import hinted
from seismic.index import Index, open_index
from seismic.maintenance.snapshot import create_snapshot, restore_snapshot
from seismic.vectors import SparseVectors

with hinted():
    import pyterrier as pt

import pandas as pd  # comes with PyTerrier

BATCH = 10_000
"""Documents that are converted or encoded together."""

HELP = "https://github.com/seismic-search/seismic/blob/main/docs/integrations.md"

_TYPE, _FORMAT = "sparse_index", "seismic_search"


class SeismicIndex(pt.Artifact):
    """A collection as a PyTerrier artifact; `path` need not exist until it is searched."""

    ARTIFACT_TYPE, ARTIFACT_FORMAT, ARTIFACT_PACKAGE_HINT = _TYPE, _FORMAT, "seismic-search[pyterrier]"

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)

    @cached_property
    def collection(self) -> Index:
        """The index that is searched. Raises StorageError."""
        return open_index(self.path)

    def indexer(self, **options: Any) -> "SeismicIndexer":
        """Return an indexer that builds this collection; `options` are those of `SeismicIndexer`."""
        return SeismicIndexer(self.path, **options)

    def retriever(self, num_results: int = 1000, **options: Any) -> "SeismicRetriever":
        """Return a retriever; `options` are those of `SeismicRetriever`."""
        return SeismicRetriever(self, num_results, **options)

    def _package_files(self) -> Iterator[tuple[str, str | BytesIO]]:
        """Yield the files of a consistent copy, with all changes, whatever is written meanwhile."""
        with tempfile.TemporaryDirectory(prefix="seismic-artifact-") as scratch:
            copy = SeismicIndex(Path(scratch, "collection"))
            create_snapshot(self.path, Path(scratch, "snapshot"))
            restore_snapshot(Path(scratch, "snapshot"), copy.path)
            yield from super(SeismicIndex, copy)._package_files()


def describe(_: str, files: Sequence[str]) -> dict[str, str] | None:
    """Return the type and format of a folder with `files` if it is a collection: for `pt.Artifact.load`."""
    return {"type": _TYPE, "format": _FORMAT} if {"CURRENT", "generations"} <= {*files} else None


class SeismicIndexer(pt.Indexer):
    """Build a collection of documents with `docno` and `toks`, or, with `encoder`, `docno` and `text`.

    `encoder`: an Encoder, or a name such as "splade-tiny" or "bm25". `columns`: fields to store; None: all others.
    `overwrite`: publish a new generation of a collection that exists. `options`: arguments of `seismic.build`.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        encoder: Encoder | str | None = None,
        columns: Sequence[str] | None = None,
        overwrite: bool = False,
        **options: Any,
    ) -> None:
        self.path, self.columns, self.overwrite, self.options = path, columns, overwrite, options
        self.encoder = load_encoder(encoder) if isinstance(encoder, str) else encoder

    def index_inputs(self) -> list[list[str]]:
        """Return the fields that documents need."""
        return [["docno", "toks"] if self.encoder is None else ["docno", "text"]]

    def index(self, iter: Iterable[Mapping[str, Any]], **unknown: Any) -> SeismicIndex:
        """Build the collection and return it. Raises InputError, which names the document, or StorageError."""
        if unknown:
            raise InputError(f"found {', '.join(unknown)}, expected options in the constructor")
        rows: list[dict[str, Any]] = []
        numbers: dict[str, int] = {}
        parts = [self._vectors(batch, numbers, rows) for batch in _batches(iter)]
        options: dict[str, Any] = {**self.options, "replace": self.overwrite}
        if self.encoder is None:
            vectors, options["vocabulary"] = SparseVectors.concatenate(parts), [*numbers]
        elif self.encoder.entry.bm25 is None:
            vectors, options["encoder"] = SparseVectors.concatenate(parts), self.encoder.recorded()
        else:
            fitted = fit_bm25([row["text"] for row in rows], self.encoder.entry.bm25)
            vectors, options["encoder"] = fitted.vectors, fitted.encoder.recorded()
        build(vectors, self.path, documents=pa.Table.from_pylist(self._stored(rows)), **options)
        return SeismicIndex(self.path)

    def _vectors(
        self, batch: list[Mapping[str, Any]], numbers: dict[str, int], rows: list[dict[str, Any]]
    ) -> SparseVectors:
        """Return the vectors of a batch, and append its documents to `rows`. New tokens get the next `numbers`."""
        needed = self.index_inputs()[0]
        for document in batch:
            if missing := [field for field in needed if field not in document]:
                raise InputError(f"document {len(rows)}: found no {missing[0]}, expected {' and '.join(needed)}")
            rows.append({"id": document["docno"], **{name: document[name] for name in document if name not in _KEYS}})
        if self.encoder is None:
            return SparseVectors.from_dicts(
                [
                    {numbers.setdefault(token, len(numbers)): weight for token, weight in one["toks"].items()}
                    for one in batch
                ]
            )
        if self.encoder.entry.bm25 is not None:
            return SparseVectors.from_dicts([])  # needs all texts
        return encode_texts(self.encoder.encode_documents, [one["text"] for one in batch]).vectors

    def _stored(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if self.columns is None:
            return rows
        return [{name: row.get(name) for name in ("id", *self.columns)} for row in rows]


_KEYS = ("docno", "toks")


class SeismicRetriever(pt.Transformer):
    """Retrieve the best documents for `query_toks`, or for `query` by the encoder of the collection.

    `recall`: None is exact. `columns`: payload columns to return. `threads`: threads for a frame of queries. `filter`:
    see docs/filters.md. Scores are inner products.
    """

    def __init__(
        self,
        index: SeismicIndex,
        num_results: int = 1000,
        *,
        recall: float | None = None,
        columns: Sequence[str] | None = None,
        threads: int = 1,
        filter: Any = None,
    ) -> None:
        self.index, self.num_results, self.recall = index, num_results, recall
        self.columns = columns or None  # PyTerrier takes an empty list for one of transformers
        self.threads, self.filter = threads, filter

    def transform(self, inp: pd.DataFrame) -> pd.DataFrame:
        """Return a row per hit: the columns of its query, `docno`, `score`, `rank` and `columns`."""
        with pt.validate.any(inp, context=self) as accepts:
            accepts.query_frame(extra_columns=["query_toks"], mode="query_toks")
            accepts.query_frame(extra_columns=["query"], mode="query")
        asked = inp[accepts.mode].tolist()
        queries = [{"tokens": one} for one in asked] if accepts.mode == "query_toks" else asked
        index = self.index.collection.frozen()
        numbers, scores = index.search_batch(
            queries, self.num_results, recall=self.recall, threads=self.threads, filter=self.filter
        )
        rows, ranks = np.nonzero(numbers >= 0)
        numbers = numbers[rows, ranks]
        found = inp.drop(columns=["docno", "score", "rank", *(self.columns or ())], errors="ignore").iloc[rows]
        found = found.reset_index(drop=True).assign(
            docno=pd.Series([str(id) for id in index.document_ids(numbers)], dtype=object),
            score=scores[rows, ranks],
            rank=ranks + pt.model.FIRST_RANK,
        )
        if self.columns is not None:
            payloads = index.payloads(numbers, self.columns)
            found = found.assign(**{name: [payload[name] for payload in payloads] for name in self.columns})
        return found

    def fuse_rank_cutoff(self, k: int) -> "SeismicRetriever":
        """Return a retriever of at most k hits, for `retriever % k`."""
        options = {"recall": self.recall, "columns": self.columns, "threads": self.threads, "filter": self.filter}
        return self if k >= self.num_results else SeismicRetriever(self.index, k, **options)

    def schematic(self, *, input_columns: list[str] | None = None) -> dict[str, Any]:
        """Return the label of diagrams."""
        return {"label": "Seismic", "help_url": HELP}

    def __repr__(self) -> str:
        return f"SeismicRetriever({self.index.path}, {self.num_results})"


def _batches(documents: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    remaining = iter(documents)
    while batch := [*islice(remaining, BATCH)]:
        yield batch
