"""The flowcharts of the pages, drawn for the site."""

import re
from xml.etree import ElementTree

import pytest

from docs.flowchart import FlowchartError, draw
from docs.stage import flowcharts, pages, staged

SVG = "{http://www.w3.org/2000/svg}"
SOURCES = {page: source for page, source in pages().items() if source.suffix == ".md"}
DRAWN = {
    page: flowcharts(staged(source, page), page)
    for page, source in SOURCES.items()
    if "```mermaid" in source.read_text()
}


@pytest.mark.parametrize("page", DRAWN)
def test_the_charts_of_pages(page: str) -> None:
    text, drawn = DRAWN[page]
    assert "```mermaid" not in text
    for name, svg in drawn.items():
        assert f"]({name.rpartition('/')[2]})" in text
        root = ElementTree.fromstring(svg)
        boxes = [
            {key: float(box.attrib[key]) for key in ("x", "y", "width", "height")} for box in root.iter(f"{SVG}rect")
        ]
        assert len(boxes) > 2
        for at, one in enumerate(boxes):
            for other in boxes[:at]:
                apart = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
                assert apart or one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]


def test_nodes_arrows_and_texts() -> None:
    svg = draw('flowchart LR\n  A["first <one>"] -- reads --> B & C\n  B --> D[("store")]\n  C --> D\n')
    root = ElementTree.fromstring(svg)
    assert [text.text for text in root.iter(f"{SVG}text")] == ["reads", "reads", "first <one>", "B", "C", "store"]
    x = [float(box.attrib["x"]) for box in root.iter(f"{SVG}rect")]
    assert x[0] < x[1] == x[2] < x[3]
    assert len(re.findall("marker-end", svg)) == 4


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("graph TD\n A --> B", "expected flowchart LR"),
        ("flowchart LR\n A --> B\n B --> A", "circle"),
        ("flowchart LR\n A{x} --> B", "is no node"),
    ],
)
def test_what_cannot_be_drawn(source: str, problem: str) -> None:
    with pytest.raises(FlowchartError, match=problem):
        draw(source)
