"""`seismic bench`: this engine and its rivals side by side, at equal recall."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from seismic import ParameterError
from seismic_tools.measure.bench import growth
from seismic_tools.measure.bench.collection import Choice, prepare
from seismic_tools.measure.bench.engines import NAMES
from seismic_tools.measure.bench.environments import cache_folder
from seismic_tools.measure.bench.report import report
from seismic_tools.measure.bench.results import Options, Results
from seismic_tools.measure.bench.stages import Bench, choose
from seismic_tools.measure.machine import describe_machine
from seismic_tools.measure.report import make_folder
from seismic_tools.measure.results import read_json
from seismic_tools.readers import find_named
from seismic_tools.readers.queries import read_queries
from seismic_tools.terminal.progress import progress

app = typer.Typer(add_completion=False)

RESULTS = "results.json"


@app.command()
def bench(
    collection: Annotated[
        Path | None,
        typer.Argument(
            metavar="COLLECTION",
            show_default=False,
            help="Folder with the files `documents` and `queries`, in any format that `build` reads, and optionally "
            "the exact answers as groundtruth.npz or groundtruth.gt.",
        ),
    ] = None,
    *,
    output: Annotated[Path, typer.Option(help="Folder for results.json, results.md, pictures and exact answers.")],
    engines: Annotated[
        str | None,
        typer.Option(
            help="Engines to compare, separated by commas.",
            show_default=f"{','.join(NAMES)}; with --scale {','.join(growth.ENGINES)}",
        ),
    ] = None,
    k: Annotated[
        list[int] | None, typer.Option("-k", "--k", help="Hits per query; repeatable.", show_default="10, 100, 1000")
    ] = None,
    queries: Annotated[
        Path | None, typer.Option(help="Other queries, in any format that `build` reads.", show_default=False)
    ] = None,
    queries_limit: Annotated[
        int | None, typer.Option(min=2, help="Maximum number of queries, for tuning and measuring together.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One build and few settings per engine.")] = False,
    repeats: Annotated[int, typer.Option(min=1, help="Timed passes over the queries.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Seed for splitting the queries into halves.")] = 0,
    build_threads: Annotated[int, typer.Option(min=1, help="Threads per build. Searches use one thread.")] = 1,
    environments: Annotated[
        Path | None,
        typer.Option(help="Folder for the virtual environments of the rivals.", show_default="the user's cache"),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="SIZES",
            show_default=False,
            help="Compare on synthetic collections of these numbers of documents, separated by commas, that are "
            "derived from COLLECTION (see `synth`).",
        ),
    ] = None,
    redraw: Annotated[
        bool, typer.Option("--redraw", help="Rewrite report and pictures from results.json; measure nothing.")
    ] = False,
) -> None:
    """Compare with other engines: time per query at equal recall, on one thread.

    Every engine is built and searched with many settings on one half of the
    queries. The settings on its Pareto front are then measured on the other
    half, with the engines interleaved. Rivals are installed from PyPI, each
    into its own virtual environment.

    Examples:

        seismic bench tests/data/scifact --output results --quick

        seismic bench mixed --output results --engines ours,pyseismic-lsr -k 10

        seismic bench mixed --output results --scale 1000000,2000000,4000000 -k 10

        seismic bench --output results --redraw
    """
    if redraw:
        results = read_json(output / RESULTS, Results, "seismic bench")
    elif collection is None:
        raise ParameterError("COLLECTION is missing: expected a folder with documents and queries, or --redraw")
    else:
        options = Options(
            _names(",".join(NAMES if scale is None else growth.ENGINES) if engines is None else engines),
            _depths(k),
            str(queries) if queries else None,
            queries_limit,
            quick,
            repeats,
            seed,
            build_threads,
        )
        choice = Choice(queries, queries_limit, seed, options.depths)
        if scale is not None:
            _grow(collection, growth.sizes_of(scale), choice, options, output, environments or cache_folder())
            return
        results = _measure(collection, choice, options, output, environments or cache_folder())
    written = report(results)
    written.write(output, RESULTS, "results.md")
    typer.echo(written.text, nl=False)
    if not results.measured:
        raise typer.Exit(1)


def _grow(
    collection: Path, sizes: list[int], choice: Choice, options: Options, output: Path, environments: Path
) -> None:
    """Measure on a synthetic collection of each size; write its report, and one of all sizes so far."""
    if options.depths[-1] > sizes[0]:
        raise ParameterError(f"-k {options.depths[-1]}: expected at most {sizes[0]}, the smallest size of --scale")
    queries = choice.queries or find_named(collection, "queries")
    read_queries(queries)  # before documents are made, which takes long
    choice = choice._replace(queries=queries)
    make_folder(output)
    steps: list[Results] = []
    with TemporaryDirectory(prefix="seismic-bench-", dir=output) as inner, progress() as report_progress:
        made = growth.collections(collection, sizes, options.seed, options.build_threads, Path(inner), report_progress)
        for size, folder in zip(sizes, made, strict=True):
            steps.append(_measure(folder, choice, options, output / str(size), environments))
            report(steps[-1]).write(output / str(size), RESULTS, "results.md")
            growth.report(steps).write(output, "scale.json", "scale.md")  # stays if a larger size fails
    typer.echo(growth.report(steps).text, nl=False)
    if not any(step.measured for step in steps):
        raise typer.Exit(1)


def _measure(collection: Path, choice: Choice, options: Options, output: Path, environments: Path) -> Results:
    machine = describe_machine()
    make_folder(output)
    with progress() as report, TemporaryDirectory(prefix="seismic-bench-") as inner:
        folder = Path(inner)
        prepared = prepare(collection, choice, folder, output / "exact", report)
        stages = Bench(prepared, options.engines, folder / "indexes", options.quick, report)
        stages.install(environments)
        stages.build(options.build_threads)
        swept = stages.sweep()
        measured = stages.measure(choose(swept), options.repeats)
    return Results(
        collection=prepared.name,
        shape=prepared.shape,
        queries=prepared.queries,
        options=options,
        machine=machine,
        engines=list(stages.infos.values()),
        builds=stages.builds,
        measured=measured,
        swept=swept,
    )


def _names(engines: str) -> list[str]:
    names = [name.strip() for name in engines.split(",")]
    for name in names:
        if name not in NAMES:
            raise ParameterError(f"--engines: found {name!r}, expected some of {', '.join(NAMES)}")
    return list(dict.fromkeys(names))


def _depths(k: list[int] | None) -> list[int]:
    depths = sorted(set(k or (10, 100, 1000)))
    if depths[0] < 1:
        raise ParameterError(f"-k {depths[0]}: expected at least 1")
    return depths
