"""Draw docs/scale.png from the figures of docs/scale.md: `python docs/benchmarks/scale.py`."""

import re
from pathlib import Path

from seismic_tools.measure.plots import Axis, Panel, Picture, Series, draw

DOCS = Path(__file__).parents[1]
DRAWN = ("recall 0.95", "exact")
"""Rows of each depth that are drawn."""


def rows() -> dict[str, list[str]]:
    """Return the cells of the page's table by the names of its rows; rows of a depth begin with it."""
    text = (DOCS / "scale.md").read_text(encoding="utf-8")
    table = text[text.index("| documents | 500,000 |") :].split("\n\n")[0]
    found, depth = {}, ""
    for line in table.splitlines():
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        if begin := re.match(r"\*\*([\d,]+) hits\*\*, ", name):
            depth, name = f"{begin[1]} hits, ", name.removeprefix(begin[0])
        found[f"{depth}{name}"] = cells
    return found


def number(cell: str) -> float:
    """Return a cell as a number; sizes in GB."""
    value, unit = re.fullmatch(r"([\d,.]+)(?: ([GM]B))?", cell).groups()  # type: ignore[union-attr]
    return float(value.replace(",", "")) / (1000 if unit == "MB" else 1)


def picture() -> Picture:
    """Return the picture of time per query, sizes and build times."""
    table = rows()
    x = [number(cell) for cell in table["documents"]]
    times = [
        Series(name, x, [number(cell) for cell in table[name]])
        for depth in ("10", "100", "1,000")
        for name in (f"{depth} hits, {row}" for row in DRAWN)
    ]
    sizes = [
        Series("index", x, [number(cell) for cell in table["index"]]),
        Series("peak memory of the build", x, [number(cell) for cell in table["build, anonymous memory at most"]]),
    ]
    seconds = [float(re.findall(r"\((\d+)\)", cell)[0]) for cell in table["build, seconds (CPU)"]]
    builds = [Series("build", x, seconds)]
    axes = (("CPU time per query, microseconds", times), ("GB", sizes), ("CPU time of the build, seconds", builds))
    documents = Axis("documents", log=True)
    panels = [Panel(documents, Axis(label, log=True), series) for label, series in axes]
    return Picture("scale", "Synthetic collections grown from 319,203 real documents (lower is better)", panels)


if __name__ == "__main__":
    draw(picture(), DOCS)
