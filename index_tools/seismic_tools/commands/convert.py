"""`seismic convert`: convert files from one format to another."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer
from rich.filesize import decimal
from xxhash import xxh3_64_hexdigest

import seismic
from seismic import InputError, OutputExistsError, ParameterError, __version__
from seismic.store.collection import is_collection
from seismic.store.failures import file_errors
from seismic_tools.readers import INPUTS, Reading, Tokens, find_files, read_collection, read_vocabulary
from seismic_tools.readers.ids import read_ids
from seismic_tools.readers.neighbours import read_neighbours
from seismic_tools.readers.services import (
    SERVICES,
    Access,
    Wanted,
    access_from_environment,
    is_url,
    parse_address,
    read_service,
)
from seismic_tools.terminal.options import finite
from seismic_tools.terminal.progress import Report, progress
from seismic_tools.terminal.trec import ScoredDoc
from seismic_tools.writers import WRITERS, Writer, Writing, write_vocabulary
from seismic_tools.writers.parts import Parts, kept_parts, put_in_place
from seismic_tools.writers.runs import write_run

app = typer.Typer(add_completion=False)

PANEL = "Services"
"""Heading of the options of services in the help."""

TABLES = tuple(ending for ending, writer in WRITERS.items() if writer.payload)
"""Endings of formats with columns, which hold several fields."""

NEIGHBOURS, RUNS = (".gt", ".ibin"), (".trec", ".run")
"""Endings of ground truth and of runs. Ground truth can be converted to runs only."""


@app.command()
def convert(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help=f"{INPUTS} Ground truth: .gt or .ibin. A service: http://HOST:PORT/COLLECTION with --from.",
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help=f"{', '.join(WRITERS)}. For ground truth: .trec or .run.")],
    source: Annotated[
        str | None,
        typer.Option("--from", help=f"Format of the inputs, as an ending such as csr, or {', '.join(SERVICES)}."),
    ] = None,
    target: Annotated[str | None, typer.Option("--to", help="Format of the output, as an ending such as ciff.")] = None,
    vocabulary: Annotated[
        Path | None,
        typer.Option(help="Vocabulary file: one token per line; the line number, from 0, is the component."),
    ] = None,
    dimension: Annotated[
        int | None, typer.Option(help="Size of the vocabulary. Components beyond it are errors.")
    ] = None,
    id_field: Annotated[
        str | None, typer.Option(help="Field with the id of a document.", show_default="id, or _id")
    ] = None,
    ids: Annotated[
        Path | None,
        typer.Option(help="File with one id per line, for formats without ids: .npz, .csr, .bin.", show_default=False),
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Sort components, sum duplicates, drop zeros.")] = False,
    scale: Annotated[
        float, typer.Option(callback=finite, help="CIFF: factor for weights before they are rounded to integers.")
    ] = 100.0,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted conversion.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite OUT.")] = False,
    vector_name: Annotated[
        str | None,
        typer.Option(
            help="Vector of Qdrant, or field of OpenSearch, to read.",
            rich_help_panel=PANEL,
            show_default="the only one",
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(help="User; the password is that of SOURCE_PASSWORD in the environment.", rich_help_panel=PANEL),
    ] = None,
    page: Annotated[int, typer.Option(min=1, max=10_000, help="Documents per request.", rich_help_panel=PANEL)] = 500,
    text_ids: Annotated[
        bool, typer.Option("--text-ids", help="Write ids as text, also integers.", rich_help_panel=PANEL)
    ] = False,
) -> None:
    """Convert files from one format to another, or the documents of a service.

    Ids and payload are kept where the output format can hold them; a note says
    what is lost. Memory use is bounded for files of any size. OUT appears when
    it is complete. If the conversion is interrupted, finished parts stay beside
    OUT, and the same command with --resume continues from there.

    Examples:

        seismic convert splade/*.jsonl.gz documents.parquet

        seismic convert documents.parquet documents.ciff --vocabulary vocab.txt

        seismic convert base_full.csr.gz documents.bin

        seismic convert base_full.dev.gt run.trec

        seismic convert scifact scifact.ciff

        seismic convert papers papers.parquet

        seismic convert http://127.0.0.1:6333/articles articles.parquet --from qdrant

    An API key of a service is read from SOURCE_API_KEY in the environment.
    """
    began = time.perf_counter()
    if scale <= 0:
        raise ParameterError(f"--scale {scale}: expected a number above 0")
    if out.exists() and not replace:
        raise OutputExistsError(f"{out} exists; choose another name, or add --replace")
    wanted = Wanted((source or "").lower(), vector_name, page, text_ids)
    _check_service(inputs, wanted, user=user, others={"--ids": ids, "--resume": resume})
    paths, ending = [Path(each) for each in inputs], _ending(source)
    if wanted.kind not in SERVICES and any((ending or path.name.lower()).endswith(NEIGHBOURS) for path in paths):
        _check_run(paths, out, _ending(target))
        done, remarks = convert_neighbours(paths[0], out)
    elif wanted.kind not in SERVICES and (several := _with_fields(paths)):
        options = {"--vocabulary": vocabulary, "--dimension": dimension, "--ids": ids, "--id-field": id_field}
        options |= {"--repair": repair, "--resume": resume}
        _check_fields(several, paths, out, _ending(target), options)
        with progress() as report, seismic.open(several) as index:
            done, remarks = f"documents {index.export(out, replace=replace, progress=report):,}", []
    else:
        writer = _writer(out, _ending(target))
        known = read_vocabulary(vocabulary).tokens.to_pylist() if vocabulary else None
        tokens = Tokens(known, growing=False) if known else Tokens()
        width = len(known) if known and dimension is None else dimension
        reading = Reading(tokens, width, repair, id_field=id_field)
        notes: list[str] = []
        with progress() as report:
            if wanted.kind in SERVICES:
                source_parts = _of_service(
                    inputs[0], wanted, access_from_environment(user), out, reading, report, notes
                )
            else:
                reading = reading._replace(ids=read_ids(ids) if ids else None)
                source_parts = _of_files(paths, ending, out, reading, resume, report)
            with source_parts as parts:
                done, remarks = _write(parts, out, writer, known, scale, report)
        remarks = [*notes, *remarks]
    for remark in remarks:
        typer.echo(f"note: {out.name}: {remark}", err=True)
    seconds = time.perf_counter() - began
    typer.echo(f"{done}, size {decimal(out.stat().st_size)}, {seconds:.1f} s: {out}")


def _with_fields(paths: Sequence[Path]) -> Path | None:
    """Return the first collection with several fields, if any."""
    for path in filter(is_collection, paths):
        with seismic.open(path) as index:
            if len(index.fields) > 1:
                return path
    return None


def _check_fields(
    several: Path, paths: Sequence[Path], out: Path, ending: str | None, options: Mapping[str, object]
) -> None:
    """Check that a collection with several fields is the only input, and that the output can hold it."""
    problem = f"{several}: found several fields"
    if len(paths) > 1:
        raise InputError(f"{problem} next to other inputs, expected it alone")
    if given := [name for name, value in options.items() if value]:
        raise ParameterError(f"{problem} and {given[0]}, which is for single vectors")
    if (ending and not out.name.lower().endswith(ending)) or not out.name.lower().endswith(TABLES):
        raise ParameterError(
            f"{problem}, which {out.name} cannot hold; expected a name that ends in {', '.join(TABLES)}"
        )


def convert_neighbours(path: Path, out: Path) -> tuple[str, list[str]]:
    """Convert BigANN ground truth to a TREC run; return a summary and notes for the user."""
    numbers, scores = read_neighbours(path)
    run = (
        ScoredDoc(str(query), str(number), score)
        for query, (row, row_scores) in enumerate(zip(numbers.tolist(), scores.tolist(), strict=True))
        for number, score in zip(row, row_scores, strict=True)
        if number >= 0
    )
    unfinished = out.with_name(f".{out.name}.tmp")
    with file_errors("write", out):
        write_run(unfinished, run, tag="truth")
        put_in_place(unfinished, out)
    return f"queries {len(numbers):,}", ["queries and documents are named by their numbers, from 0"]


@contextmanager
def _of_files(
    paths: Sequence[Path], ending: str | None, out: Path, reading: Reading, resume: bool, report: Report
) -> Iterator[Parts]:
    """Yield the parts of files; rows that earlier parts have are not read again."""
    files = _distinct(find_files(paths, ending))
    with kept_parts(out, _job(files, ending, reading), files, reading.tokens, resume=resume) as parts:
        start, reading = parts.start(), reading._replace(scratch=parts.folder)
        for batch in read_collection(files, reading, partial(report, "read"), ending=ending, start=start):
            parts.add(batch)
        parts.finish()
        yield parts


@contextmanager
def _of_service(
    url: str, wanted: Wanted, access: Access, out: Path, reading: Reading, report: Report, remarks: list[str]
) -> Iterator[Parts]:
    """Yield the parts of a service; nothing stays if reading is interrupted. Adds to `remarks`."""
    address = str(parse_address(url))
    with kept_parts(out, {"service": address}, [address], reading.tokens, resume=False, keep=False) as parts:
        for batch in read_service(url, wanted, access, reading, partial(report, "read"), remarks):
            parts.add(batch)
        parts.finish()
        yield parts


def _write(
    parts: Parts, out: Path, writer: Writer, known: list[str] | None, scale: float, report: Report
) -> tuple[str, list[str]]:
    """Write the parts to `out`; return a summary and notes for the user."""
    tokens = known or (list(parts.tokens) if parts.by_token else None)
    writing = Writing(tokens, parts.by_token and not known, scale, parts.folder, partial(report, "write"))
    unfinished = parts.folder / "output"
    remarks = [*_left_out(parts, writer), *writer.write(unfinished, parts, writing)]
    if writing.numbered_here and not writer.tokens:
        words = out.with_name(f"{out.name}.vocabulary.txt")
        write_vocabulary(words, parts.tokens)
        remarks.append(
            f"components number the tokens in order of appearance; {words.name} lists them, for --vocabulary"
        )
    put_in_place(unfinished, out)
    return f"documents {parts.rows:,}, components {parts.nnz:,}", remarks


def _left_out(parts: Parts, writer: Writer) -> list[str]:
    """Return notes on what the format cannot hold."""
    identity, *others = sorted(parts.schema(), key=lambda field: field.name != "id")
    remarks = []
    if not writer.ids:
        remarks.append("cannot hold ids: documents are named by their numbers, from 0")
    elif not writer.payload and not pa.types.is_string(identity.type):
        remarks.append("holds ids as text")
    if others and not writer.payload:
        remarks.append(
            f"holds only vectors{' and ids' * writer.ids}: {', '.join(each.name for each in others)} left out"
        )
    return remarks


def _check_service(inputs: Sequence[str], wanted: Wanted, user: str | None, others: Mapping[str, object]) -> None:
    """Check that options of services come with one, and no options of files."""
    urls = [each for each in inputs if is_url(each)]
    if wanted.kind not in SERVICES:
        if urls:
            raise ParameterError(f"{urls[0]}: --from {wanted.kind or 'is missing'}; expected {', '.join(SERVICES)}")
        if wanted != Wanted(wanted.kind) or user is not None:
            raise ParameterError("--vector-name, --user, --page and --text-ids are for services; see --from")
        return
    if len(inputs) > 1 or not urls:
        raise ParameterError(
            f"--from {wanted.kind}: found {' '.join(inputs)}, expected one http://HOST:PORT/COLLECTION"
        )
    if given := [name for name, value in others.items() if value]:
        raise ParameterError(f"{given[0]} is for files, not for a service")


def _distinct(files: list[Path]) -> list[Path]:
    for file in files:
        if files.count(file) > 1:
            raise InputError(f"{file}: given twice")
    return files


def _check_run(inputs: Sequence[Path], out: Path, ending: str | None) -> None:
    if len(inputs) > 1 or not (ending or out.name.lower()).endswith(RUNS):
        raise ParameterError(f"{inputs[0]}: ground truth; expected a single input and {' or '.join(RUNS)} as output")


def _writer(out: Path, ending: str | None) -> Writer:
    known = ending or next((each for each in WRITERS if out.name.lower().endswith(each)), None)
    if known not in WRITERS:
        raise ParameterError(f"{out}: cannot write {ending or 'this format'}; expected {', '.join(WRITERS)}")
    return WRITERS[known]


def _ending(name: str | None) -> str | None:
    """ "csr" or ".csr" as ".csr"."""
    return name and f".{name.removeprefix('.').lower()}"


def _state(file: Path) -> tuple[Any, ...]:
    """Return what changes with the content of an input."""
    if is_collection(file):
        with seismic.open(file) as index:
            return index.generation, index.sequence
    stat = file.stat()
    return stat.st_size, stat.st_mtime_ns


def _job(files: Sequence[Path], ending: str | None, reading: Reading) -> dict[str, Any]:
    """Return everything that finished parts depend on."""
    return {
        "release": __version__,
        "inputs": [[str(file.resolve()), *_state(file)] for file in files],
        "ending": ending,
        "vocabulary": xxh3_64_hexdigest("\n".join(reading.tokens).encode()),
        "dimension": reading.dimension,
        "repair": reading.repair,
        "id_field": reading.id_field,
        "ids": None if reading.ids is None else xxh3_64_hexdigest("\n".join(reading.ids.to_pylist()).encode()),
    }
