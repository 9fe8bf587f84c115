"""TREC files: judgements (qrels) in, runs out."""

from collections.abc import Iterable
from pathlib import Path

from ir_measures import Qrel, ScoredDoc

from seismic import InputError


def read_qrels(path: Path) -> list[Qrel]:
    """Judgements, a line each: query id, an ignored field, document id, relevance. InputError names the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as qrels: {error}") from None
    qrels = []
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields:
            continue
        try:
            query, _, document, relevance = fields
            qrels.append(Qrel(query, document, int(relevance)))
        except ValueError:
            raise InputError(
                f"{path}, line {number}: found {line!r}, expected query id, 0, document id, relevance (an integer)"
            ) from None
    if not qrels:
        raise InputError(f"{path}: no judgements in it")
    return qrels


def write_run(path: Path, run: Iterable[ScoredDoc], tag: str) -> None:
    """A TREC run. `run` is in order: queries one after another, each with its best document first."""
    with path.open("w", encoding="utf-8") as file:
        query, rank = None, 0
        for hit in run:
            rank = rank + 1 if hit.query_id == query else 1
            query = hit.query_id
            if len(hit.doc_id.split()) != 1:
                raise InputError(f"document id {hit.doc_id!r} is not one word, which a TREC run needs")
            file.write(f"{query} Q0 {hit.doc_id} {rank} {hit.score:.6f} {tag}\n")
