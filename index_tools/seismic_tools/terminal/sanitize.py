"""Text of documents made safe for a terminal."""

import re

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that move the cursor, change colours or titles, or reverse the direction of text."""


def sanitize(value: object) -> str:
    """Return a value on one line, with a replacement character for each control character."""
    return CONTROLS.sub("\N{REPLACEMENT CHARACTER}", " ".join(str(value).split()))
