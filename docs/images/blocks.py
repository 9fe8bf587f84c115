"""Draw the pictures of docs/concepts.md: `python docs/images/blocks.py COLLECTION`.

COLLECTION is `seismic build tests/data/scifact/documents.parquet COLLECTION`. Its blocks are read from its files;
bounds and scores are computed from the vectors, in the plainest way.
"""

import statistics
import sys
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure
from scipy import sparse

from seismic import SparseVectors

HERE = Path(__file__).parent
SCIFACT = HERE.parents[1] / "tests" / "data" / "scifact"
QUERY = "Vitamin D deficiency is unrelated to birth weight."
K = 10
SEEN = 0.05
"""Weights below this are drawn as a dot, like those that are not there."""

RED, BLUE, GREY = "#c1272d", "#1f5fa8", "#8a8a8a"
Array = npt.NDArray[np.float64]


class Blocks(NamedTuple):
    """What a query finds in the blocks of a collection.

    ``tokens`` and ``weights``: of the query's components, the heaviest first. ``numbers``: of each block's documents.
    ``values``: weights of the query's components in each block's documents. ``titles``: by document number.
    """

    tokens: list[str]
    weights: Array
    numbers: list[list[int]]
    values: list[Array]
    titles: list[str]

    @property
    def bounds(self) -> Array:
        """Return the upper bound of every block: the inner product of the query and the block's maxima."""
        return np.array([self.weights @ values.max(axis=0) for values in self.values])

    @property
    def scores(self) -> list[Array]:
        """Return the scores of every block's documents."""
        return [values @ self.weights for values in self.values]


class Collection(NamedTuple):
    """Documents of a collection: ``vectors`` by document number, ``numbers`` of each block's documents, ``titles``."""

    vectors: sparse.csc_array
    numbers: list[list[int]]
    titles: list[str]


def read(folder: Path) -> Collection:
    """Return the documents and blocks of a collection."""
    [shard] = folder.glob("generations/000001/shard-*/shared.arrow")
    documents = pq.read_table(SCIFACT / "documents.parquet")
    return Collection(
        sparse.csc_array(SparseVectors.from_arrow(documents).to_scipy()),
        pa.ipc.open_file(shard).read_all()["numbers"].to_pylist(),
        documents["title"].to_pylist(),
    )


def ask(collection: Collection, query: dict[str, Any], vocabulary: list[str]) -> Blocks:
    """Return what a query finds."""
    heaviest = np.argsort(query["values"])[::-1]
    components = np.array(query["indices"])[heaviest]
    columns = collection.vectors[:, components].toarray().astype(np.float64)
    return Blocks(
        [vocabulary[component] for component in components],
        np.array(query["values"])[heaviest],
        collection.numbers,
        [columns[block] for block in collection.numbers],
        collection.titles,
    )


def visit(blocks: Blocks) -> tuple[list[int], list[float]]:
    """Return the blocks that a search visits, best bound first, and its threshold before each visit."""
    visited: list[int] = []
    thresholds: list[float] = []
    best: list[float] = []
    bounds, scores = blocks.bounds, blocks.scores
    for block in np.argsort(-bounds):
        threshold = best[K - 1] if len(best) >= K else 0.0
        if bounds[block] < threshold:
            break
        visited.append(int(block))
        thresholds.append(threshold)
        best = sorted([*best, *scores[block]], reverse=True)[:K]
    return visited, thresholds


def draw_weights(blocks: Blocks) -> Figure:
    """Draw the query's heaviest components."""
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    shown = 10
    axes.barh(blocks.tokens[:shown][::-1], blocks.weights[:shown][::-1], color=BLUE)
    axes.set_xlabel(f"weight in the query ({shown} of {len(blocks.weights)} components)")
    axes.set_title(f"“{QUERY}”", loc="left", fontsize=12)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_block(blocks: Blocks, block: int) -> Figure:
    """Draw the documents of a block, their maxima of the heaviest components that it has, and its upper bound."""
    shown = 5
    has = np.flatnonzero(blocks.values[block].max(axis=0) >= SEEN)[:shown]
    values, scores = blocks.values[block][:, has], blocks.scores[block]
    rows = np.vstack([values, values.max(axis=0)])
    figure = Figure(figsize=(7.4, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(np.pad(rows, ((0, 0), (0, 1))), cmap="Blues", vmin=0, vmax=rows.max() * 1.6, aspect="auto")
    for row, line in enumerate(rows):
        for column in range(shown):
            axes.text(column, row, f"{line[column]:.1f}" if line[column] >= SEEN else "·", ha="center", va="center")
    for row, score in enumerate(scores):
        axes.text(shown, row, f"{score:.1f}", ha="center", va="center")
    axes.text(shown, len(scores), f"{blocks.bounds[block]:.1f}", ha="center", va="center", color=RED, weight="bold")
    axes.axhline(len(scores) - 0.5, color=RED, linewidth=1.5)
    axes.axvline(shown - 0.5, color="black", linewidth=0.8)
    titles = [blocks.titles[number] for number in blocks.numbers[block]]
    names = [title if len(title) < 24 else title[:22] + "…" for title in titles]
    axes.set_yticks(range(len(rows)), [*names, "maxima"])
    axes.set_xticks(range(shown + 1), [*(blocks.tokens[column] for column in has), "score"])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.get_yticklabels()[-1].set_color(RED)
    axes.set_xlabel(
        f"upper bound: no document of the block scores more than {blocks.bounds[block]:.1f}", color=RED, x=0.2
    )
    axes.spines[:].set_visible(False)
    return figure


def draw_bounds(blocks: Blocks) -> Figure:
    """Draw the upper bounds of all blocks in the shard's order."""
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.vlines(range(len(blocks.bounds)), 0, blocks.bounds, color=BLUE, linewidth=0.7)
    axes.set(
        xlim=(-5, len(blocks.bounds) + 5), ylim=(0, None), xlabel="block, in the order on disk", ylabel="upper bound"
    )
    axes.set_title(f"Upper bounds of all {len(blocks.bounds)} blocks", loc="left", fontsize=12)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_visits(blocks: Blocks) -> Figure:
    """Draw the blocks by upper bound, best first, and the threshold that ends the search."""
    visited, thresholds = visit(blocks)
    order, stop = np.argsort(-blocks.bounds), len(visited)
    best = np.array([blocks.scores[block].max() for block in order])
    places = np.arange(len(order))
    final = sorted(np.concatenate(blocks.scores), reverse=True)[K - 1]
    figure = Figure(figsize=(6, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.axvspan(stop, len(order), color="#eeeeee")
    axes.plot(places, blocks.bounds[order], color=BLUE, linewidth=2)
    axes.plot(places[:stop], best[:stop], "o", color=RED, markersize=3)
    axes.plot(places[stop:], best[stop:], "o", color=GREY, markersize=2)
    axes.step([*range(stop + 1), len(order)], [*thresholds, final, final], where="post", color="black", linewidth=1.4)
    axes.annotate("upper bound", (300, blocks.bounds[order][300]), (4, 8), textcoords="offset points", color=BLUE)
    axes.annotate(
        f"threshold: {K}th best score so far", (len(order), final), (0, 5), textcoords="offset points", ha="right"
    )
    axes.text(stop + 12, blocks.bounds.max() * 0.95, f"{len(order) - stop} blocks skipped", color="#555555")
    axes.text(stop + 12, blocks.bounds.max() * 0.87, f"{stop} visited (red)", color=RED)
    axes.set(xlim=(-5, len(order)), ylim=(0, None), xlabel="blocks, highest upper bound first", ylabel="score")
    axes.set_title("Best score in each block, and where the search ends", loc="left", fontsize=12)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def main() -> None:
    """Draw the four pictures and print the figures that the page names."""
    matplotlib.rcParams.update({"svg.hashsalt": "seismic", "font.size": 12})  # the same bytes each time
    collection = read(Path(sys.argv[1]))
    vocabulary = (SCIFACT / "vocab.txt").read_text(encoding="utf-8").splitlines()
    queries = pq.read_table(SCIFACT / "queries.parquet").to_pylist()
    [blocks] = [ask(collection, query, vocabulary) for query in queries if query["text"] == QUERY]
    visited, _ = visit(blocks)
    best = max(visited, key=lambda block: blocks.scores[block].max())
    figures = {
        "query-weights": draw_weights(blocks),
        "query-block": draw_block(blocks, best),
        "query-bounds": draw_bounds(blocks),
        "query-visits": draw_visits(blocks),
    }
    for name, figure in figures.items():
        figure.savefig(HERE / f"{name}.svg", metadata={"Date": None})
    print(f"{len(visited)} of {len(blocks.numbers)} blocks visited, the best in block {best}")
    counts = [len(visit(ask(collection, query, vocabulary))[0]) for query in queries]
    print(f"median of {len(counts)} queries: {statistics.median(counts):.0f} blocks visited")


if __name__ == "__main__":
    main()
