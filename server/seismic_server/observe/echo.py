"""Text of requests made safe and short, for answers and logs."""

import re

MOST_ECHOED = 1000
"""Characters of a text in an answer or a log line."""

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that move the cursor, change colours or titles, end lines, or reverse the direction of text."""


def clip(text: str, most: int = MOST_ECHOED) -> str:
    """Return a text of at most `most` characters and a mark. The middle is left out: the end says what to do."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]} ... {text[len(text) - most // 2 :]}"


def printable(text: str) -> str:
    """Return a text with a replacement character for each control character."""
    return CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def escaped(json: str) -> str:
    """Return JSON with control characters as escapes, which parsers read as the same value."""
    return CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", json)
