"""Run the SISAP indexing challenge of 2026, task 3: a batch of sparse queries, 30 hits each, on all cores.

Run `python -m seismic_tools.measure.bench.sisap FILE OUT`. Only the search of the whole batch is timed, as the
challenge does. It needs h5py, the extra `hdf5`.

FILE has groups `train` and `otest/queries`, each CSR: `indptr`, `indices`, `data` and the attribute `shape`; and
`otest/knns` int [queries, k], document numbers from 1. OUT gets a file per setting in `results/task3`: `knns` int32 and
`dists` float32 [queries, 30], and attributes `algo`, `dataset`, `task`, `buildtime`, `querytime` (seconds) and
`params`.
"""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table

import seismic
from seismic import BuildParams, Index, InputError, SearchParams, SparseVectors, VectorError
from seismic.measure.recall import shares_found
from seismic_tools.measure.report import make_folder
from seismic_tools.terminal.errors import end_on_sigterm, errors_in_one_line

HITS = 30
TASK = "task3"

SETTINGS = (
    SearchParams(plan="exact"),
    *(
        SearchParams(plan="exact", bound_share=share, heap_factor=factor)
        for share in (0.95, 0.9, 0.85, 0.8)
        for factor in (1.0, 1.02, 1.05)
    ),
)
"""At most 15, as the challenge allows."""


class Dataset(NamedTuple):
    """Documents and queries, and the true document numbers, from 0, int64 [queries, depth]."""

    documents: SparseVectors
    queries: SparseVectors
    truth: npt.NDArray[np.int64]


class Run(NamedTuple):
    """The search of all queries with one setting: recall of 30 hits, wall and CPU seconds (median over passes)."""

    params: SearchParams
    recall: float
    wall: float
    cpu: float


def read_dataset(path: Path) -> Dataset:
    """Read a data set of the challenge. Raises InputError."""
    if not path.is_file():
        raise InputError(f"{path}: no such file, expected a data set of the SISAP challenge (HDF5)")
    import h5py

    try:
        with h5py.File(path) as file:
            documents, queries = (_vectors(file, name, path) for name in ("train", "otest/queries"))
            given = _array(file, "otest/knns", path)
    except OSError as error:
        raise InputError(f"{path}: not an HDF5 file ({error})") from None
    depth = min(HITS, len(documents))
    if given.ndim != 2 or len(given) != len(queries) or given.shape[1] < depth:
        raise InputError(
            f"{path}: otest/knns: found the shape {given.shape}, expected a row of at least {depth} for each of "
            f"{len(queries)} queries"
        )
    if given.dtype.kind not in "iu" or given.min(initial=1) < 1 or given.max(initial=1) > len(documents):
        raise InputError(f"{path}: otest/knns: expected document numbers from 1 to {len(documents)}")
    return Dataset(documents, queries, given[:, :depth].astype(np.int64) - 1)


def write_result(path: Path, found: tuple[Any, Any], attributes: dict[str, Any]) -> None:
    """Write document numbers, from 1, and scores [queries, k] of one setting, in the form of the challenge."""
    import h5py

    numbers, scores = found
    with h5py.File(path, "w") as file:
        file.create_dataset("knns", data=(numbers + 1).astype(np.int32))
        file.create_dataset("dists", data=scores.astype(np.float32))
        file.attrs.update(attributes)


def measure(index: Index, dataset: Dataset, params: SearchParams, threads: int, passes: int) -> tuple[Run, Any]:
    """Search all queries as one batch; return the run, and the document numbers and scores found."""
    depth = min(HITS, len(dataset.documents))
    walls, cpus = [], []
    for _ in range(passes):
        cpu, began = time.process_time(), time.perf_counter()
        found = index.search_batch(dataset.queries, depth, params=params, threads=threads)
        walls.append(time.perf_counter() - began)
        cpus.append(time.process_time() - cpu)
    recall = float(shares_found(found[0], dataset.truth).mean())
    return Run(params, recall, float(np.median(walls)), float(np.median(cpus))), found


def show(runs: list[Run], queries: int) -> Table:
    """Return the runs as a table."""
    table = Table("setting", "recall@30", "seconds", "us a query", "us of CPU a query")
    for run in runs:
        each = (f"{seconds / queries * 1e6:,.1f}" for seconds in (run.wall, run.cpu))
        table.add_row(_name(run.params), f"{run.recall:.4f}", f"{run.wall:.3f}", *each)
    return table


def _member(file: Any, name: str, path: Path) -> Any:
    if name not in file:
        raise InputError(f"{path}: found {', '.join(file) or 'nothing'}, expected '{name}', as task 3 of SISAP has")
    return file[name]


def _array(file: Any, name: str, path: Path) -> npt.NDArray[Any]:
    found = _member(file, name, path)
    if not hasattr(found, "shape") or not found.shape:
        raise InputError(f"{path}: {name}: found no array, expected one, as task 3 of SISAP has")
    return np.asarray(found[:])


def _vectors(file: Any, name: str, path: Path) -> SparseVectors:
    """Read a group in CSR form."""
    group = _member(file, name, path)
    if hasattr(group, "shape"):
        raise InputError(f"{path}: {name}: found an array, expected a group in CSR form, as task 3 of SISAP has")
    indptr, indices, values = (_array(group, part, path) for part in ("indptr", "indices", "data"))
    shape = np.asarray(group.attrs.get("shape", ()))
    if shape.shape != (2,) or shape.dtype.kind not in "iu" or shape[0] != len(indptr) - 1:
        found = f"found {shape.tolist()}" if shape.size else "found none"
        raise InputError(f"{path}: {name}: attribute 'shape': {found}, expected [{len(indptr) - 1}, dimension]")
    try:
        return SparseVectors.from_arrays(indptr, indices, values, int(shape[1]), repair=True)
    except VectorError as error:
        raise InputError(f"{path}: {name}: {error}") from None


def _name(params: SearchParams) -> str:
    knobs = params.model_dump(include={"heap_factor", "bound_share"}, exclude_none=True)
    return ",".join(f"{name}={value:g}" for name, value in knobs.items()) or "exact"


def main(
    file: Annotated[Path, typer.Argument(help="Data set of the challenge (HDF5).")],
    output: Annotated[Path, typer.Argument(help="Folder for results/task3.")],
    threads: Annotated[int, typer.Option(min=1, help="Threads of build and search.")] = os.cpu_count() or 1,
    passes: Annotated[int, typer.Option(min=1, help="Timed passes per setting; the median counts.")] = 3,
    layout: Annotated[str, typer.Option(help="Layout of the index, as in `build`.")] = "shared",
) -> None:
    """Build an index of the data set, search all queries with each setting, and write result files.

    Examples:

        python -m seismic_tools.measure.bench.sisap fiqa-dev.h5 sisap
    """
    knobs: dict[str, Any] = {"layout": layout}
    params, folder = BuildParams(**knobs), output / "results" / TASK
    make_folder(folder)
    dataset = read_dataset(file)
    runs = []
    with TemporaryDirectory(prefix="seismic-sisap-") as inner:
        began = time.perf_counter()
        seismic.build(dataset.documents, Path(inner, "index"), params=params, workers=threads)
        seconds = time.perf_counter() - began
        with seismic.open(Path(inner, "index")) as index:
            index.warm_up()
            for setting in SETTINGS:
                run, found = measure(index, dataset, setting, threads, passes)
                runs.append(run)
                about = {"algo": "seismic-search", "dataset": file.stem, "task": TASK}
                about["params"] = f"layout={layout},{_name(setting)}"
                times = {"buildtime": seconds, "querytime": run.wall}
                write_result(folder / f"seismic-{layout}-{_name(setting)}.h5", found, {**about, **times})
    Console(width=120).print(show(runs, len(dataset.queries)))


if __name__ == "__main__":
    end_on_sigterm()
    with errors_in_one_line():
        typer.run(main)
