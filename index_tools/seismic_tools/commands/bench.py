"""`seismic bench`: this engine and its rivals side by side, at equal recall."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from seismic import ParameterError, StorageError
from seismic_tools.measure.bench.collection import Choice, prepare
from seismic_tools.measure.bench.engines import NAMES
from seismic_tools.measure.bench.environments import cache_folder
from seismic_tools.measure.bench.plots import draw
from seismic_tools.measure.bench.report import to_json, to_markdown
from seismic_tools.measure.bench.results import Options, Results
from seismic_tools.measure.bench.stages import Bench, choose
from seismic_tools.measure.machine import describe_machine
from seismic_tools.terminal.progress import progress

app = typer.Typer(add_completion=False)


@app.command()
def bench(
    collection: Annotated[
        Path,
        typer.Argument(
            metavar="COLLECTION",
            help="Folder with documents and queries, each a file of that name in a format that `build` reads; "
            "perhaps groundtruth.npz, or .gt: exact answers.",
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder for results.json, results.md, plots, and exact answers.")],
    engines: Annotated[str, typer.Option(help="Which engines, separated by commas.")] = ",".join(NAMES),
    k: Annotated[
        list[int] | None, typer.Option("-k", "--k", help="Hits per query; repeatable.", show_default="10, 100, 1000")
    ] = None,
    queries: Annotated[
        Path | None, typer.Option(help="Other queries, in any format that `build` reads.", show_default=False)
    ] = None,
    queries_limit: Annotated[
        int | None, typer.Option(min=2, help="Use so many queries at most, both halves together.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One build of each engine, and few settings.")] = False,
    repeats: Annotated[int, typer.Option(min=1, help="Timed passes over the queries.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Splits the queries into halves.")] = 0,
    build_threads: Annotated[int, typer.Option(min=1, help="Threads of a build; searches have one.")] = 1,
    environments: Annotated[
        Path | None, typer.Option(help="Folder for the rivals' virtual environments.", show_default="the user's cache")
    ] = None,
) -> None:
    """Compare with other engines: time per query at equal recall, on one thread.

    Every engine is built and searched with many settings on one half of the
    queries; those on its Pareto front are measured on the other half, engines
    in turns. Rivals come from PyPI, each into an environment of its own.

    Examples:

        seismic bench tests/data/scifact --output results --quick

        seismic bench mixed --output results --engines ours,pyseismic-lsr -k 10
    """
    options = Options(
        _names(engines),
        _depths(k),
        str(queries) if queries else None,
        queries_limit,
        quick,
        repeats,
        seed,
        build_threads,
    )
    machine = describe_machine()
    _make(output)
    with progress() as report, TemporaryDirectory(prefix="seismic-bench-") as inner:
        folder, choice = Path(inner), Choice(queries, queries_limit, seed, options.depths)
        prepared = prepare(collection, choice, folder, output / "exact", report)
        stages = Bench(prepared, options.engines, folder / "indexes", quick, report)
        stages.install(environments or cache_folder())
        stages.build(build_threads)
        swept = stages.sweep()
        measured = stages.measure(choose(swept), repeats)
    name, shape, counts, infos = prepared.name, prepared.shape, prepared.queries, list(stages.infos.values())
    results = Results(name, shape, counts, options, machine, infos, stages.builds, measured, swept)
    _write(output, results)
    if not measured:
        raise typer.Exit(1)


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


def _make(output: Path) -> None:
    """Before an hour of measuring, not after."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write to {output}: {error.strerror}") from None


def _write(output: Path, results: Results) -> None:
    markdown = to_markdown(results)
    (output / "results.json").write_bytes(to_json(results))
    (output / "results.md").write_text(markdown)
    typer.echo(markdown, nl=False)
    try:
        draw(results, output)
    except ImportError:
        typer.echo("no plots: they need matplotlib (pip install 'seismic-search[plots]')", err=True)
