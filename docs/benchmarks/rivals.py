"""Write the tables of rivals.md and the picture rivals.svg from rivals.json and rivals-4m.json.

`python docs/benchmarks/rivals.py`; with `rivals.json results/results.json`, take over the figures of a run first.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from seismic_tools.measure.bench.results import Results
from seismic_tools.measure.fronts import seconds_at
from seismic_tools.measure.results import read_json

HERE = Path(__file__).parent
PAGE, PICTURE = HERE / "rivals.md", HERE.parent / "images" / "rivals.svg"
BEGIN, END = "<!-- rivals.py writes this table of {} -->\n", "<!-- to here -->\n"
FILES = ("rivals.json", "rivals-4m.json")
COLOURS = {
    "Seismic": "#c1272d",
    "Rust Seismic": "#1f5fa8",
    "SINDI": "#2f7d4f",
    "Qdrant in process": "#555555",
    "BMP": "#8a5a00",
    "kANNolo": "#6b4c9a",
}
NAMES = dict(zip(("ours", "pyseismic-lsr", "sindi", "qdrant-edge", "bmp", "kannolo"), COLOURS, strict=True))
"""Engine in results.json -> its name here."""

DEPTHS = ("10", "100", "1000")
DEPTH = DEPTHS[0]
EXACT = 1.01
"""Where exact answers are drawn: right of a recall of 0.99, with room for both labels."""

PLACES = {"BMP": (-12, 12), "kANNolo": (0, 12), "SINDI": (8, 6), "Rust Seismic": (8, -6)}
"""Points from the last marker of an engine to its label, where (8, 0) is beside something else."""

MISSING = "not reached"


def read(file: str = FILES[0]) -> dict[str, Any]:
    """Return what was measured."""
    results: dict[str, Any] = json.loads((HERE / file).read_text(encoding="utf-8"))
    return results


def take_over(file: str, run: Path) -> None:
    """Replace the figures of a file by those of a run of `seismic bench`, at the depths and recalls that it has."""
    results, ran = read(file), read_json(run, Results, "seismic bench")
    ours = results["engines"]["Seismic"]
    wanted = {depth: list(ours[depth]) for depth in DEPTHS if depth in ours}
    results["engines"] = {}
    for engine in ran.engines:
        (build,) = (one for one in ran.builds if one.engine == engine.name)
        package = (engine.requirement or "this").partition("==")[0]
        found: dict[str, Any] = {"version": " ".join([package, *engine.versions.get(package, "").split()])}
        for depth, targets in wanted.items():
            front = [one.point(engine.cheapest) for one in ran.front(engine.name, int(depth), engine.cheapest)]
            found[depth] = {}
            for target in targets:
                if target == "exact":
                    best = ran.exact(engine.name, int(depth), engine.cheapest)
                    if best:
                        found[depth][target] = [_rounded(best.timings[engine.cheapest].cpu), round(best.recall, 3)]
                elif (seconds := seconds_at(front, float(target))) is not None:
                    found[depth][target] = _rounded(seconds)
        found |= {"build_seconds": float(f"{build.seconds:.2g}"), "megabytes": round(build.bytes / 1e6)}
        results["engines"][NAMES[engine.name]] = found
    (HERE / file).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _rounded(seconds: float) -> int:
    """Return microseconds."""
    return round(seconds * 1e6)


def table(results: dict[str, Any]) -> str:
    """Return the table of the page: a column per engine."""
    engines = results["engines"]
    rows = [["", *(f"{name} ({measured['version']})" for name, measured in engines.items())]]
    for depth in (depth for depth in DEPTHS if depth in engines["Seismic"]):
        for target in dict.fromkeys(target for measured in engines.values() for target in measured[depth]):
            label = "exact" if target == "exact" else f"recall {target}"
            cells = [_cell(measured[depth].get(target)) for measured in engines.values()]
            rows.append([f"{int(depth):,} hits, {label}", *cells])
    threads = results["build_threads"]
    built = "build, one thread" if threads == 1 else f"build, {threads} threads"
    rows.append([built, *(f"{measured['build_seconds']:g} s" for measured in engines.values())])
    rows.append(["on disk", *(_size(measured["megabytes"]) for measured in engines.values())])
    rules = ["---", *(["---:"] * len(engines))]
    return "".join(f"| {' | '.join(row)} |\n" for row in [rows[0], rules, *rows[1:]])


def _cell(measured: Any) -> str:
    """Return microseconds; of an exact answer that its engine rounded, with its recall."""
    if measured is None:
        return MISSING
    if isinstance(measured, list):
        microseconds, recall = measured
        return f"{microseconds:,}" if recall == 1 else f"{microseconds:,} for {recall}"
    return f"{measured:,}"


def _size(megabytes: float) -> str:
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes:g} MB"


def draw(results: dict[str, Any]) -> Figure:
    """Draw recall@10 against the CPU time of a query."""
    matplotlib.rcParams.update({"svg.hashsalt": "seismic", "font.size": 12})  # the same bytes each time
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for engine, measured in results["engines"].items():
        points = sorted(_point(target, found) for target, found in measured[DEPTH].items())
        colour, ours = COLOURS[engine], engine == "Seismic"
        axes.plot(*zip(*points, strict=True), color=colour, marker="o", linewidth=3 if ours else 1.6)
        recall, microseconds = points[-1]
        note = f"{engine}: {microseconds:,} µs" + (", no higher recall" if len(points) == 1 else "")
        place = PLACES.get(engine, (8, 0))
        axes.annotate(note, (recall, microseconds), place, textcoords="offset points", color=colour, va="center")
    axes.set(
        yscale="log", xlim=(0.895, 1.09), ylim=(28, 3000), xlabel="recall@10 reached", ylabel="µs of CPU per query"
    )
    axes.set_xticks([0.90, 0.95, 0.99, EXACT], ["0.90", "0.95", "0.99", "exact"])
    axes.set_yticks([30, 50, 100, 200, 500, 1000, 2000], ["30", "50", "100", "200", "500", "1,000", "2,000"])
    axes.minorticks_off()
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    title = f"10 hits of {results['collection']} (lower is better)".replace(", SPLADE", ",\nSPLADE")
    axes.set_title(title, loc="left", fontsize=12)
    return figure


def _point(target: str, measured: Any) -> tuple[float, float]:
    """Return the recall, or where exact answers are drawn, and microseconds."""
    if target != "exact":
        return float(target), measured
    microseconds, recall = measured
    return (EXACT if recall == 1 else recall), microseconds


def with_table(page: str, file: str) -> str:
    """Return the text of the page with the table of the results in a file."""
    begin = BEGIN.format(file)
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(END)
    return f"{before}{begin}\n{table(read(file))}\n{END}{after}"


def main() -> None:
    """Write the tables and the picture."""
    if len(sys.argv) == 3:
        take_over(sys.argv[1], Path(sys.argv[2]))
    for file in FILES:
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), file), encoding="utf-8")
    draw(read()).savefig(PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    main()
