"""Measure BM25 beside bm25s and Tantivy: CPU time of builds and of queries, all in one interleaved run.

pip install bm25s==0.3.16 tantivy==0.27.0
python docs/benchmarks/bm25.py [tests/data/scifact] [ROUNDS]

The folder has documents.parquet and queries.parquet with the column `text`. Every engine splits texts into all words,
folded, without stemming, and has one thread. Each round runs every engine, in an order that rotates; the table shows
medians. `build`: from texts to an index that answers searches, in memory for bm25s and Tantivy, with synced files for
Seismic. `one query`: from a text to the numbers or ids of the top 10, one call each. `batch`: all queries in one call.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

import seismic
from seismic import SearchParams

TOP, ROUNDS = 10, 7


class Engine(Protocol):
    """A library that answers queries by BM25."""

    name: str

    def build(self, texts: list[str]) -> None:
        """Index texts."""

    def search(self, text: str) -> Sequence[Any]:
        """Return the top 10 of a query."""

    def batch(self, texts: list[str]) -> Any:
        """Search all queries in one call, or one by one if the library has no such call."""


class Ours:
    """Seismic, every plan exact."""

    name = "Seismic"

    def __init__(self, scratch: Path) -> None:
        self._scratch, self._builds = scratch, 0

    def build(self, texts: list[str]) -> None:
        """Index texts."""
        self._builds += 1
        out = self._scratch / str(self._builds)
        fitted = seismic.fit_bm25(texts)
        documents = pa.table({"id": pa.array(range(len(texts)))})
        seismic.build(fitted.vectors, out, documents=documents, encoder=fitted.encoder)
        self.index = seismic.open(out)

    def search(self, text: str) -> Sequence[Any]:
        """Return the top 10 of a query."""
        return [hit.id for hit in self.index.search(text, TOP)]

    def batch(self, texts: list[str]) -> Any:
        """Search all queries in one call."""
        return self.index.search_batch(texts, TOP, params=SearchParams())[0]


class Bm25s:
    """bm25s, with its class for tokenizing."""

    def __init__(self, backend: str) -> None:
        self.name, self._backend = f"bm25s, {backend}", backend

    def build(self, texts: list[str]) -> None:
        """Index texts."""
        import bm25s

        tokenizer = bm25s.tokenization.Tokenizer(lower=True, splitter=r"\w+", stopwords=[], stemmer=None)
        corpus = tokenizer.tokenize(texts, show_progress=False)
        index = bm25s.BM25(k1=1.2, b=0.75, method="lucene", backend=self._backend)
        index.index((corpus, tokenizer.get_vocab_dict()), show_progress=False)
        self._tokenizer, self._index = tokenizer, index

    def search(self, text: str) -> Sequence[Any]:
        """Return the top 10 of a query."""
        numbers: Sequence[Any] = self.batch([text])[0].tolist()
        return numbers

    def batch(self, texts: list[str]) -> Any:
        """Search all queries in one call."""
        terms = self._tokenizer.tokenize(texts, update_vocab=False, show_progress=False)
        return self._index.retrieve(terms, k=TOP, show_progress=False, n_threads=0).documents


class Tantivy:
    """Tantivy's Python package. Addresses of hits are results: documents are not fetched."""

    name = "tantivy"

    def build(self, texts: list[str]) -> None:
        """Index texts."""
        import tantivy

        schema = tantivy.SchemaBuilder()
        schema.add_text_field("text", stored=False)
        self._index = tantivy.Index(schema.build())
        writer = self._index.writer(heap_size=200_000_000, num_threads=1)
        for text in texts:
            writer.add_document(tantivy.Document(text=text))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self._searcher = self._index.searcher()

    def search(self, text: str) -> Sequence[Any]:
        """Return the top 10 of a query."""
        query, _ = self._index.parse_query_lenient(text, ["text"])
        hits: Sequence[Any] = self._searcher.search(query, TOP, count=False).hits
        return hits

    def batch(self, texts: list[str]) -> Any:
        """Search all queries one by one: there is no call for many."""
        return [self.search(text) for text in texts]


def main() -> None:
    """Print the table of a folder."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "tests/data/scifact")
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    texts = pq.read_table(folder / "documents.parquet")["text"].to_pylist()
    queries = pq.read_table(folder / "queries.parquet")["text"].to_pylist()
    with tempfile.TemporaryDirectory() as scratch:
        engines: list[Engine] = [Ours(Path(scratch)), Bm25s("numpy"), Bm25s("numba"), Tantivy()]
        found = measure(engines, texts, queries, rounds)
    print(f"\n{folder.name}: {len(texts):,} documents, {len(queries):,} queries, medians of {rounds} rounds\n")
    print("| | build | one query | batch, per query |\n|---|---:|---:|---:|")
    for engine in engines:
        build, one, many = (statistics.median(found[engine.name, what]) for what in ("build", "one", "batch"))
        print(f"| {engine.name} | {build:.2f} s | {one * 1e6:.0f} us | {many * 1e6:.0f} us |")


def measure(
    engines: list[Engine], texts: list[str], queries: list[str], rounds: int
) -> dict[tuple[str, str], list[float]]:
    """Return CPU seconds by engine and kind of work. The first round only compiles."""
    found: dict[tuple[str, str], list[float]] = {}
    for at in range(-1, rounds):
        for engine in (engines[(at + place) % len(engines)] for place in range(len(engines))):
            times = {
                "build": cpu(lambda engine=engine: engine.build(texts)),
                "one": cpu(lambda engine=engine: [engine.search(query) for query in queries]) / len(queries),
                "batch": cpu(lambda engine=engine: engine.batch(queries)) / len(queries),
            }
            for what, seconds in times.items() if at >= 0 else ():
                found.setdefault((engine.name, what), []).append(seconds)
    return found


def cpu(work: Callable[[], Any]) -> float:
    """Return the CPU time of the process, all threads, in seconds."""
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
