"""Measure collections with the fields splade and bm25: effectiveness, bytes, CPU time, and what one scale costs.

python docs/benchmarks/fields.py FOLDER...: folders with documents.parquet, queries.parquet and qrels.tsv. The vectors
of queries and documents in the files are those of splade-tiny.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from ir_measures import Qrel, ScoredDoc

import seismic
from seismic import Bm25, Fitted, Index, SearchRequest, SparseVectors
from seismic.builder.quantize import stored_vectors
from seismic.layouts import LAYOUTS, storage_of
from seismic.search.examples import resolve_batch
from seismic_tools.measure.metrics import effectiveness
from seismic_tools.readers.qrels import read_qrels

WEIGHTS = (0.1, 0.2, 0.3, 0.5, 1.0)
PARAMS = {"bm25": Bm25(), "bm25, english": Bm25(stemmer="english", stop_words="english")}
ROUNDS = 5


def main() -> None:
    """Print the tables of every folder."""
    for folder in map(Path, sys.argv[1:]):
        print(f"\n## {folder.name}\n")
        measure(folder)


def measure(folder: Path) -> None:
    """Print the tables of a folder."""
    documents, queries = pq.read_table(folder / "documents.parquet"), pq.read_table(folder / "queries.parquet")
    qrels = read_qrels(folder / "qrels.tsv")
    judged = {qrel.query_id for qrel in qrels}
    asked = [query for query in queries.to_pylist() if str(query["id"]) in judged and query.get("split") != "train"]
    wanted = {str(query["id"]) for query in asked}
    qrels = [qrel for qrel in qrels if qrel.query_id in wanted]
    texts = documents["text"].to_pylist()  # which begins with the title
    splade = SparseVectors.from_arrow(documents.select(["indices", "values"]))
    table = documents.drop_columns(["indices", "values"])
    with tempfile.TemporaryDirectory() as scratch:
        for name, params in PARAMS.items():
            fitted = seismic.fit_bm25(texts, params)
            out = Path(scratch) / name
            options: dict[str, Any] = {"splade": {"encoder": "splade-tiny"}, "bm25": {"encoder": fitted.encoder}}
            seismic.build({"splade": splade, "bm25": fitted.vectors}, out, documents=table, fields=options)
            with seismic.open(out) as index:
                judge(index, asked, qrels, name)
                if name == "bm25":
                    cost(index, Path(scratch), splade, fitted, table, asked)
        one_scale(splade, seismic.fit_bm25(texts).vectors)


def judge(index: Index, asked: list[dict[str, Any]], qrels: list[Qrel], name: str) -> None:
    """Print nDCG@10 and R@100 of each field and of their fusions."""

    def report(label: str, fields: list[str], **options: Any) -> None:
        requests = [SearchRequest(query=query_of(query, fields) | options, limit=100) for query in asked]
        answers = index.search_many(requests)
        hits = [
            ScoredDoc(str(query["id"]), str(hit.id), hit.score)
            for query, answer in zip(asked, answers, strict=True)
            for hit in answer.hits
        ]
        found = effectiveness(qrels, lambda _: hits)
        print(f"| {label} | {found['nDCG@10']:.4f} | {found['R@100']:.4f} |")

    report("splade-tiny", ["splade"])
    report(name, ["bm25"])
    for weight in WEIGHTS:
        report(f"{name} + {weight} x splade-tiny, `sum`", ["splade", "bm25"], weights={"splade": weight})
    report(f"{name} and splade-tiny, `rrf`", ["splade", "bm25"], fusion="rrf")


def query_of(query: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    """Return the query of some fields."""
    parts = {"splade": {"indices": query["indices"], "values": query["values"]}, "bm25": query["text"]}
    return {"fields": {name: parts[name] for name in fields}}


def cost(
    both: Index, scratch: Path, splade: SparseVectors, fitted: Fitted, table: Any, asked: list[dict[str, Any]]
) -> None:
    """Print bytes and CPU time of one field and of two."""
    seismic.build(splade, scratch / "splade", documents=table, encoder=seismic.load_encoder("splade-tiny"))
    seismic.build(fitted.vectors, scratch / "alone", documents=table, encoder=fitted.encoder)
    with seismic.open(scratch / "splade") as one, seismic.open(scratch / "alone") as other:
        plain = SparseVectors.concatenate(
            [seismic.SparseVectors.from_arrays([0, len(q["indices"])], q["indices"], q["values"]) for q in asked]
        )
        words = other.encoder.encode_queries([query["text"] for query in asked]).vectors
        rows = [
            ("splade-tiny alone", one, plain),
            ("bm25 alone", other, words),
            ("both, splade searched", both, resolve_batch(both.view, [query_of(q, ["splade"]) for q in asked])),
            ("both, bm25 searched", both, resolve_batch(both.view, [query_of(q, ["bm25"]) for q in asked])),
            (
                "both searched",
                both,
                resolve_batch(
                    both.view, [query_of(q, ["splade", "bm25"]) | {"weights": {"splade": 0.3}} for q in asked]
                ),
            ),
        ]
        best = {name: float("inf") for name, _, _ in rows}
        for _ in range(ROUNDS):
            for name, index, vectors in rows:
                began = time.process_time()
                index.search_batch(vectors, 10)
                best[name] = min(best[name], (time.process_time() - began) / len(asked) * 1e6)
        print()
        for name, index, vectors in rows:
            size = sum(
                entry.bytes
                for shard in index.manifest.shards
                for file, entry in shard.files.items()
                if file != "documents.arrow"
            )
            print(
                f"| {name} | {size:,} | {index.manifest.nnz:,} | {vectors.nnz / len(vectors):.1f} |"
                f" {best[name]:.0f} us |"
            )


def one_scale(splade: SparseVectors, bm25: SparseVectors) -> None:
    """Print the relative errors of stored weights of each field: alone, and beside the other with one scale."""
    dimension = splade.dimension + bm25.dimension
    indptr = splade.indptr + bm25.indptr
    rows = [np.repeat(np.arange(len(one)), np.diff(one.indptr)) for one in (splade, bm25)]
    components = np.concatenate(
        [splade.components.astype(np.int64), bm25.components.astype(np.int64) + splade.dimension]
    )
    order = np.lexsort((components, np.concatenate(rows)))
    values = np.concatenate([splade.values, bm25.values])[order]
    both = SparseVectors.trusted(indptr, components[order], values, dimension)
    print()
    for label, vectors, storage in (
        ("alone", None, LAYOUTS["shared"]),
        ("together, scale = largest / 255", both, LAYOUTS["shared"]),
        ("together, scale = power of 2", both, storage_of("shared", several_fields=True)),
    ):
        cells = []
        for at, alone in enumerate((splade, bm25)):
            given = alone if vectors is None else both
            error = np.abs(stored_vectors(given, storage).values.astype(np.float64) - given.values) / given.values
            if vectors is not None:
                error = error[(both.components >= splade.dimension) == bool(at)]
            cells += [f"{error.mean():.1e}", f"{np.quantile(error, 0.99):.1e}"]
        print(f"| {label} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
