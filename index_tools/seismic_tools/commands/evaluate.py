"""`seismic evaluate`: effectiveness and cost of searches, compared with exact answers."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer
from ir_measures import Qrel

import seismic
from seismic import Index, InputError, ParameterError, SearchParams
from seismic_tools.measure.bench.results import Results
from seismic_tools.measure.evaluate.building import build_first
from seismic_tools.measure.evaluate.comparing import System, compare
from seismic_tools.measure.evaluate.dataset import Dataset, load_dataset
from seismic_tools.measure.evaluate.fusing import DEPTH
from seismic_tools.measure.evaluate.measure import EXACT, Request, measure
from seismic_tools.measure.evaluate.others import read_others
from seismic_tools.measure.evaluate.report import report as report_of
from seismic_tools.measure.evaluate.trial import Trial
from seismic_tools.measure.metrics import MEASURES, parse_measures
from seismic_tools.measure.report import make_folder
from seismic_tools.measure.results import read_json
from seismic_tools.readers import Texts
from seismic_tools.readers.field_options import field_texts
from seismic_tools.readers.qrels import read_qrels
from seismic_tools.readers.queries import Queries, Topics, query_texts, read_queries
from seismic_tools.terminal.options import SearchedFields, SearchedWeights, with_params
from seismic_tools.terminal.progress import Report, progress
from seismic_tools.terminal.trec import check_word
from seismic_tools.writers.runs import check_words, write_run

app = typer.Typer(add_completion=False)


@app.command()
@with_params
def evaluate(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    queries: Annotated[
        Path | None,
        typer.Option(help="Queries, in any format that `build` reads: vectors or texts.", show_default=False),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Id in ir_datasets for queries and judgements. --queries may provide the vectors of these queries.",
            show_default=False,
        ),
    ] = None,
    query_encoder: Annotated[
        str | None,
        typer.Option(
            help="Encoder for the texts of the queries, even if they have vectors: a name, ./FOLDER, or `idf` for the "
            "document frequencies of the collection.",
            show_default="that of the collection, for queries without vectors",
        ),
    ] = None,
    topics: Annotated[
        Topics | None,
        typer.Option(
            help="Texts of --queries are plain `text`, or pre-tokenised `tokens` whose count is their weight.",
            show_default="text, unless it looks pre-tokenised",
        ),
    ] = None,
    field: SearchedFields = None,
    weight: SearchedWeights = None,
    id_field: Annotated[
        str | None, typer.Option(help="Field of --queries with the id.", show_default="id, or _id")
    ] = None,
    qrels: Annotated[
        Path | None,
        typer.Option(help="Judgements in the format of TREC or BEIR, or a BEIR folder.", show_default=False),
    ] = None,
    judged_only: Annotated[bool, typer.Option("--judged-only", help="Use only queries with judgements.")] = False,
    ignore_same_id: Annotated[
        bool,
        typer.Option("--ignore-same-id", help="Do not judge the document with the id of the query (ArguAna, Quora)."),
    ] = False,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Use only queries with this value in a column, as column=value; repeatable.", show_default=False
        ),
    ] = None,
    k: Annotated[
        list[int] | None, typer.Option("-k", "--k", help="Hits per query; repeatable.", show_default="10, 100, 1000")
    ] = None,
    threads: Annotated[
        list[int] | None,
        typer.Option(help="Threads for measuring queries per second; repeatable.", show_default="1, and one per CPU"),
    ] = None,
    build: Annotated[
        list[Path] | None,
        typer.Option(
            help="Build the collection from these files first and report time and memory; repeatable.",
            show_default=False,
        ),
    ] = None,
    build_options: Annotated[str, typer.Option(help="Options of `seismic build` for --build.")] = "",
    beside: Annotated[
        Path | None,
        typer.Option(
            help="Another collection to judge with the same queries, such as one with another encoder.",
            show_default=False,
        ),
    ] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="TREC run to judge with the same queries; repeatable.", show_default=False),
    ] = None,
    fuse: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METHOD",
            help="Judge the fusion with --beside and --run, or of fields, too: rrf, weighted or sum, with weights as "
            "sum:0.3,1; repeatable.",
            show_default=False,
        ),
    ] = None,
    fuse_depth: Annotated[int, typer.Option(min=1, help="Hits of each that --fuse fuses.")] = DEPTH,
    measures: Annotated[
        str | None,
        typer.Option(
            help='Measures of ir-measures, such as "nDCG@20 AP(rel=2)".', show_default="nDCG@10 RR@10 R@10 R@100 R@1000"
        ),
    ] = None,
    rivals: Annotated[
        Path | None,
        typer.Option(help="results.json of `seismic bench`, to show its engines in the pictures.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder for report.html, .md and .json, per-query.tsv, TREC runs and pictures.",
            show_default=False,
        ),
    ] = None,
    *,
    params: SearchParams,
) -> None:
    """Measure recall, effectiveness, latency and size.

    Recall is the overlap with the exact top k, averaged over the queries.
    With judgements, reports nDCG@10, RR@10 and R@10, 100 and 1000, averaged
    over the judged queries; each is measured on searches for that many hits.
    Latency is measured with one query at a time. The curves of recall against
    time, drawn with --output, are measured with batches on one thread.
    With --beside, --run or --fuse, differences from the collection have the
    p-value of a paired randomisation test, and --output has all values.

    Examples:

        seismic evaluate scifact --queries queries.parquet --qrels qrels.tsv

        seismic evaluate scifact --queries queries.parquet --where split=test -k 10

        seismic evaluate arguana --queries arguana/ --qrels arguana/ --judged-only --ignore-same-id

        seismic evaluate scifact --queries queries.tsv --query-encoder idf

        seismic evaluate scifact --queries queries.parquet --recall 0.95

        seismic evaluate scifact --queries queries.tsv --field splade --field bm25 --weight splade=0.3

        seismic evaluate scifact --queries queries.parquet --qrels qrels.tsv --run bm25.trec --fuse rrf --fuse sum:0.3,1

        seismic evaluate scifact --queries queries.tsv --qrels qrels.tsv --measures "nDCG@20 AP(rel=2)" --output report

        seismic evaluate msmarco --dataset msmarco-passage/dev/small --queries dev.parquet --output report

        seismic evaluate msmarco --build encoded/ --queries dev.parquet --output report
    """
    depths, counts = _counts("-k", k, [10, 100, 1000]), _counts("--threads", threads, [1, os.cpu_count() or 1])
    fronts = read_json(rivals, Results, "seismic bench").rival_fronts() if rivals else {}
    source = load_dataset(dataset) if dataset else None
    judgements = read_qrels(qrels) if qrels else source.qrels if source else []  # before anything is encoded
    needing: dict[str, object] = {"--beside": beside, "--run": run, "--fuse": fuse, "--judged-only": judged_only}
    needing["--measures"] = measures
    if not judgements and (needless := [option for option, value in needing.items() if value]):
        raise ParameterError(f"{needless[0]} needs judgements: --qrels or --dataset")
    others = read_others(run or (), fuse or (), fuse_depth)
    wanted = MEASURES if measures is None else parse_measures(measures)
    if output:
        make_folder(output)
    cost = build_first(build, collection, build_options) if build else None
    request = Request(depths, params, counts, output is not None, ignore_same_id, wanted)
    with seismic.open(collection) as index, progress() as show:
        if output:
            check_words(index)
        texts = _texts(index, field or [], weight or [], query_encoder, topics, show)
        selected = _queries(index, queries, source, where or (), texts, id_field)
        if judgements:
            judgements, unsearched = _judged(selected, judgements, str(qrels or dataset))
            selected = _only(selected, judgements) if judged_only else selected
        else:
            unsearched = []
        if output:
            for name in selected.ids:
                check_word(name, "query")
        with seismic.open(beside) if beside else nullcontext() as other:
            trial = None
            if other:
                its_texts = _texts(other, [], [], query_encoder, topics, show)
                same = _queries(other, queries, source, where or (), its_texts, id_field)
                rows = {name: row for row, name in enumerate(same.ids)}
                trial = Trial(other, same.take([rows[name] for name in selected.ids]), EXACT, ignore_same_id)
            gathered = others.gathered(Trial(index, selected, EXACT, ignore_same_id), trial)
            measured = measure(
                index,
                selected,
                request,
                judgements,
                unsearched=unsearched,
                beside=trial,
                dataset=dataset,
                build=cost,
                progress=show,
            )
            comparison = gathered.compare(judgements, wanted) if gathered else None
            if comparison:
                measured = measured._replace(
                    evaluation=replace(measured.evaluation, compared=comparison.systems),
                    runs=measured.runs | comparison.runs(max(depths)),
                )
            alone = None
            if output and judgements and not comparison:
                own = System(index.name, Trial(index, selected, EXACT, ignore_same_id).run)
                alone = compare(judgements, [own], {}, wanted)
    report = report_of(measured.evaluation, fronts)
    if output:
        for name, hits in measured.runs.items():
            write_run(output / f"{name}.trec", hits, tag=f"seismic-{name}")
        if per_query := comparison or alone:
            per_query.write(output / "per-query.tsv")
        report.write(output, "report.json", "report.md", "report.html")
    if texts and texts.documents:
        typer.echo(texts, err=True)
    typer.echo(report.text, nl=False)


def _counts(option: str, given: list[int] | None, default: list[int]) -> list[int]:
    counts = sorted(set(given or default))
    if counts[0] < 1:
        raise ParameterError(f"{option} {counts[0]}: expected at least 1")
    return counts


def _texts(
    index: Index, field: Sequence[str], weight: Sequence[str], encoder: str | None, topics: Topics | None, show: Report
) -> Texts | None:
    """Return what encodes queries for a collection, or for some of its fields."""
    if len(index.fields) > 1 or field or weight:
        return field_texts(index, field, weight, show, encoder or topics)
    return query_texts(index, encoder, show, topics)


def _queries(
    index: Index,
    path: Path | None,
    dataset: Dataset | None,
    where: Sequence[str],
    texts: Texts | None,
    id_field: str | None,
) -> Queries:
    if path is None and dataset and texts:
        return Queries(dataset.ids, texts.vectors(pa.table({"text": dataset.texts})))
    if path is None:
        raise ParameterError("--queries is missing: expected a file of queries, or an encoder for those of --dataset")
    queries = read_queries(path, index.vocabulary, where, texts, id_field)
    return dataset.encoded(queries, str(path)) if dataset else queries


def _judged(queries: Queries, qrels: Sequence[Qrel], source: str) -> tuple[list[Qrel], list[str]]:
    """Return the judgements of these queries, and the ids of judged queries that are missing.

    InputError if there are no judgements of these queries.
    """
    known = set(queries.ids)
    judged = [qrel for qrel in qrels if qrel.query_id in known]
    if not judged:
        raise InputError(
            f"{source}: no judgements of these queries; found query ids such as {qrels[0].query_id!r}, "
            f"expected ids such as {queries.ids[0]!r}"
        )
    return judged, list(dict.fromkeys(qrel.query_id for qrel in qrels if qrel.query_id not in known))


def _only(queries: Queries, qrels: Sequence[Qrel]) -> Queries:
    judged = {qrel.query_id for qrel in qrels}
    return queries.take([row for row, name in enumerate(queries.ids) if name in judged])
