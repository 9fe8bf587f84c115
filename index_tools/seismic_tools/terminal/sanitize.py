"""What documents contain, as a terminal may be given it."""

import re

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that would move the cursor, change colours or titles, or turn the direction of what follows."""


def sanitize(value: object) -> str:
    """On one line, a replacement character for each that controls the terminal."""
    return CONTROLS.sub("\N{REPLACEMENT CHARACTER}", " ".join(str(value).split()))
