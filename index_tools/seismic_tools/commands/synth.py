"""`seismic synth`: synthetic collections of any size that are as hard to search as a real one."""

from pathlib import Path
from typing import Annotated

import typer

from seismic import OutputExistsError, ParameterError, StorageError
from seismic_tools.measure.synth.comparison import Comparison, Side, reference
from seismic_tools.measure.synth.files import write_documents
from seismic_tools.measure.synth.measure import SAMPLE, describe
from seismic_tools.measure.synth.recipe import fit, read_source
from seismic_tools.measure.synth.report import report as report_of
from seismic_tools.readers.queries import read_queries
from seismic_tools.terminal.options import finite
from seismic_tools.terminal.progress import progress

app = typer.Typer(add_completion=False)


@app.command()
def synth(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for documents.parquet, README.md and synth.json.")],
    source: Annotated[Path, typer.Option("--from", help="Real documents: a file, or a folder with documents.parquet.")],
    documents: Annotated[int, typer.Option(help="Number of documents to generate.")],
    nnz_mean: Annotated[
        float | None,
        typer.Option(
            min=1, callback=finite, help="Mean number of components per document.", show_default="that of the real ones"
        ),
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(
            help="Queries for the comparison, in any format that `build` reads.",
            show_default="queries.parquet of the folder, or generated from the documents",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed. The same seed gives the same documents.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Threads. The documents do not depend on their number.")] = 1,
) -> None:
    """Generate a synthetic collection of any size.

    Each document mixes the vectors of a few similar real documents. Lengths,
    frequencies, weights, co-occurrence and the share of near-copies follow the
    real collection, scaled to the requested number of components. A report
    compares the statistics of real and synthetic documents and the cost of
    searching the same number of each. A smaller collection is a prefix of a
    larger one. Use it for tests of speed and size, not of effectiveness.

    Examples:

        seismic synth million --from tests/data/scifact --documents 1000000

        seismic synth marco --from mixed --documents 8841823 --nnz-mean 120
    """
    if documents < 1:
        raise ParameterError(f"--documents {documents}: expected at least 1")
    _check_folder(out)
    with progress() as report:
        vectors = read_source(source, out, report)
        given = queries or _queries_of(source)
        some = read_queries(given).vectors if given else None
        with reference(vectors, out, threads, report) as real:
            copies = real.near_copies()
            recipe = fit(vectors, nnz_mean or vectors.nnz / len(vectors), copies, seed, threads, report)
            about: dict[str, object] = {
                "from": source.resolve().name,
                "seed": seed,
                "stretch": recipe.stretch,
                "copies": copies,
            }
            batches = recipe.stream(0, documents, threads)
            out.mkdir(exist_ok=True)
            write_documents(out / "documents.parquet", batches, range(documents), recipe.dimension, about, report)
            written = Side("written", describe(recipe.make(0, min(documents, SAMPLE)), documents), None)
            searched = real.queries(some, seed)
            sides = real.beside(recipe, searched, written)
    named = given.name if given else "generated from the real documents"
    name = source.resolve().name
    comparison = Comparison(name, named, len(searched), documents, seed, recipe.stretch, copies, sides)
    report_of(comparison).write(out, "synth.json", "README.md")
    typer.echo(report_of(comparison).text, nl=False)


def _queries_of(source: Path) -> Path | None:
    path = source / "queries.parquet"
    return path if path.exists() else None


def _check_folder(out: Path) -> None:
    """Raise OutputExistsError if the folder has content, and StorageError if its parent is missing."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputExistsError(f"{out} exists and is not an empty folder; choose another")
    if not out.absolute().parent.is_dir():
        raise StorageError(f"{out.parent} is not a folder; create it first")
