"""`seismic tune`: find the fastest settings for a recall, and store them with the index."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import seismic
from seismic import ParameterError
from seismic.maintenance.tune import DEPTHS, TARGETS
from seismic_tools.readers.queries import Topics
from seismic_tools.readers.query_vectors import read_vectors
from seismic_tools.terminal.profiles import profile_table
from seismic_tools.terminal.progress import progress
from seismic_tools.terminal.sanitize import json_text

app = typer.Typer(add_completion=False)


@app.command()
def tune(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    queries: Annotated[
        Path | None,
        typer.Option(help="Queries, in any format that `build` reads.", show_default="generated from the documents"),
    ] = None,
    k: Annotated[
        list[int] | None,
        typer.Option("-k", "--k", help="Hits per query; repeatable.", show_default=", ".join(map(str, DEPTHS))),
    ] = None,
    targets: Annotated[
        str, typer.Option(help="Target recalls, separated by commas. Exact search is always measured.")
    ] = ",".join(map(str, TARGETS)),
    topics: Annotated[
        Topics | None,
        typer.Option(
            help="Texts of --queries are plain `text`, or pre-tokenised `tokens` whose count is their weight.",
            show_default="text, unless it looks pre-tokenised",
        ),
    ] = None,
    id_field: Annotated[
        str | None, typer.Option(help="Field of --queries with the id.", show_default="id, or _id")
    ] = None,
    sample: Annotated[int, typer.Option(help="Maximum number of queries, drawn at random.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed for drawing the queries.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find the fastest settings that reach a recall.

    For each target recall and number of hits, finds the fastest settings whose
    recall against exact search is proven with 95 % confidence on the queries,
    and stores them with the index. Searches with `--recall 0.97` (in Python
    `recall=0.97`) then use them; where no faster setting is proven, they are
    exact. Tune again after a new generation is published.

    Use real queries if you have them. A proven recall holds for queries like
    those it was measured with, and generated queries only resemble real ones.

    Examples:

        seismic tune scifact --queries queries.parquet

        seismic tune scifact -k 10 -k 100 --targets 0.95,0.99

        seismic tune scifact --sample 2500 --json | jq '.[].microseconds'
    """
    recalls = _recalls(targets)
    with progress() as report:
        vectors = read_vectors(collection, queries, topics, id_field) if queries else None
        profiles = seismic.tune(
            collection, vectors, depths=k or DEPTHS, targets=recalls, sample=sample, seed=seed, progress=report
        )
    if as_json:
        typer.echo(json_text([profile.model_dump() for profile in profiles], indent=True))
    else:
        Console(highlight=False).print(profile_table(profiles))


def _recalls(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ParameterError(f"--targets: found {text!r}, expected recalls such as 0.9,0.95") from None
