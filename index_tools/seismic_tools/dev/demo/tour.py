"""The steps of the demo, and what they print."""

import os
import time
from pathlib import Path

import pyarrow.parquet as pq
from ir_measures import read_trec_qrels
from rich.console import Console

from seismic import SparseVectors
from seismic_tools.dev.demo.compare import REAL, as_table, compare, effectiveness, read_vectors
from seismic_tools.dev.demo.grow import grow
from seismic_tools.dev.demo.service import ROOT, post, seismic, service

DATA = ROOT / "tests/data/scifact"
DOCUMENTS, FEWEST = 100_000, 5_183
"""Documents by default, and the real ones, without which the demo's judgements have no meaning."""
CLAIMS, HITS = 2, 3
"""Claims that are searched over HTTP, and hits shown of each."""

console = Console(width=80, highlight=False)


def tour(folder: Path = Path("demo"), documents: int = DOCUMENTS, *, keep: bool = False) -> None:
    """Run the demo; its files go to `folder`, relative to the repository. `keep`: serve until interrupted."""
    grown, collection = folder / "scifact.parquet", folder / "scifact"
    _step(f"Grow scientific abstracts to {documents:,} documents")
    began = time.monotonic()
    real = grow(DATA / "documents.parquet", ROOT / grown, documents, len(os.sched_getaffinity(0)))
    print(f"{real:,} real ones, {documents - real:,} mixtures of similar ones (≈), {time.monotonic() - began:.0f} s")
    _step("Build an index")
    seismic("build", grown, collection, "--encoder", "splade-tiny", "--replace")
    table = pq.read_table(DATA / "queries.parquet", filters=[("split", "=", "test")])
    _step(f"Answer {len(table)} claims, 10 hits each, on one thread")
    _measure(ROOT / collection, ROOT / grown, table["id"].to_pylist(), SparseVectors.from_arrow(table))
    _step("Serve it, and search with a filter: only real abstracts")
    with service(folder) as url:
        for claim in table["text"].slice(0, CLAIMS).to_pylist():
            _ask(f"{url}/v1/collections/scifact/search", claim)
        if keep:
            print(f"\nThe console is at {url} until you press Ctrl-C.", flush=True)
            _wait()
    if not keep:
        print("\nmake demo ARGS=--keep  goes on serving, with a console in the browser.")


def _step(title: str) -> None:
    console.print(f"\n[bold]{title}[/bold]")


def _measure(collection: Path, grown: Path, names: list[str], queries: SparseVectors) -> None:
    console.print(as_table(compare(collection, read_vectors(grown), queries)))
    qrels = [one for one in read_trec_qrels(str(DATA / "qrels.tsv")) if one.query_id in set(names)]
    found = effectiveness(collection, queries, names, qrels)
    print(f"nDCG@10 of the judged real abstracts: {found:.4f}")


def _ask(url: str, claim: str) -> None:
    body = {"query": {"text": claim}, "limit": HITS, "filter": REAL, "with_payload": ["title"]}
    answer = post(url, body)
    print(f"\n{_cut(claim, 80)}")
    for rank, hit in enumerate(answer["hits"], 1):
        print(f"{rank:3} {hit['score']:8.4f}  {_cut(hit['payload']['title'], 66)}")
    print(f"    plan {answer['plan']}, {answer['took_ms']:.1f} ms")


def _cut(text: str, width: int) -> str:
    words = " ".join(text.split())
    return words if len(words) <= width else f"{words[: width - 1]}…"


def _wait() -> None:
    while True:
        time.sleep(3600)
