"""Hits of a search as a table and as JSON lines, which another search can be fused with."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from seismic import Answer, Hit, Index, Scores
from seismic.conversion.plain import to_json
from seismic_tools.terminal.sanitize import json_text, sanitize

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


def print_json(index: Index, lines: Sequence[Line]) -> None:
    """Print one JSON object per line."""
    payloads = index.payloads([line.hit.number for line in lines])
    for (rank, hit, group, reranked), payload in zip(lines, payloads, strict=True):
        shown: dict[str, Any] = {"rank": rank, "id": hit.id, "score": hit.score, "payload": payload}
        for scores in reranked:
            shown |= {"search_score": scores.search, "rerank_score": scores.rerank}
        if group:
            shown["group"] = group[0]
        if hit.explanation is not None:
            shown["explanation"] = hit.explanation
        typer.echo(json_text(shown, default=to_json))


def print_table(index: Index, lines: Sequence[Line], group: str | None) -> None:
    """Print a table; `group` is the column that hits are grouped by."""
    title = next((column for column in TITLE_COLUMNS if column in index.columns), None)
    table = Table(box=None, header_style="bold", pad_edge=False, expand=title is not None)
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    reranked = any(line.reranked for line in lines)
    for column in ("in search",) if reranked else ():
        table.add_column(column, justify="right")
    for column in (*([group] if group else []), "id"):
        table.add_column(sanitize(column))
    if title:
        table.add_column(title, ratio=1, no_wrap=True)  # takes the remaining width
    titles = index.payloads([line.hit.number for line in lines], [title] if title else [])
    for (rank, hit, value, both), payload in zip(lines, titles, strict=True):
        before = [f"{scores.search:.4f}" for scores in both]
        excerpt = [sanitize(payload[title] or "")] if title else []
        table.add_row(str(rank), f"{hit.score:.4f}", *before, *map(sanitize, value), sanitize(hit.id), *excerpt)
    Console(markup=False, emoji=False, highlight=False).print(table)  # texts may contain markup
