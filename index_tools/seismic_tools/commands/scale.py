"""`seismic scale`: measure how build and search costs grow with the collection."""

import shutil
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

import seismic
from seismic import BuildParams, OutputExistsError, ParameterError, Profile
from seismic.conversion.sizes import parse_bytes
from seismic_tools.measure.machine import describe_machine
from seismic_tools.measure.report import make_folder
from seismic_tools.measure.scale.growth import Growth, Step
from seismic_tools.measure.scale.processes import run
from seismic_tools.measure.scale.report import report as report_of
from seismic_tools.measure.synth.files import write_documents
from seismic_tools.measure.synth.recipe import fit, read_source
from seismic_tools.readers.queries import read_queries
from seismic_tools.terminal.options import finite
from seismic_tools.terminal.progress import progress

app = typer.Typer(add_completion=False)

SIZES = "500000,1000000,2000000,4000000,8841823"
COMMAND = "seismic_tools.cli"


@app.command()
def scale(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for scale.json, scale.md and scale.png.")],
    source: Annotated[
        Path,
        typer.Option(
            "--from", help="Real documents to derive synthetic ones from: a file, or a folder with documents.parquet."
        ),
    ],
    queries: Annotated[Path, typer.Option(help="Queries, in any format that `build` reads.")],
    sizes: Annotated[str, typer.Option(help="Numbers of documents, separated by commas.")] = SIZES,
    nnz_mean: Annotated[
        float, typer.Option(min=1, callback=finite, help="Mean number of components per document.")
    ] = 120,
    copies: Annotated[float, typer.Option(min=0, max=1, help="Share of near-copies.")] = 0.04,
    k: Annotated[
        list[int] | None, typer.Option("-k", "--k", help="Hits per query; repeatable.", show_default="10, 100, 1000")
    ] = None,
    sample: Annotated[int, typer.Option(min=1, help="Maximum number of queries.")] = 300,
    layout: Annotated[str, typer.Option(help="Layout of the indexes, as in `build`.")] = "shared",
    memory: Annotated[str, typer.Option(help="Memory limit per build.")] = "8GB",
    workers: Annotated[int, typer.Option(min=1, help="Threads per build. Searches use one thread.")] = 1,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed. The same seed gives the same documents.")] = 0,
) -> None:
    """Measure how build and search costs grow with the collection.

    For each size, generates synthetic documents (see `seismic synth`; a smaller
    size is a prefix of a larger one), then builds, opens and tunes an index,
    each in a separate process. Needs 10 bytes of disk per component in addition
    to the index. Everything except the results is removed at the end.

    Examples:

        seismic scale results --from mixed --queries queries.parquet --memory 8GB

        seismic scale results --from scifact --queries queries.parquet --sizes 1000,2000 -k 10
    """
    counts = _counts(sizes)
    parse_bytes(memory)
    given: dict[str, Any] = {"layout": layout}
    BuildParams(**given)
    if k and min(k) < 1:
        raise ParameterError(f"-k {min(k)}: expected at least 1")
    read_queries(queries)  # before documents are made, which takes long
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise OutputExistsError(f"{output} exists and is not an empty folder; choose another")
    make_folder(output)
    options = {"nnz_mean": nnz_mean, "copies": copies, "sample": sample, "layout": layout, "memory": memory}
    machine = describe_machine()
    build = ["--layout", layout, "--memory", memory, "--workers", str(workers)]
    tune = ["--queries", str(queries), "--sample", str(sample), "--json"]
    tune += [part for depth in k or () for part in ("-k", str(depth))]
    growth = Growth(source.resolve().name, queries.name, machine, {**options, "workers": workers, "seed": seed}, [])
    scratch = output / "scratch"
    scratch.mkdir()
    try:
        with progress() as report:
            recipe = fit(read_source(source, scratch, report), nnz_mean, copies, seed, workers, report)
            for first, count in zip([0, *counts], counts, strict=False):
                part = scratch / f"documents-{count:012}.parquet"
                batches = recipe.stream(first, count, workers)
                about: dict[str, object] = {"from": growth.source, "first": first, **options}
                write_documents(part, batches, range(first, count), recipe.dimension, about, report)
                growth.steps.append(_measure(scratch, build, tune))
                report_of(growth).write(output, "scale.json", "scale.md")  # stays if a larger size fails
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    typer.echo(report_of(growth).text, nl=False)


def _measure(scratch: Path, build: list[str], tune: list[str]) -> Step:
    """Build an index of the documents written so far, open it, tune it, and remove it."""
    index = scratch / "index"
    parts = sorted(scratch.glob("documents-*.parquet"))
    _, built = run(COMMAND, "build", *parts, index, *build)
    opened = orjson.loads(run("seismic_tools.measure.scale.opening", index)[0])
    found, tuned = run(COMMAND, "tune", index, *tune)
    with seismic.open(index) as opened_index:
        manifest = opened_index.manifest
    profiles = [Profile(**one) for one in orjson.loads(found)]
    shutil.rmtree(index)
    shards = len(manifest.shards)
    return Step(manifest.documents, manifest.nnz, shards, manifest.bytes, built, tuned, **opened, profiles=profiles)


def _counts(sizes: str) -> list[int]:
    try:
        counts = sorted({int(part) for part in sizes.split(",")})
    except ValueError:
        raise ParameterError(f"--sizes: found {sizes!r}, expected numbers such as 1000,2000") from None
    if counts[0] < 1:
        raise ParameterError(f"--sizes: found {counts[0]}, expected at least 1")
    return counts
