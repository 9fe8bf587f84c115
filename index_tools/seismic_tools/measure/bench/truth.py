"""Exact answers: provided with a collection, or computed once and cached."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_128

import seismic
from seismic import BuildParams, InputError, SearchParams, SparseVectors
from seismic_tools.readers.neighbours import read_neighbours
from seismic_tools.terminal.progress import Report

BARE = BuildParams(order_clusters=0)
"""A build without clustering, which saves more time than its searches lose."""


def given_answers(folder: Path, query_ids: list[str]) -> npt.NDArray[np.int64] | None:
    """Return the document numbers [queries, k] in the folder of a collection; None if it has none.

    They are in `groundtruth.npz`, where `rows` answer `query_ids`, or in `groundtruth.gt` in the format of BigANN, with
    one row per query.
    """
    if (path := folder / "groundtruth.npz").exists():
        return _named_answers(path, query_ids)
    if (path := folder / "groundtruth.gt").exists():
        numbers = read_neighbours(path).numbers.astype(np.int64)
        if len(numbers) != len(query_ids):
            raise InputError(f"{path}: found answers to {len(numbers):,} queries, expected {len(query_ids):,}")
        return numbers
    return None


def _named_answers(path: Path, query_ids: list[str]) -> npt.NDArray[np.int64]:
    with np.load(path) as file:
        if "rows" not in file or "query_ids" not in file:
            raise InputError(f"{path}: found {', '.join(file)}, expected the arrays rows and query_ids")
        rows: npt.NDArray[np.int64] = file["rows"].astype(np.int64)
        ids = file["query_ids"].astype(str).tolist()
    if ids != query_ids:
        raise InputError(f"{path}: query_ids differ from the ids of the queries or their order")
    return rows


def exact_answers(
    documents: SparseVectors, queries: SparseVectors, k: int, cache: Path, report: Report
) -> npt.NDArray[np.int64]:
    """Return the document numbers [queries, k] of exact searches, cached in the folder `cache`."""
    digest = xxh3_128(str(k).encode())
    for vectors in (documents, queries):
        for array in (vectors.indptr, vectors.components, vectors.values):
            digest.update(array.data)
    kept = cache / f"exact-{digest.hexdigest()}.npy"
    if kept.exists():
        answers: npt.NDArray[np.int64] = np.load(kept)
        return answers
    report("exact", 0, len(queries))
    with TemporaryDirectory() as folder:
        seismic.build(documents, Path(folder, "index"), params=BARE)
        with seismic.open(Path(folder, "index")) as index:
            answers, _ = index.search_batch(queries, k, params=SearchParams(plan="exact"))
    report("exact", len(queries), len(queries))
    cache.mkdir(parents=True, exist_ok=True)
    np.save(kept, answers)
    return answers
