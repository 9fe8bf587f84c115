"""`seismic search`: run one query."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pyarrow.types import is_integer

import seismic
from seismic import (
    Answer,
    FacetBy,
    Feedback,
    Fusion,
    GroupBy,
    OrderBy,
    ParameterError,
    QueryError,
    Rerank,
    SearchParams,
    SearchRequest,
    load_reranker,
)
from seismic_tools.readers.field_options import of_fields
from seismic_tools.readers.run import read_run
from seismic_tools.terminal.explanation import print_explanation, print_facets
from seismic_tools.terminal.hits import Form, lines_of, print_lines
from seismic_tools.terminal.options import SearchedFields, SearchedWeights, parse_json, with_params
from seismic_tools.terminal.progress import progress
from seismic_tools.terminal.sanitize import sanitize
from seismic_tools.terminal.where import FilterOption, WhereOption, chosen_filter
from seismic_tools.writers.searches import check_options, write_searches

app = typer.Typer(add_completion=False)


@app.command()
@with_params
def search(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    words: Annotated[
        str | None,
        typer.Argument(metavar="TEXT", show_default=False, help="Query as text, for the encoder of the collection."),
    ] = None,
    text: Annotated[str | None, typer.Option(help="The same as TEXT.")] = None,
    tokens: Annotated[str | None, typer.Option(help="Query as a JSON object from token to weight.")] = None,
    vector: Annotated[str | None, typer.Option(help="Query as JSON with `indices` and `values`.")] = None,
    field: SearchedFields = None,
    weight: SearchedWeights = None,
    fusion: Annotated[str, typer.Option(metavar="sum|rrf", help="How fields are fused: by score, or by rank.")] = "sum",
    like: Annotated[
        str | None, typer.Option(metavar="ID", help="Find documents similar to the one with this id.")
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Search all queries of a file, in any format of `build`.", show_default=False
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --queries: write a TREC run to this file.", show_default="print it"),
    ] = None,
    filter: FilterOption = None,
    where: WhereOption = None,
    idf_filter: Annotated[
        str | None,
        typer.Option(
            help="Weigh words by their frequencies among the documents that match this filter, as JSON.",
            show_default=False,
        ),
    ] = None,
    order_by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Without a query: order documents by this column.", show_default="id"),
    ] = None,
    descending: Annotated[bool, typer.Option("--desc", help="With --order-by: largest values first.")] = False,
    k: Annotated[int, typer.Option("-k", "--k", help="Number of hits; 0 for facets and counts only.")] = 10,
    offset: Annotated[int, typer.Option(help="Number of hits to skip.")] = 0,
    facet: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Count the values of this column; repeatable.")
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Group hits by this column and return the best -k groups."),
    ] = None,
    group_size: Annotated[int | None, typer.Option(help="Hits per group. Default: 1.", show_default=False)] = None,
    feedback: Annotated[
        bool,
        typer.Option(
            "--feedback", help="Expand the query with components of its best hits (pseudo-relevance feedback)."
        ),
    ] = False,
    fuse: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Fuse with the hits of another search: JSON lines with id and score; repeatable."
        ),
    ] = None,
    fuse_by: Annotated[str, typer.Option(metavar="rrf|weighted", help="Fusion method: by rank, or by score.")] = "rrf",
    rerank: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Order the best hits by these scores: JSON lines with id and score."),
    ] = None,
    reranker: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Order the best hits by a cross-encoder: tokenizer.json, model.onnx."),
    ] = None,
    rerank_depth: Annotated[int | None, typer.Option(help="Number of hits to order.", show_default="100")] = None,
    rerank_column: Annotated[
        str | None, typer.Option(help="Column that the cross-encoder reads.", show_default="text")
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Show the parts of every score, the reason for the plan, and the work done."),
    ] = False,
    snippets: Annotated[
        bool, typer.Option("--snippets", help="Show the passage of each hit with the strongest matches.")
    ] = False,
    form: Annotated[
        Form | None,
        typer.Option("--format", help="`json`, `csv` (both with payloads) or a `trec` run.", show_default="table"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The same as --format json: one object per hit, including its payload.")
    ] = False,
    *,
    params: SearchParams,
) -> None:
    """Run one query.

    Without a query, --where, --filter, --facet or --order-by list and count
    documents. --queries searches all queries of a file.

    Examples:

        seismic search scifact "do planets orbit stars"

        seismic search scifact --tokens '{"planet": 2.1, "orbit": 0.7}'

        seismic search scifact --like 4983 --explain

        seismic search scifact --vector '{"indices": [7], "values": [1.2]}' -k 3

        seismic search scifact --tokens '{"planet": 2.1}' --recall 0.95

        seismic search scifact --tokens '{"planet": 2.1}' --json | jq .payload

        seismic search scifact "do planets orbit stars" --field bm25 --field splade --weight splade=0.3

        seismic search scifact --text "do planets orbit stars" --group-by year --group-size 2

        seismic search scifact --text "do planets orbit stars" --feedback

        seismic search scifact --text "do planets orbit stars" --fuse dense.jsonl --fuse-by weighted

        seismic search scifact "do planets orbit stars" --reranker cross-encoder --rerank-depth 50

        seismic search scifact "do planets orbit stars" --where 'year>=1990' --where lang=en --snippets

        seismic search scifact --tokens '{"planet": 2.1}' --filter '{"must": [{"key": "year", "range": {"lt": 1990}}]}'

        seismic search scifact --where structured=true --facet n_sentences -k 0

        seismic search scifact "do planets orbit stars" --format csv > hits.csv

        seismic search scifact --queries queries.parquet --run out.trec -k 100
    """
    if k < 0:
        raise ParameterError(f"k is {k}, expected at least 0")
    form = _form(form, as_json=as_json)
    if queries:
        check_options(
            {"TEXT": words, "--text": text, "--tokens": tokens, "--vector": vector, "--like": like, "--facet": facet}
            | {"--order-by": order_by, "--offset": offset, "--group-by": group_by, "--feedback": feedback}
            | {"--fuse": fuse, "--rerank": rerank, "--reranker": reranker, "--explain": explain}
            | {"--idf-filter": idf_filter, "--snippets": snippets}
        )
        with seismic.open(collection) as index, progress() as report:
            chosen = chosen_filter(index, filter, where)
            fields = (field or [], weight or [])
            count = write_searches(index, queries, k, params, chosen, fields, form, run, report)
        typer.echo(f"searched {count:,} queries", err=True)
        return
    if run:
        raise ParameterError("--run needs --queries; --format trec prints the hits of one query")
    listing = filter is not None or bool(where) or bool(facet) or order_by is not None
    query = _query(words, text, tokens, vector, like, optional=listing)
    request: dict[str, Any] = {"params": params, "explain": explain, "snippet": snippets}
    request["idf_filter"] = None if idf_filter is None else parse_json("--idf-filter", idf_filter)
    request["facets"] = [FacetBy(key=column) for column in facet or []] or None
    request["feedback"] = Feedback() if feedback else None
    request["order_by"] = _order(order_by, descending=descending)
    request |= _page(k, offset, group_by, group_size)
    if fuse:
        runs = [read_run(path) for path in fuse]
        with_runs: dict[str, Any] = {"runs": runs, "method": fuse_by, "depth": max(100, offset + k)}
        request["fusion"] = Fusion(**with_runs)
    request["rerank"] = _rerank(rerank, reranker, rerank_depth, rerank_column, offset + k)
    model = None if reranker is None else load_reranker(reranker)
    with seismic.open(collection) as index:
        query = of_fields(query, index.fields, field or [], weight or [], fusion)
        if like is not None and is_integer(index.view.rules.schema.field("id").type):
            query = {"id": int(like) if like.removeprefix("-").isdecimal() else like}
        request["filter"] = chosen_filter(index, filter, where)
        answer = index.ask(SearchRequest(query=query, **request), model)
        print_lines(form or "table", index, lines_of(answer, offset), group_by)
        if form in (None, "table"):
            print_facets(answer)
            print_explanation(answer)
    for warning in answer.warnings:
        typer.echo(sanitize(warning), err=True)
    if answer.unknown:
        typer.echo(f"not in the index: {', '.join(map(sanitize, answer.unknown))}", err=True)
    typer.echo(_summary(answer) if query else _listed(answer), err=form not in (None, "table"))


def _form(form: Form | None, *, as_json: bool) -> Form | None:
    if as_json and form not in (None, "json"):
        raise ParameterError(f"found --json and --format {form}, expected only one of them")
    return "json" if as_json else form


def _page(k: int, offset: int, group_by: str | None, group_size: int | None) -> dict[str, Any]:
    """Return the fields of a request for hits, or for groups of them."""
    if group_by is None:
        if group_size is not None:
            raise ParameterError("--group-size needs --group-by")
        return {"limit": k, "offset": offset}
    if offset:
        raise ParameterError("--offset counts hits and cannot be combined with --group-by")
    return {"group_by": GroupBy(key=group_by, limit=k, size=1 if group_size is None else group_size)}


def _rerank(
    scores: Path | None, reranker: Path | None, depth: int | None, column: str | None, end: int
) -> Rerank | None:
    """Return the field of a request for scores of a file or of a cross-encoder."""
    if (scores is None) == (reranker is None):
        if scores is not None:
            raise ParameterError("found --rerank and --reranker, expected one of them")
        if depth is not None or column is not None:
            raise ParameterError("--rerank-depth and --rerank-column need --reranker, or the former --rerank")
        return None
    given: dict[str, Any] = {"depth": max(Rerank().depth, end) if depth is None else depth}
    if column is not None:
        given["column"] = column
    return Rerank(**given) if scores is None else Rerank(scores=read_run(scores).hits, **given)


def _order(column: str | None, *, descending: bool) -> OrderBy | None:
    if column is None and descending:
        raise ParameterError("--desc needs --order-by")
    return None if column is None else OrderBy(key=column, direction="desc" if descending else "asc")


def _query(
    words: str | None, text: str | None, tokens: str | None, vector: str | None, like: str | None, *, optional: bool
) -> dict[str, Any] | None:
    options = {"TEXT": words, "--text": text, "--tokens": tokens, "--vector": vector, "--like": like}
    given = [option for option, value in options.items() if value is not None]
    if not given and optional:
        return None
    if len(given) != 1:
        raise QueryError(f"found {' and '.join(given) or 'none'}, expected one of {', '.join(options)}")
    if words is not None or text is not None:
        return {"text": text if words is None else words}
    if like is not None:
        return {"id": like}
    return {"tokens": parse_json("--tokens", tokens)} if tokens is not None else parse_json("--vector", vector or "")


def _listed(answer: Answer) -> str:
    matched = "" if answer.matched is None else f"{answer.matched:,} documents match the filter, "
    return f"{matched}{len(answer.hits):,} listed without a query"


def _summary(answer: Answer) -> str:
    stats, profile = answer.stats, answer.profile
    chosen = f" for recall {profile.target:g} (measured: {profile.recall:.4f} at k = {profile.k})" if profile else ""
    matched = "" if answer.matched is None else f"{answer.matched:,} documents match the filter, "
    blocks = max(stats.blocks, stats.blocks_visited)  # term-at-a-time accumulation bounds no blocks
    exact = "exact answer" if answer.exact else "approximate answer"
    return (
        f"{matched}plan {answer.plan}{chosen}, {exact}, {stats.blocks_visited:,} of {blocks:,} blocks visited, "
        f"{stats.documents_scored:,} documents scored"
    )
