"""Sizes in bytes, as written in options and settings."""

import re

from seismic.errors import ParameterError

POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def parse_bytes(text: str) -> int:
    """Return the bytes of "8GB", "512 MiB" or "1.5gb"; ParameterError for anything else."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*(?:(?:([KMGT])(I?))?B)?", text.strip().upper())
    if not found:
        raise ParameterError(f"found size {text!r}, expected a number and a unit, such as 8GB or 512MiB")
    return int(float(found[1]) * (1024 if found[3] else 1000) ** POWERS[found[2] or ""])
