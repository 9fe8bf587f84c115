"""The frame that all measurements share: JSON, Markdown and pictures."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest

from seismic import InputError, SearchParams, StorageError
from seismic_tools.measure.page import to_page
from seismic_tools.measure.plots import Axis, Panel, Picture, Series, draw, log_ticks
from seismic_tools.measure.report import Report, compare, table
from seismic_tools.measure.results import read_json, to_json


class Cost(NamedTuple):
    seconds: float


@dataclass(frozen=True)
class Found:
    cost: Cost
    params: SearchParams
    recall: dict[int, float]


FOUND = Found(Cost(1.5), SearchParams(plan="exact"), {10: 0.5})


def test_results_come_back_with_their_types(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    path.write_bytes(to_json(FOUND))
    assert orjson.loads(path.read_bytes())["cost"] == {"seconds": 1.5}
    assert read_json(path, Found, "this test") == FOUND
    assert orjson.loads(to_json({"nothing": float("nan")})) == {"nothing": None}
    path.write_text('{"cost": {"seconds": "long"}, "params": {}, "recall": {}}')
    with pytest.raises(InputError, match=r"found.json: expected the results of `this test` \(cost.seconds: "):
        read_json(path, Found, "this test")
    with pytest.raises(TypeError, match="complex"):
        to_json(1j)


def test_tables_mark_what_is_missing() -> None:
    assert table([["a", "bcd"], ["long", "1"]]) == "| a    | bcd |\n| ---- | --: |\n| long |   1 |\n"
    compared = compare([("first", {"x": "1"}), ("second", {"x": "2", "y": "3"})], corner="name")
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in compared.splitlines()[::2]] == [
        ["name", "first", "second"],
        ["x", "1", "2"],
    ]
    assert [cell.strip() for cell in compared.splitlines()[-1].split("|")[1:-1]] == ["y", "-", "3"]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (12, 90, [10, 20, 50, 100]),
        (20, 20, [20, 50]),
        (0.02, 0.3, [0.02, 0.05, 0.1, 0.2, 0.5]),
        (1, 100_000, [1, 10, 100, 1_000, 10_000, 100_000]),
        (0, 5, [1, 10]),
    ],
)
def test_ticks_are_plain_numbers_around_the_data(low: float, high: float, ticks: list[float]) -> None:
    assert log_ticks(low, high) == pytest.approx(ticks)


def test_pictures_have_written_out_ticks(tmp_path: Path) -> None:
    series = [Series("a", [0.9, 1.0], [12.0, 900.0]), Series("b", [0.9], [50.0], "points")]
    panel = Panel(Axis("recall", limits=(0.8, 1.0)), Axis("microseconds", log=True), series)
    assert draw(Picture("some", "Some", [panel], (".png", ".svg")), tmp_path) == "some.svg"
    drawn = (tmp_path / "some.svg").read_text()
    assert all(f"<!-- {label} -->" in drawn for label in ("Some", "recall", "microseconds", "10", "1,000", "a", "b"))


def test_pictures_of_a_single_value_are_left_out(tmp_path: Path) -> None:
    axes = Axis("x"), Axis("y")
    one = Panel(*axes, [Series("a", [1.0], [2.0])])
    flat = Panel(*axes, [Series("a", [1.0, 2.0], [5.0, 5.0], "points"), Series("median", [1.5], [5.0])])
    two = Panel(*axes, [Series("a", [1.0], [2.0]), Series("b", [1.0], [3.0])])
    bar = Panel(*axes, [Series("", ["a"], [2.0], "bars")])
    pictures = [Picture(f"p{at}", "P", [panel]) for at, panel in enumerate((one, flat, two, bar))]
    Report({}, "", [*pictures, Picture("both", "P", [one, two])]).write(tmp_path, "some.json", "some.md")
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["both.png", "p2.png", "p3.png"]


def test_ticks_of_an_axis_have_equal_decimals(tmp_path: Path) -> None:
    axis = Axis("recall", limits=(0.8, 1.005), ticks=(0.8, 0.85, 1.0))
    draw(Picture("some", "S", [Panel(axis, Axis("y"), [Series("a", [0.8, 1], [1, 2])])], (".svg",)), tmp_path)
    drawn = (tmp_path / "some.svg").read_text()
    assert all(f"<!-- {label} -->" in drawn for label in ("0.80", "0.85", "1.00"))


def test_long_ticks_are_in_thousands_and_millions(tmp_path: Path) -> None:
    panel = Panel(Axis("documents", log=True), Axis("y"), [Series("a", [5e5, 8.8e6], [1, 2])])
    draw(Picture("some", "S", [panel], (".svg",)), tmp_path)
    drawn = (tmp_path / "some.svg").read_text()
    assert all(f"<!-- {label} -->" in drawn for label in ("500 k", "1 M", "2 M", "10 M"))


def test_without_matplotlib_only_pictures_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = Picture("some", "Some", [Panel(Axis("x"), Axis("y"), [Series("", [1.0, 2.0], [1.0, 3.0])])])
    report = Report({"n": 1}, "# Some\n", [picture])
    report.write(tmp_path / "with", "some.json", "some.md")
    assert (tmp_path / "with" / "some.md").read_text() == "# Some\n\n![Some](some.png)\n"
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    report.write(tmp_path / "without", "some.json", "some.md")
    assert sorted(path.name for path in (tmp_path / "without").iterdir()) == ["some.json", "some.md"]
    assert (tmp_path / "without" / "some.md").read_text() == "# Some\n"
    assert "no pictures: they need matplotlib" in capsys.readouterr().err
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write to "):
        report.write(tmp_path / "file", "some.json", "some.md")


def test_pages_hold_everything_and_escape_it(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"pixels")
    text = "# A <b>\n\nwords\nmore\n\n" + table([["", "x"], ["rows & cells", "1"]])
    page = to_page(text, [("title", tmp_path / "a.png")])
    assert "<title>A &lt;b&gt;</title>" in page
    assert "<p>words<br>more</p>" in page
    assert "<tbody>\n<tr><td>rows &amp; cells</td><td>1</td></tr>" in page
    assert page.count("<tr>") == 2
    assert 'src="data:image/png;base64,cGl4ZWxz" alt="title"' in page
    assert "prefers-color-scheme: dark" in page
    assert "http" not in page
