"""Documents as JSON lines and as a table."""

from collections.abc import Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from seismic import Document, Index, InputError
from seismic.conversion.plain import to_json
from seismic_tools.terminal.hits import TITLE_COLUMNS
from seismic_tools.terminal.sanitize import json_text, sanitize


def print_documents(documents: Sequence[Document]) -> None:
    """Print one JSON object per line."""
    for id, payload, vector in documents:
        shown: dict[str, Any] = {"id": id, "payload": payload}
        if vector is not None:
            shown["vector"] = vector
        typer.echo(json_text(shown, default=to_json))


def print_ids(documents: Sequence[Document]) -> None:
    """Print one id per line. Raises InputError for ids that a line cannot hold."""
    for document in documents:
        if sanitize(document.id) != str(document.id):
            raise InputError(f"found id {document.id!r}, expected ids without control characters; use --jsonl")
        typer.echo(document.id)


def print_document_table(index: Index, documents: Sequence[Document], columns: Sequence[str] | None) -> None:
    """Print a table of ids and columns; None: the column that identifies a document to a reader."""
    if columns is None:
        columns = [column for column in TITLE_COLUMNS if column in index.columns][:1]
    table = Table(box=None, header_style="bold", pad_edge=False, expand=bool(columns))
    table.add_column("id")
    for column in columns:
        table.add_column(sanitize(column), ratio=1, no_wrap=True)  # they share the remaining width
    for document in documents:
        values = [document.payload[column] for column in columns]
        table.add_row(sanitize(document.id), *("" if value is None else sanitize(value) for value in values))
    Console(markup=False, emoji=False, highlight=False).print(table)  # texts may contain markup
