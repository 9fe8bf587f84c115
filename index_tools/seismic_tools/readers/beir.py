"""BEIR folders: corpus.jsonl, queries.jsonl, and judgements in qrels/test.tsv and other splits."""

from pathlib import Path
from typing import Literal

from seismic import InputError

Role = Literal["corpus", "queries"]

ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst")


def member(folder: Path, role: Role) -> Path | None:
    """Return the corpus or the queries of a BEIR folder; None if it is another folder."""
    found = {name: [folder / f"{name}{ending}" for ending in ENDINGS] for name in ("corpus", "queries")}
    existing = {name: [path for path in paths if path.is_file()] for name, paths in found.items()}
    return existing[role][0] if all(existing.values()) else None


def judgements_of(folder: Path) -> Path:
    """Return the judgements of the test split in a BEIR folder or its folder `qrels`; InputError if there are none."""
    splits = folder / "qrels" if (folder / "qrels").is_dir() else folder
    if (splits / "test.tsv").is_file():
        return splits / "test.tsv"
    found = sorted(path.name for path in splits.glob("*.tsv"))
    if len(found) == 1:
        return splits / found[0]
    raise InputError(
        f"{splits}: found {', '.join(found) or 'no .tsv file'}, expected test.tsv; or name one of the files"
    )
