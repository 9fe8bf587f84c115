"""Draw the flowcharts of the pages as SVG, without a browser or a network: `flowchart LR`, as code hosts read it.

A part of Mermaid's language: nodes `A`, `A["text"]` and `A[("text")]`, arrows `-->` and `-- text -->`, and `&`. Columns
are the longest paths from the nodes without predecessors.
"""

import re
from html import escape
from typing import NamedTuple

CHARACTER, LINE, PADDING = 7.4, 18, 14
"""Width of a character, height of a line, and room around a text, in pixels."""

WRAP = 22
"""Characters of a node's text after which it is broken."""

GAP, BETWEEN = 96, 18
"""Room between columns, for arrows and their texts, and between the nodes of a column."""

WIDEST = 1000
"""Width from which a flowchart is drawn downwards, so that its texts stay legible."""

ROOM = 46
"""Room below for arrows that pass a column."""

STYLE = """
text{font:14px system-ui,sans-serif;fill:#222}.edge{font-size:12px;fill:#555}
rect,.store{fill:#eef2fb;stroke:#1f5fa8}path{fill:none;stroke:#666;stroke-width:1.4}marker path{fill:#666;stroke:none}
"""

HEAD = (
    '<marker id="head" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto">'
    '<path d="M0 0 9 4 0 8z"/></marker>'
)

_NODE = re.compile(r'(\w+)(?:(\[\(|\[)"([^"]*)"(?:\)\]|\]))?')
_ARROW = re.compile(r"\s*--(?:\s+(.*?)\s+--)?>\s*")


class FlowchartError(ValueError):
    """A flowchart that cannot be drawn; the message names the line."""


class Edge(NamedTuple):
    """An arrow between two nodes, and its text."""

    start: str
    end: str
    text: str


class Box(NamedTuple):
    """Where a node is drawn, and its lines."""

    x: float
    y: float
    width: float
    height: float
    lines: list[str]


def draw(source: str) -> str:
    """Return the SVG of a flowchart."""
    texts, stores, edges = _parse(source)
    columns = _columns(list(texts), edges)
    boxes, width, height = _place(texts, columns)
    down = width > WIDEST
    if down:
        boxes, width, height = _stack(boxes, columns)
    at = {name: column for column, names in enumerate(columns) for name in names}
    far = [edge for edge in edges if at[edge.end] > at[edge.start] + 1]
    parts = [_below(boxes[edge.start], boxes[edge.end], edge.text, height) for edge in far if not down]
    near = [edge for edge in edges if down or edge not in far]
    parts += [_edge(boxes[edge.start], boxes[edge.end], edge.text, down) for edge in near]
    parts += [_box(box, name in stores) for name, box in boxes.items()]
    height += ROOM if far and not down else 0
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}"><style>{STYLE}</style><defs>{HEAD}</defs>{"".join(parts)}</svg>\n'
    )


def _parse(source: str) -> tuple[dict[str, str], set[str], list[Edge]]:
    """Return the text of every node, the nodes that are stores, and the arrows."""
    first, *lines = [line.strip() for line in source.strip().splitlines()]
    if first != "flowchart LR":
        raise FlowchartError(f"found {first!r}, expected flowchart LR")
    texts: dict[str, str] = {}
    stores: set[str] = set()
    edges: list[Edge] = []
    for line in lines:
        groups, labels = [], []
        for at, part in enumerate(_ARROW.split(line)):
            if at % 2:
                labels.append(part or "")
            else:
                groups.append([_node(one.strip(), line, texts, stores) for one in part.split(" & ")])
        for before, after, label in zip(groups[:-1], groups[1:], labels, strict=True):
            edges += [Edge(start, end, label) for start in before for end in after]
    return texts, stores, edges


def _node(text: str, line: str, texts: dict[str, str], stores: set[str]) -> str:
    """Record a node and return its name."""
    found = _NODE.fullmatch(text)
    if not found:
        raise FlowchartError(f"{line}: {text!r} is no node")
    name, kind, label = found.groups()
    if label is not None or name not in texts:
        texts[name] = label or name
    if kind == "[(":
        stores.add(name)
    return name


def _columns(names: list[str], edges: list[Edge]) -> list[list[str]]:
    """Return the nodes by column."""
    column = dict.fromkeys(names, 0)
    for _ in names:
        for edge in edges:
            column[edge.end] = max(column[edge.end], column[edge.start] + 1)
    if max(column.values()) >= len(names):
        raise FlowchartError("found a circle of arrows, expected none")
    return [[name for name in names if column[name] == at] for at in range(max(column.values()) + 1)]


def _place(texts: dict[str, str], columns: list[list[str]]) -> tuple[dict[str, Box], float, float]:
    """Return the boxes, and the width and height of the picture."""
    lines = {name: _wrapped(text) for name, text in texts.items()}
    sizes = {
        name: (max(map(len, rows)) * CHARACTER + 2 * PADDING, len(rows) * LINE + 2 * PADDING)
        for name, rows in lines.items()
    }
    tall = [sum(sizes[name][1] for name in column) + BETWEEN * (len(column) - 1) for column in columns]
    boxes, x, height = {}, 4.0, max(tall) + 8
    for column, used in zip(columns, tall, strict=True):
        wide, y = max(sizes[name][0] for name in column), (height - used) / 2
        for name in column:
            boxes[name] = Box(x, y, wide, sizes[name][1], lines[name])
            y += sizes[name][1] + BETWEEN
        x += wide + GAP
    return boxes, x - GAP + 4, height


def _stack(boxes: dict[str, Box], columns: list[list[str]]) -> tuple[dict[str, Box], float, float]:
    """Return the boxes with columns as rows, and the width and height of the picture."""
    wide = [sum(boxes[name].width for name in column) + BETWEEN * (len(column) - 1) for column in columns]
    placed, y, width = {}, 4.0, max(wide) + 8
    for column, used in zip(columns, wide, strict=True):
        x = (width - used) / 2
        for name in column:
            placed[name] = boxes[name]._replace(x=x, y=y)
            x += boxes[name].width + BETWEEN
        y += max(boxes[name].height for name in column) + GAP / 2
    return placed, width, y - GAP / 2 + 4


def _wrapped(text: str) -> list[str]:
    rows = [""]
    for word in text.split():
        if rows[-1] and len(rows[-1]) + len(word) + 1 > WRAP:
            rows.append("")
        rows[-1] = f"{rows[-1]} {word}".strip()
    return rows


def _box(box: Box, store: bool) -> str:
    middle, top = box.x + box.width / 2, box.y + box.height / 2 - (len(box.lines) - 1) * LINE / 2 + 5
    rounding = 14 if store else 4
    shape = f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="{rounding}"/>'
    rows = (
        f'<text x="{middle:.1f}" y="{top + LINE * row:.1f}" text-anchor="middle">{escape(line)}</text>'
        for row, line in enumerate(box.lines)
    )
    return shape + "".join(rows)


def _edge(start: Box, end: Box, text: str, down: bool) -> str:
    """Return the arrow from a box to one of the next column, or of the next row."""
    if down:
        x, y, right, low = start.x + start.width / 2, start.y + start.height, end.x + end.width / 2, end.y - 2
        bend = (low - y) / 2
        return _arrow(f"M{x:.1f} {y:.1f} C{x:.1f} {y + bend:.1f} {right:.1f} {low - bend:.1f} {right:.1f} {low:.1f}")
    x, y, right, low = start.x + start.width, start.y + start.height / 2, end.x - 2, end.y + end.height / 2
    bend = max(24.0, min(GAP, right - x) / 2)
    arrow = _arrow(f"M{x:.1f} {y:.1f} C{x + bend:.1f} {y:.1f} {right - bend:.1f} {low:.1f} {right:.1f} {low:.1f}")
    return arrow + _label(text, (x + right) / 2, (y + low) / 2 - 6)


def _below(start: Box, end: Box, text: str, height: float) -> str:
    """Return the arrow from a box to one behind the next column, which passes below."""
    x, y, right, low = start.x + start.width / 2, start.y + start.height, end.x + end.width / 2, end.y + end.height + 2
    depth = height + ROOM
    arrow = _arrow(f"M{x:.1f} {y:.1f} C{x:.1f} {depth:.1f} {right:.1f} {depth:.1f} {right:.1f} {low:.1f}")
    return arrow + _label(text, (x + right) / 2, height + ROOM * 0.55)


def _arrow(curve: str) -> str:
    return f'<path d="{curve}" marker-end="url(#head)"/>'


def _label(text: str, x: float, y: float) -> str:
    return f'<text class="edge" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(text)}</text>' if text else ""
