"""Hits of a search as a table, as JSON lines, which another search can be fused with, as CSV and as a TREC run."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seismic import Answer, Hit, Index, Scores, Snippet
from seismic.conversion.plain import to_json
from seismic_tools.terminal.sanitize import json_text, sanitize
from seismic_tools.terminal.trec import ScoredDoc, run_lines

Form = Literal["table", "json", "csv", "trec"]
"""Formats of hits."""

TITLE_COLUMNS = ("title", "text")
"""Payload columns that identify a document to a reader, in order of preference."""


class Line(NamedTuple):
    """A hit and its rank; in a grouped answer the rank and the value of its group; if it was reranked, its scores."""

    rank: int
    hit: Hit
    group: tuple[Any, ...]
    reranked: tuple[Scores, ...] = ()


def lines_of(answer: Answer, offset: int) -> list[Line]:
    """Return the hits of an answer or of its groups."""
    if answer.groups is None:
        scores = [()] * len(answer.hits) if answer.reranked is None else [(each,) for each in answer.reranked]
        ranked = enumerate(zip(answer.hits, scores, strict=True), offset + 1)
        return [Line(rank, hit, (), both) for rank, (hit, both) in ranked]
    groups = enumerate(answer.groups, 1)
    return [Line(rank, hit, (group.value,)) for rank, group in groups for hit in group.hits]


def print_lines(form: Form, index: Index, lines: Sequence[Line], group: str | None) -> None:
    """Print hits in one of the formats; `group` is the column that they are grouped by."""
    if form == "json":
        print_json(index, lines)
    elif form == "csv":
        print_csv(index, lines)
    elif form == "trec":
        print_trec(lines)
    else:
        print_table(index, lines, group)


def print_json(index: Index, lines: Sequence[Line], **more: Any) -> None:
    """Print one JSON object per line, which begins with `more`."""
    for row in _rows(index, lines):
        typer.echo(json_text({**more, **row}, default=to_json))


def _rows(index: Index, lines: Sequence[Line]) -> Iterator[dict[str, Any]]:
    payloads = index.payloads([line.hit.number for line in lines])
    for (rank, hit, group, reranked), payload in zip(lines, payloads, strict=True):
        shown: dict[str, Any] = {"rank": rank, "id": hit.id, "score": hit.score, "payload": payload}
        for scores in reranked:
            shown |= {"search_score": scores.search, "rerank_score": scores.rerank}
        if group:
            shown["group"] = group[0]
        if hit.snippet is not None:
            shown["snippet"] = hit.snippet._asdict()
        if hit.explanation is not None:
            shown["explanation"] = hit.explanation
        yield shown


def print_csv(index: Index, lines: Sequence[Line]) -> None:
    """Print a line of names and a line per hit; values other than texts and numbers are JSON."""
    rows = [_flat(row) for row in _rows(index, lines)]
    names = [*dict.fromkeys(["rank", "id", "score", *(name for row in rows for name in row), *index.columns])]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    typer.echo(text.getvalue(), nl=False)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Return a hit as cells. A column of the payload named like another one gets a prefix."""
    payload, snippet = row.pop("payload"), row.pop("snippet", None)
    row.pop("explanation", None)
    row |= {f"payload.{name}" if name in row else name: value for name, value in payload.items()}
    row |= {} if snippet is None else {"snippet": snippet["text"]}
    return {name: _cell(value) for name, value in row.items()}


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, bool)):
        return value
    return orjson.dumps(value, default=to_json).decode().strip('"')


def print_trec(lines: Sequence[Line]) -> None:
    """Print the lines of a TREC run, for a query with the id 1."""
    hits = [ScoredDoc("1", str(line.hit.id), line.hit.score) for line in lines]
    typer.echo("".join(run_lines(hits, "seismic")), nl=False)


def print_table(index: Index, lines: Sequence[Line], group: str | None) -> None:
    """Print a table; `group` is the column that hits are grouped by."""
    title = next((column for column in TITLE_COLUMNS if column in index.columns), None)
    passages = any(line.hit.snippet for line in lines)
    table = Table(box=None, header_style="bold", pad_edge=False, expand=title is not None or passages)
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    reranked = any(line.reranked for line in lines)
    for column in ("in search",) if reranked else ():
        table.add_column(column, justify="right")
    for column in (*([group] if group else []), "id"):
        table.add_column(sanitize(column))
    if passages:
        table.add_column("passage", ratio=1)
    elif title:
        table.add_column(title, ratio=1, no_wrap=True)  # takes the remaining width
    titles = index.payloads([line.hit.number for line in lines], [title] if title else [])
    for (rank, hit, value, both), payload in zip(lines, titles, strict=True):
        before = [f"{scores.search:.4f}" for scores in both]
        shown: list[Any] = [_passage(hit.snippet)] if passages else [sanitize(payload[title] or "")] if title else []
        table.add_row(str(rank), f"{hit.score:.4f}", *before, *map(sanitize, value), sanitize(hit.id), *shown)
    Console(markup=False, emoji=False, highlight=False).print(table)  # texts may contain markup


def _passage(snippet: Snippet | None) -> Text:
    """Return a passage on one line, with its matches in bold."""
    shown, done = Text(), 0
    if snippet is None:
        return shown
    for start, end in snippet.highlights:
        shown.append(_kept(snippet.text[done:start]))
        shown.append(_kept(snippet.text[start:end]), style="bold")
        done = end
    shown.append(_kept(snippet.text[done:]))
    return shown


def _kept(text: str) -> str:
    """Return a part of a text made safe, with the blanks at its ends."""
    inner = sanitize(text)
    head = " " if text[:1].isspace() else ""
    return f"{head}{inner}{' ' if inner and text[-1:].isspace() else ''}"
