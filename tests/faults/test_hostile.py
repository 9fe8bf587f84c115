"""Adversarial values with matching hashes: a sample of what `python -m tests.faults.hostile` tries."""

from pathlib import Path

import pytest

from tests.faults.test_crashes import run


@pytest.mark.parametrize("shape", ["small", "lists", "table", "manifest"])
def test_nothing_that_a_file_holds_crashes_or_passes_as_sound(tmp_path: Path, shape: str) -> None:
    counts = run("hostile", tmp_path, shape, "--sample", 5)
    assert counts["verbs"] == 14 * counts["cases"] == 14 * 5
    worse = {kind: count for kind, count in counts.items() if kind.startswith(("killed", "hung", "raw")) and count}
    assert worse == {}
    assert counts.get("wrong but sound", 0) == 0
