"""Read text files in one way: UTF-8, with or without a byte order mark, in lines that end with LF or CR LF.

`str.splitlines` also splits at U+2028, U+0085, vertical tabs and form feeds, which occur inside ids, tokens and texts.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from seismic.errors import InputError

MARK = b"\xef\xbb\xbf"
"""Byte order mark of UTF-8, which some editors and spreadsheets write."""

UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of UTF-16, which PowerShell redirection writes."""


def without_mark(content: bytes) -> bytes:
    """Return text without its byte order mark; InputError for UTF-16."""
    if content.startswith(UTF_16):
        raise InputError("found text in UTF-16, expected UTF-8; save the file as UTF-8")
    return content.removeprefix(MARK)


def lines(file: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a binary file without their ends and without a byte order mark; InputError for UTF-16."""
    for number, line in enumerate(file):
        content = without_mark(line) if number == 0 else line
        yield content.removesuffix(b"\n").removesuffix(b"\r")


def read_lines(path: Path, content: str) -> list[str]:
    """Read a text file. InputError names the file, and the line that is not UTF-8; `content` is what it should hold."""
    try:
        with path.open("rb") as file:
            found = list(lines(file))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}, expected {content}") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    texts = []
    for number, line in enumerate(found, 1):
        try:
            texts.append(line.decode())
        except UnicodeDecodeError as error:
            raise InputError(f"{path}, line {number}: byte {error.start} is not UTF-8, expected {content}") from None
    return texts
