"""The release version, and versions of formats."""

import re

__version__ = "0.1.0"


def has_major(found: object, major: int) -> bool:
    """Return whether the format found in a file is a minor version of a major."""
    return re.fullmatch(rf"{major}\.[0-9]+", str(found)) is not None
