"""Text of documents made safe for a terminal."""

import re
from collections.abc import Callable
from typing import Any

import orjson

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that move the cursor, change colours or titles, end lines, or reverse the direction of text."""


def sanitize(value: object) -> str:
    """Return a value on one line, with a replacement character for each control character."""
    return CONTROLS.sub("\N{REPLACEMENT CHARACTER}", " ".join(str(value).split()))


def one_line(text: str) -> str:
    """Return a message on one line, with a replacement character for each control character."""
    return CONTROLS.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split("\n")))


def json_text(value: Any, *, indent: bool = False, default: Callable[[Any], Any] | None = None) -> str:
    """Return JSON with control characters as escapes, which parsers read as the same value; `default` as in orjson."""
    text = orjson.dumps(value, default=default, option=orjson.OPT_INDENT_2 if indent else None).decode()
    return CONTROLS.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)
