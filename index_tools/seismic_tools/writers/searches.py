"""Search many queries of a file, and write all their hits."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from seismic import Hit, Index, ParameterError, SearchParams
from seismic_tools.readers import Texts
from seismic_tools.readers.field_options import field_texts
from seismic_tools.readers.queries import query_texts, read_queries
from seismic_tools.terminal.hits import Form, Line, print_json
from seismic_tools.terminal.progress import Report
from seismic_tools.terminal.trec import ScoredDoc, run_lines
from seismic_tools.writers.runs import write_run

TAG = "seismic"

BATCH = 1024
"""Queries that are searched together."""


def check_options(options: Mapping[str, Any]) -> None:
    """Raise ParameterError for options of single queries next to --queries."""
    for name, value in options.items():
        if value:
            raise ParameterError(f"{name} is for one query, found it with --queries; leave out either")


def write_searches(
    index: Index,
    queries: Path,
    k: int,
    params: SearchParams,
    filter: Mapping[str, Any] | None,
    fields: tuple[Sequence[str], Sequence[str]],
    form: Form | None,
    run: Path | None,
    report: Report,
) -> int:
    """Search the queries of a file, write their hits to the file `run` or print them, and return their number.

    `fields`: those to search, and their weights. Raises InputError, ParameterError or StorageError.
    """
    if form in ("table", "csv") or (form == "json" and run):
        raise ParameterError(f"--format {form} is for one query; --queries writes trec, and json without --run")
    several = len(index.fields) > 1 or any(fields)
    texts: Texts | None = field_texts(index, *fields, report) if several else query_texts(index, None, report)
    found = read_queries(queries, index.vocabulary, texts=texts)

    def hits() -> Iterator[tuple[str, list[Hit]]]:
        for first in range(0, len(found.ids), BATCH):
            part = found.vectors.slice(first, min(first + BATCH, len(found.ids)))
            numbers, scores = index.search_batch(part, k, params=params, filter=filter)
            for query, row, values in zip(found.ids[first:], numbers.tolist(), scores.tolist(), strict=False):
                named = zip(index.document_ids(row), values, row, strict=True)
                yield query, [Hit(id, score, number) for id, score, number in named if number >= 0]
            report("search", first + len(part), len(found.ids))

    if form == "json":
        for query, listed in hits():
            print_json(index, [Line(rank, hit, ()) for rank, hit in enumerate(listed, 1)], query=query)
        return len(found.ids)
    scored = (ScoredDoc(query, str(hit.id), hit.score) for query, listed in hits() for hit in listed)
    if run:
        write_run(run, scored, TAG)
    else:
        for line in run_lines(scored, TAG):
            typer.echo(line, nl=False)
    return len(found.ids)
