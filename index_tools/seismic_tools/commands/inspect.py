"""`seismic inspect`: contents of an index, from its manifest and Arrow files; or features of the CPU."""

from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

import seismic
from seismic import Index, ParameterError, Profile
from seismic.fields.joined import JoinedVocabulary
from seismic.store.collection import GENERATIONS
from seismic.store.manifest import VOCABULARY, Manifest
from seismic.store.schema import DOCUMENTS, MAXIMA, POSTINGS
from seismic_tools.terminal.cpu import describe_cpu
from seismic_tools.terminal.profiles import profile_table
from seismic_tools.terminal.sanitize import json_text, sanitize

app = typer.Typer(add_completion=False)


@app.command()
def inspect(
    collection: Annotated[
        Path | None, typer.Argument(metavar="COLLECTION", show_default=False, help="Folder of the collection.")
    ] = None,
    about_cpu: Annotated[
        bool, typer.Option("--cpu", help="Show the features of this CPU and the kernels in use.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also show files, statistics, profiles and how it was built.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON; sizes are in bytes.")] = False,
) -> None:
    """Show what a collection holds, or the features of this CPU.

    Examples:

        seismic inspect scifact

        seismic inspect scifact --all

        seismic inspect scifact --json | jq .files

        seismic inspect --cpu
    """
    if about_cpu:
        if collection is not None:
            raise ParameterError(f"inspect --cpu {collection}: expected either --cpu or a folder")
        report, show = describe_cpu(), _print_cpu
    elif collection is not None:
        with seismic.open(collection) as index:
            if not (everything or as_json):
                _print_rows(_console(), index.name, summary(index))
                return
            report, show = describe(index, collection / GENERATIONS / index.generation), _print
    else:
        raise ParameterError("inspect: expected the folder of a collection, or --cpu")
    if as_json:
        typer.echo(json_text(report, indent=True))
    else:
        show(report)


def summary(index: Index) -> list[tuple[str, Any]]:
    """Return what matters most of a collection."""
    manifest, view = index.manifest, index.view
    facts: list[tuple[str, Any]] = [("documents", f"{len(index):,}")]
    facts.append(("columns", [f"{field.name}: {field.type}" for field in list(view.rules.schema)[1:]] or "none"))
    facts.append(("ids", view.rules.schema.field("id").type))
    if len(index.fields) > 1:
        for field in index.fields:
            reads = f"{field.encoder.name} of {', '.join(field.columns)}" if field.encoder else "no encoder"
            facts.append((f"field {field.name}", f"{reads}, weight {field.weight:g}"))
    elif entry := manifest.encoder:
        facts.append(("encoder", f"{entry.name} of {', '.join(entry.fields)}"))
        if entry.documents_cut:
            facts.append(("too long", f"{entry.documents_cut:,} documents, of which the end was cut off"))
        if entry.chunks:
            facts.append(("chunks", f"{entry.chunks.size} word pieces, {entry.chunks.overlap} of them repeated"))
    tokens = "" if index.vocabulary is None else ", with tokens"
    facts.append(("components", f"{index.dimension:,}{tokens}"))
    facts.append(("size", f"{decimal(manifest.bytes)} (layout {manifest.layout}, shards {len(manifest.shards)})"))
    facts += [(f"kept of the {name}", share) for name, share in (_kept_row(one.model_dump()) for one in manifest.kept)]
    facts.append(("generation", f"{index.generation}, changes up to {index.sequence}"))
    if view.changed:
        facts.append(("changed since", f"{view.changed:,} documents; `seismic compact` merges them"))
    if index.profiles:
        targets = dict.fromkeys(f"{one.target:g}" for one in index.profiles)
        facts.append(("tuned for recall", list(targets)))
    return facts


def describe(index: Index, folder: Path) -> dict[str, Any]:
    """Return everything that `inspect` shows about the generation in `folder`; sizes in bytes."""
    manifest = index.manifest
    return {
        "index": {
            "collection": index.name,
            "generation": index.generation,
            "format": manifest.format,
            "layout": manifest.layout,
            "shards": len(manifest.shards),
            "documents": len(index),
            "documents_of_the_generation": manifest.documents,
            "changed_since": index.view.changed,
            "last_change": index.sequence,
            "dimension": index.dimension,
            "columns": manifest.columns,
            "components_per_document": round(manifest.nnz / max(1, manifest.documents), 1),
            "vocabulary": len(index.vocabulary) if index.vocabulary else None,
            "payload_columns": index.columns,
            "bytes": manifest.bytes,
            "bytes_per_component": _bytes_per_component(manifest),
        },
        "encoder": manifest.encoder.model_dump(mode="json") if manifest.encoder else None,
        "fields": _fields(index),
        "kept_of_exact_answers": [kept.model_dump() for kept in manifest.kept],
        "files": _files(folder),
        "statistics": _statistics(folder),
        "profiles": [profile.model_dump() for profile in index.profiles],
        "build": manifest.build,
        "versions": manifest.versions,
    }


def _fields(index: Index) -> dict[str, dict[str, Any]]:
    """Return field -> its encoder, columns, weight, and the documents that have it."""
    parts = index.vocabulary.parts if isinstance(index.vocabulary, JoinedVocabulary) else {}
    return {
        field.name: {
            "encoder": field.encoder.name if field.encoder else None,
            "columns": list(field.columns),
            "weight": field.weight,
            "idf": field.idf,
            "documents": index.view.field_documents[field.name],
            "components": len(parts[field.name].vocabulary) if parts else index.dimension,
        }
        for field in index.fields
    }


def _bytes_per_component(manifest: Manifest) -> float | None:
    """Return the bytes of the vector files per stored component."""
    size = sum(entry.bytes for shard in manifest.shards for name, entry in shard.files.items() if name != DOCUMENTS)
    return round(size / manifest.nnz, 2) if manifest.nnz else None


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    """Return file name -> its size and that of each column, summed over all shards."""
    files: dict[str, dict[str, Any]] = {}
    for path in [*sorted(folder.glob("shard-*/*.arrow")), *folder.glob(VOCABULARY)]:
        entry = files.setdefault(path.name, {"bytes": 0, "columns": {}})
        entry["bytes"] += path.stat().st_size
        table = _map(path)
        for name, column in zip(table.column_names, table.columns, strict=True):
            entry["columns"][name] = entry["columns"].get(name, 0) + column.nbytes
    return files


def _statistics(folder: Path) -> dict[str, dict[str, float]]:
    """Return statistics of shared blocks and posting lists over all shards; empty ones do not count."""
    counts: dict[str, list[npt.NDArray[np.int64]]] = defaultdict(list)
    for path in sorted(folder.glob(f"shard-*/{MAXIMA}")):
        codes = _map(path)["codes"].combine_chunks()
        counts["shared_blocks_per_component"].append(_sums(codes, codes.values.to_numpy() > 0))
    for path in sorted(folder.glob(f"shard-*/{POSTINGS}")):
        lists = _map(path)["blocks"].combine_chunks()
        lengths = np.bitwise_count(lists.values.to_numpy() & 255)
        counts["postings_per_list"].append(_sums(lists, lengths))
        counts["blocks_per_list"].append(np.diff(lists.offsets.to_numpy()))
        counts["documents_per_block"].append(lengths)
    return {name: _summary(np.concatenate(arrays)) for name, arrays in counts.items()}


def _sums(lists: pa.ListArray, numbers: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return the sum of `numbers` per list; there is one number per child of the lists."""
    ends = np.concatenate([[0], np.cumsum(numbers, dtype=np.int64)])
    sums: npt.NDArray[np.int64] = np.diff(ends[lists.offsets.to_numpy()])
    return sums


def _summary(counts: npt.NDArray[Any]) -> dict[str, float]:
    counts = counts[counts > 0]
    if len(counts) == 0:
        return {"count": 0}
    p50, p95, most = np.percentile(counts, (50, 95, 100), method="higher").tolist()
    return {"count": len(counts), "mean": round(float(counts.mean()), 1), "p50": p50, "p95": p95, "max": most}


def _map(path: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def _console() -> Console:
    return Console(markup=False, emoji=False, highlight=False)


def _print(report: dict[str, Any]) -> None:
    console = _console()
    facts = {name: value for name, value in report["index"].items() if name != "bytes"}
    _print_rows(console, "index", [*facts.items(), ("size", decimal(report["index"]["bytes"]))])
    if report["encoder"]:
        _print_rows(console, "encoder", [*report["encoder"].items()])
    for name, field in report["fields"].items():
        _print_rows(console, f"field {sanitize(name)}", [*field.items()])
    if report["kept_of_exact_answers"]:
        _print_rows(console, "kept of exact answers", [_kept_row(entry) for entry in report["kept_of_exact_answers"]])
    sizes = []
    for name, entry in report["files"].items():
        sizes.append((name, decimal(entry["bytes"])))
        sizes += [(f"  {column}", decimal(size)) for column, size in entry["columns"].items()]
    _print_rows(console, "files", sizes)
    statistics = [
        (name, ", ".join(f"{key} {value:,g}" for key, value in numbers.items()))
        for name, numbers in report["statistics"].items()
    ]
    _print_rows(console, "statistics", statistics)
    if report["profiles"]:
        console.print(profile_table([Profile(**fields) for fields in report["profiles"]]))
        console.print()
    _print_rows(console, "built with", [*report["build"].items(), *report["versions"].items()])


def _kept_row(kept: dict[str, Any]) -> tuple[str, str]:
    measured = f"{kept['recall']:.3f} ({kept['lower']:.3f} to {kept['upper']:.3f}, by {kept['queries']} queries)"
    return f"top {kept['k']}", measured


def _print_cpu(report: dict[str, Any]) -> None:
    console = _console()
    for title, rows in report.items():
        _print_rows(console, title, list(rows.items()))


def _print_rows(console: Console, title: str, rows: list[tuple[str, Any]]) -> None:
    table = Table(title=title, box=None, show_header=False, title_justify="left", title_style="bold", pad_edge=False)
    for name, value in rows:
        table.add_row(sanitize(name), sanitize(", ".join(value) if isinstance(value, list) else value))
    console.print(table)
    console.print()
