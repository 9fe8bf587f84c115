"""`seismic evaluate`: what a plan finds and costs, beside the exact answer."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from ir_measures import Qrel, ScoredDoc

import seismic
from index_tools.options import with_params
from index_tools.queries import Queries, read_queries
from index_tools.report import Evaluation, to_json, to_markdown
from index_tools.runs import read_qrels, write_run
from index_tools.trial import Trial
from seismic import Index, InputError, SearchParams, StorageError

app = typer.Typer(add_completion=False)


@app.command()
@with_params
def evaluate(
    collection: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the collection.")],
    queries: Annotated[Path, typer.Option(help="Queries, in any format that `build` reads.")],
    qrels: Annotated[Path | None, typer.Option(help="Judgements in TREC format.")] = None,
    k: Annotated[int, typer.Option("-k", "--k", help="Hits per query, for recall and time.")] = 10,
    where: Annotated[
        list[str] | None, typer.Option(help="Only queries whose column has this value: column=value; repeatable.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads for queries per second.")] = 1,
    output: Annotated[
        Path | None, typer.Option(help="Folder for report.json, report.md and run.trec.", show_default=False)
    ] = None,
    *,
    params: SearchParams,
) -> None:
    """Measure recall, effectiveness, latency and size.

    Recall is the overlap with the exact top k, averaged over the queries.
    With judgements, nDCG@10, RR@10 and R@100 are averaged over the judged
    queries, each from searches for as many hits as it looks at.

    Examples:

        seismic evaluate scifact --queries queries.parquet --qrels qrels.tsv

        seismic evaluate scifact --queries queries.parquet --where split=test

        seismic evaluate scifact --queries queries.parquet --recall 0.95

        seismic evaluate scifact --queries queries.jsonl --plan blocks --query-cut 5 --k 100
    """
    with seismic.open(collection) as index:
        selected = read_queries(queries, index.vocabulary, where or ())
        judgements = _of_queries(read_qrels(qrels), selected, qrels) if qrels else []
        evaluation, run = measure(index, selected, judgements, k, params, threads)
    typer.echo(to_markdown(evaluation), nl=False)
    if output:
        _write(output, evaluation, run)


def measure(
    index: Index,
    queries: Queries,
    qrels: Sequence[Qrel] = (),
    k: int = 10,
    params: SearchParams | None = None,
    threads: int = 1,
) -> tuple[Evaluation, list[ScoredDoc]]:
    """What `params` finds and costs beside the exact plan, and its run: the k best documents of every query.

    `qrels`: judgements of these queries, if there are any; `threads` matter for queries per second only.
    """
    params = params or SearchParams()
    exact = Trial(index, queries, SearchParams(plan="exact"), threads)
    named = params if params.recall is not None else params.replace(plan=_plan(index, queries, params))
    chosen = Trial(index, queries, named, threads)
    truth = exact.search(k)[0]
    trials = [exact] if chosen.params == exact.params else [exact, chosen]
    evaluation = Evaluation(
        collection=index.name,
        generation=index.generation,
        documents=len(index),
        bytes=index.manifest.bytes,
        queries=len(queries.ids),
        judged=len({qrel.query_id for qrel in qrels}),
        k=k,
        threads=threads,
        plans=[trial.measure(k, truth, qrels) for trial in trials],
        environment={"seismic": seismic.__version__, "python": platform.python_version(), "cpus": os.cpu_count()},
    )
    return evaluation, chosen.run(k)


def _plan(index: Index, queries: Queries, params: SearchParams) -> str:
    """The plan that `params` come to on this index."""
    return index.answer(queries.vectors.slice(0, 1), 1, params=params).plan


def _of_queries(qrels: list[Qrel], queries: Queries, path: Path) -> list[Qrel]:
    """The judgements of these queries; InputError if there are none."""
    known = set(queries.ids)
    judged = [qrel for qrel in qrels if qrel.query_id in known]
    if not judged:
        raise InputError(
            f"{path}: judges none of the queries; it has query ids such as {qrels[0].query_id!r}, "
            f"the queries have ids such as {queries.ids[0]!r}"
        )
    return judged


def _write(folder: Path, evaluation: Evaluation, run: list[ScoredDoc]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_bytes(to_json(evaluation))
        (folder / "report.md").write_text(to_markdown(evaluation))
        write_run(folder / "run.trec", run, tag="seismic")
    except OSError as error:
        raise StorageError(f"cannot write to {folder}: {error.strerror}") from None
