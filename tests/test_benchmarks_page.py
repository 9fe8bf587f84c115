"""The page of benchmarks, its picture and the figures of the front pages are those of rivals.json."""

import io
import re

import pytest

from docs.benchmarks import scale
from docs.benchmarks.rivals import FILES, PAGE, PICTURE, draw, read, table, with_table
from tests.reader import ROOT

RESULTS = read()


def test_the_table_is_what_the_script_writes() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for file in FILES:
        assert page == with_table(page, file), "run python docs/benchmarks/rivals.py"
    assert table(RESULTS).count("\n") == 12


def test_the_picture_is_what_the_script_draws() -> None:
    drawn = io.BytesIO()
    draw(RESULTS).savefig(drawn, format="svg", metadata={"Date": None})
    assert PICTURE.read_bytes() == drawn.getvalue(), "run python docs/benchmarks/rivals.py"


def test_the_readme_has_the_same_figures() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = {
        row[0]: row[1:]
        for row in re.findall(r"^\| \**([\w ]+?)\**(?: \([^)]*\)| [\d.]+)? \| (.*) \|$", text, re.MULTILINE)
    }
    for engine in ("Seismic", "Rust Seismic", "SINDI", "BMP", "Qdrant in process"):
        cells = [cell.strip(" *") for cell in shown[engine][0].split("|")]
        measured = RESULTS["engines"][engine]["10"]
        for target, cell in zip(("0.90", "0.95", "0.99"), cells, strict=False):
            assert cell == f"{measured[target]:,}" if target in measured else "not reached", engine
    assert shown["Seismic"][0].split("|")[3].strip(" *") == "46" == f"{RESULTS['engines']['Seismic']['10']['exact'][0]}"


@pytest.mark.parametrize(
    "figure", ["**46 µs of CPU**", "150 µs for a recall of 0.90", "379 µs for 0.99", "4.1 s of one"]
)
def test_the_start_page_has_the_same_figures(figure: str) -> None:
    assert figure in " ".join((ROOT / "docs" / "index.md").read_text(encoding="utf-8").split())
    (number,) = re.findall(r"\d+(?:\.\d)?(?= µs| s)", figure)
    assert number in str(RESULTS["engines"]["Seismic"]) + str(RESULTS["engines"]["Rust Seismic"])


def test_the_picture_of_growth_has_the_figures_of_its_page() -> None:
    times, sizes, builds = scale.picture().panels
    assert [series.label for series in times.series][:2] == ["10 hits, recall 0.95", "10 hits, exact"]
    assert list(times.series[1].y) == [72, 117, 179, 301, 606]
    assert list(sizes.series[0].y) == [0.392, 0.804, 1.6, 3.1, 6.5]
    assert list(builds.series[0].y) == [12, 20, 39, 83, 176]
