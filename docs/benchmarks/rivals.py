"""Draw docs/images/rivals.svg from rivals.json: `python docs/benchmarks/rivals.py`."""

import json
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

HERE = Path(__file__).parent
COLOURS = {"Seismic": "#c1272d", "Rust Seismic": "#1f5fa8", "SINDI": "#2f7d4f", "BMP": "#8a5a00", "kANNolo": "#6b4c9a"}
DEPTH = "10"
EXACT = 1.01
"""Where exact answers are drawn: right of a recall of 0.99, with room for both labels."""


def main() -> None:
    """Draw recall@10 against the CPU time of a query."""
    matplotlib.rcParams.update({"svg.hashsalt": "seismic", "font.size": 12})  # the same bytes each time
    results = json.loads((HERE / "rivals.json").read_text(encoding="utf-8"))
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for engine, measured in results["engines"].items():
        times = dict(measured[DEPTH])
        points = []
        if "exact" in times:
            microseconds, recall = times.pop("exact")
            points.append((EXACT if recall == 1 else recall, microseconds))
        points = sorted([*((float(recall), microseconds) for recall, microseconds in times.items()), *points])
        colour, ours = COLOURS[engine], engine == "Seismic"
        axes.plot(*zip(*points, strict=True), color=colour, marker="o", linewidth=3 if ours else 1.6)
        recall, microseconds = points[-1]
        note = f"{engine}: {microseconds} µs" if ours else engine
        axes.annotate(note, (recall, microseconds), (8, 0), textcoords="offset points", color=colour, va="center")
    axes.set(
        yscale="log", xlim=(0.895, 1.06), ylim=(40, 3000), xlabel="recall@10 reached", ylabel="µs of CPU per query"
    )
    axes.set_xticks([0.90, 0.95, 0.99, EXACT], ["0.90", "0.95", "0.99", "exact"])
    axes.set_yticks([50, 100, 200, 500, 1000, 2000], ["50", "100", "200", "500", "1,000", "2,000"])
    axes.minorticks_off()
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    title = f"10 hits of {results['collection']} (lower is better)".replace(", SPLADE", ",\nSPLADE")
    axes.set_title(title, loc="left", fontsize=12)
    figure.savefig(HERE.parent / "images" / "rivals.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
