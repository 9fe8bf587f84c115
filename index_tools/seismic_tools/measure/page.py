"""A report as one HTML file: tables and pictures inside, light or dark as the reader's system, no network."""

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

TYPES = {".svg": "image/svg+xml", ".png": "image/png"}

STYLE = """
:root { color-scheme: light dark; --back: #ffffff; --text: #1d2330; --quiet: #5b6475; --line: #d9dee7; --row: #f5f7fa; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14171d; --text: #e4e8ef; --quiet: #9aa4b5; --line: #323946; --row: #1b2029; }
  img { filter: invert(1) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1rem 4rem; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; }
.scroll { overflow-x: auto; margin: 1.25rem 0; }
table { border-collapse: collapse; min-width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .75rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { color: var(--quiet); font-weight: 600; }
tbody tr:nth-child(odd) { background: var(--row); }
p { color: var(--quiet); }
figure { margin: 2rem 0; }
img { width: 100%; height: auto; border-radius: .5rem; background: #ffffff; }
"""


def to_page(markdown: str, pictures: Sequence[tuple[str, Path]]) -> str:
    """Return a report as HTML. `markdown` has headings, paragraphs and tables; `pictures`: titles and files."""
    title = next((line[2:] for line in markdown.splitlines() if line.startswith("# ")), "Report")
    figures = "".join(_figure(caption, path) for caption, path in pictures)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"{''.join(_blocks(markdown))}{figures}</body>\n</html>\n"
    )


def _blocks(markdown: str) -> Iterator[str]:
    def kind(line: str) -> str:
        return "table" if line.startswith("|") else "heading" if line.startswith("# ") else "text" if line else ""

    for name, lines in groupby(markdown.splitlines(), kind):
        if name == "table":
            yield _table(list(lines))
        elif name == "heading":
            yield "".join(f"<h1>{escape(line[2:])}</h1>\n" for line in lines)
        elif name == "text":
            yield f"<p>{'<br>'.join(map(escape, lines))}</p>\n"


def _table(lines: Sequence[str]) -> str:
    head, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    rows = [row for row in rows if not all(re.fullmatch(r"-+:?|:", cell) for cell in row)]
    return (
        f'<div class="scroll"><table>\n<thead><tr>{_cells("th", head)}</tr></thead>\n<tbody>\n'
        + "".join(f"<tr>{_cells('td', row)}</tr>\n" for row in rows)
        + "</tbody>\n</table></div>\n"
    )


def _cells(tag: str, cells: Sequence[str]) -> str:
    return "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)


def _figure(caption: str, path: Path) -> str:
    content = b64encode(path.read_bytes()).decode()
    source = f"data:{TYPES[path.suffix]};base64,{content}"
    return f'<figure><img src="{source}" alt="{escape(caption)}"></figure>\n'
