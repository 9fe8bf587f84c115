"""`seismic synth`: collections of any size that are as hard to search as a real one."""

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
from seismic_tools.terminal.progress import progress

app = typer.Typer(add_completion=False)


@app.command()
def synth(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for documents.parquet, README.md and synth.json.")],
    source: Annotated[Path, typer.Option("--from", help="Real documents: a file, or a folder with documents.parquet.")],
    documents: Annotated[int, typer.Option(help="How many to make.")],
    nnz_mean: Annotated[
        float | None, typer.Option(min=1, help="Components of a document, on average.", show_default="as the real ones")
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(
            help="Queries to compare with, in any format that `build` reads.",
            show_default="queries.parquet of the folder, or made of the documents",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Same seed, same documents.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Threads; the documents do not depend on them.")] = 1,
) -> None:
    """Make a collection of any size, for tests of speed and size.

    A document mixes the vectors of a few real ones that are near each other:
    lengths, frequencies, weights, what occurs together and how often documents
    nearly repeat are those of the real collection, stretched to the components
    asked for. A report compares statistics and how hard exact and approximate
    search find real documents and as many synthetic ones. A smaller collection
    is the beginning of a larger one.

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
    named = given.name if given else "made of the real documents"
    name = source.resolve().name
    comparison = Comparison(name, named, len(searched), documents, seed, recipe.stretch, copies, sides)
    report_of(comparison).write(out, "synth.json", "README.md")
    typer.echo(report_of(comparison).text, nl=False)


def _queries_of(source: Path) -> Path | None:
    path = source / "queries.parquet"
    return path if path.exists() else None


def _check_folder(out: Path) -> None:
    """Before anything is made: OutputExistsError if there is something already, StorageError if there is no place."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputExistsError(f"{out} exists and is not an empty folder; choose another")
    if not out.absolute().parent.is_dir():
        raise StorageError(f"{out.parent} is no folder; make it first")
