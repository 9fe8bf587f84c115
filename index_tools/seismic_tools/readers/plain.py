"""Documents of plain files: Markdown, text, HTML, PDF, CSV and JSON.

Each parser returns the documents of a file as mappings, in their order. A document without an id is named by its place.
"""

import csv
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from seismic.extras import hinted
from seismic.lines import MARK, UTF_16
from seismic_tools.readers.front_matter import parse_front_matter

Documents: TypeAlias = list[dict[str, Any]]


class UnreadableError(ValueError):
    """A file that cannot be read; its text says why."""


def read_markdown(content: bytes) -> Documents:
    """Return the document of a Markdown file: `title`, `text`, and the values of its front matter."""
    text = decoded(content)
    values, body = parse_front_matter(text)
    heading = re.search(r"^# +(.+?) *#*$", body, re.MULTILINE)
    title = values.pop("title", None) or (heading[1] if heading else None)
    return [{"title": title if title is None else str(title), "text": body.strip(), **values}]


def read_plain(content: bytes) -> Documents:
    """Return the document of a text file."""
    return [{"title": None, "text": decoded(content).strip()}]


def read_html(content: bytes) -> Documents:
    """Return the document of an HTML file: its title and its visible text."""
    declared = re.search(rb"<meta[^>]+charset=[\"']?([A-Za-z0-9_-]+)", content[:4096], re.IGNORECASE)
    page = _Page()
    page.feed(decoded(content, declared[1].decode() if declared else "utf-8"))
    page.close()
    return [{"title": page.title, "text": page.text}]


def read_pdf(content: bytes) -> Documents:
    """Return the document of a PDF file: its title and the text of its pages. Needs the extra `pdf`."""
    with hinted():
        pypdf = import_module("pypdf")
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it complains of is in its errors
    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        pages = [page.extract_text() for page in reader.pages]
        title = reader.metadata.title if reader.metadata else None
    except Exception as error:  # a damaged file raises almost anything
        raise UnreadableError(f"cannot be read as PDF ({type(error).__name__}: {error})") from None
    return [{"title": title or None, "text": "\n\n".join(pages).strip()}]


def read_csv(content: bytes) -> Documents:
    """Return a document per row of a CSV file with a heading. A column of numbers alone holds numbers."""
    text = decoded(content)
    sample = text[: 1 << 16].splitlines()[:1]
    comma = max(",;\t", key=sample[0].count) if sample else ","
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=comma))
    if not rows:
        return []
    names, rows = [name.strip() for name in rows[0]], [row for row in rows[1:] if row]
    if len(set(names)) < len(names) or "" in names:
        raise UnreadableError(f"found the heading {', '.join(names)[:80]}, expected a distinct name for each column")
    for number, row in enumerate(rows, 1):
        if len(row) != len(names):
            raise UnreadableError(f"row {number}: found {len(row)} cells, expected {len(names)} as in the heading")
    columns = [_typed([row[at] for row in rows]) for at in range(len(names))]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def read_json(content: bytes) -> Documents:
    """Return a document per object of a JSON array, or the one of an object."""
    text = decoded(content)
    if not text.strip():
        return []
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableError(f"line {error.lineno}: not valid JSON: {error.msg}") from None
    listed = found if isinstance(found, list) else [found]
    for number, one in enumerate(listed, 1):
        if not isinstance(one, dict):
            raise UnreadableError(f"row {number}: found a JSON {type(one).__name__}, expected an object")
    return listed


def read_json_lines(content: bytes) -> Documents:
    """Return a document per line."""
    documents = []
    for number, line in enumerate(decoded(content).split("\n"), 1):
        if line.strip():
            try:
                documents += read_json(line.encode())
            except UnreadableError as error:
                raise UnreadableError(f"line {number}: {str(error).partition(': ')[2]}") from None
    return documents


PARSERS: dict[str, Callable[[bytes], Documents]] = {
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".txt": read_plain,
    ".html": read_html,
    ".htm": read_html,
    ".pdf": read_pdf,
    ".csv": read_csv,
    ".json": read_json,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
}
"""Ending of a file name, in lower case -> its parser."""

ROWS = (".csv", ".json", ".jsonl", ".ndjson")
"""Endings of files with a document per row."""


def decoded(content: bytes, encoding: str = "utf-8") -> str:
    """Return text: UTF-8, or UTF-16 with a byte order mark. Raises UnreadableError."""
    if content.startswith(UTF_16):
        encoding = "utf-16"
    try:
        return content.removeprefix(MARK).decode(encoding).replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"byte {error.start} is not {encoding.upper()}; save the file as UTF-8") from None
    except LookupError:
        raise UnreadableError(f"found the encoding '{encoding}', which is unknown; save the file as UTF-8") from None


def _typed(values: list[str]) -> list[Any]:
    """Return the values of a column as integers or numbers if all of them are; empty cells are None."""
    filled = [value for value in values if value]
    for pattern, kind in ((r"-?(0|[1-9]\d{0,17})", int), (r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d{1,3})?", float)):
        if filled and all(re.fullmatch(pattern, value) for value in filled):
            return [kind(value) if value else None for value in values]
    return [value or None for value in values]


class _Page(HTMLParser):
    """Collects the title and the visible text of a page."""

    HIDDEN = frozenset({"script", "style", "template", "noscript", "svg", "iframe", "select", "textarea"})
    INLINE = frozenset({*"abiqsu", "abbr", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "ins", "kbd"}) | {
        *("mark", "samp", "small", "span", "strong", "sub", "sup", "time", "var", "wbr")
    }

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._title: list[str] = []
        self._hidden: list[str] = []
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        if tag in self.HIDDEN or ("hidden" in dict(attrs) and tag not in ("br", "hr", "img", "input", "meta", "link")):
            self._hidden.append(tag)
        elif tag == "title":
            self._in_title = True
        elif tag not in self.INLINE:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        if tag in self._hidden:
            del self._hidden[len(self._hidden) - 1 - self._hidden[::-1].index(tag) :]
        elif tag == "title":
            self._in_title = False
        elif tag not in self.INLINE:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        """Add text."""
        if self._in_title:
            self._title.append(data)
        elif not self._hidden:
            self.parts.append(re.sub(r"\s+", " ", data))

    @property
    def title(self) -> str | None:
        """The title on one line."""
        return " ".join("".join(self._title).split()) or None

    @property
    def text(self) -> str:
        """The text, a line per block."""
        lines = (" ".join(line.split()) for line in "".join(self.parts).split("\n"))
        return "\n".join(line for line in lines if line)


def documents_of(path: Path, content: bytes, ending: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place, document) of a file. Raises UnreadableError."""
    for number, document in enumerate(PARSERS[ending](content), 1):
        yield (f"{path}, row {number}" if ending in ROWS else str(path)), document
