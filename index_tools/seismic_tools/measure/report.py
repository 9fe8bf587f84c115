"""Reports: results as JSON, as Markdown and as pictures. Every measurement writes its own through this module."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from seismic.store.failures import file_errors
from seismic_tools.measure.page import to_page
from seismic_tools.measure.plots import Picture, draw, shows_something
from seismic_tools.measure.results import to_json

MISSING = "-"
"""Cell of a table that has no value."""

NO_PLOTS = "no pictures: they need matplotlib (pip install 'seismic-search[plots]')"


@dataclass(frozen=True, slots=True)
class Report:
    """Results, the Markdown that describes them, and pictures of them."""

    results: object
    text: str
    pictures: Sequence[Picture] = ()

    def write(self, folder: Path, json: str, markdown: str, page: str | None = None) -> None:
        """Write the files of these names and the pictures that show something; the Markdown file links to these.

        `page`: a file of HTML that holds all of it and opens without a network.

        Results are written first: without matplotlib only the pictures are missing, with a note on standard error.
        """
        make_folder(folder)
        with file_errors("write to", folder):
            (folder / json).write_bytes(to_json(self.results))
            drawn = self._draw(folder)
            links = "".join(f"\n![{title}]({file})\n" for title, file in drawn)
            (folder / markdown).write_text(self.text + links, encoding="utf-8")
            if page is not None:
                pictures = [(title, folder / file) for title, file in drawn]
                (folder / page).write_text(to_page(self.text, pictures), encoding="utf-8")

    def _draw(self, folder: Path) -> list[tuple[str, str]]:
        try:
            drawn = filter(shows_something, self.pictures)
            return [(picture.title, draw(picture, folder)) for picture in drawn]
        except ImportError:
            typer.echo(NO_PLOTS, err=True)
            return []


def make_folder(folder: Path) -> None:
    """Create the folder of a report; StorageError if that fails. Commands call it before they measure."""
    with file_errors("write to", folder):
        folder.mkdir(parents=True, exist_ok=True)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, padded so that it reads as text too; the first row is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in [rows[0], rule, *rows[1:]]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def compare(columns: Sequence[tuple[str, Mapping[str, str]]], corner: str = "") -> str:
    """Return a table with a column per heading and a row per name; names that a column lacks are marked."""
    names = dict.fromkeys(name for _, cells in columns for name in cells)
    heading = [corner, *(title for title, _ in columns)]
    return table([heading, *([name, *(cells.get(name, MISSING) for _, cells in columns)] for name in names)])
