"""Damage of files is found, and none of it ends the process that searches."""

from pathlib import Path

import pytest

from tests.faults.test_crashes import run


@pytest.mark.parametrize(("kind", "per_section"), [("flips", 3), ("wide", 1), ("small", 1)])
def test_flipped_bits(tmp_path: Path, kind: str, per_section: int) -> None:
    counts = run("damage", kind, tmp_path)
    assert counts["detected"] == counts["cases"] == counts["refused"] + counts["survived"]
    assert counts["cases"] >= per_section * counts["sections"] > 50
    assert counts["survived"] > 0


def test_lost_bytes(tmp_path: Path) -> None:
    counts = run("damage", "losses", tmp_path)
    assert counts["rolled back"] == counts["cases"] > 80


def test_damage_does_not_get_new_hashes(tmp_path: Path) -> None:
    counts = run("damage", "launder", tmp_path)
    assert counts["refused"] == counts["cases"] == 4 * counts["sections"] > 200


def test_swapped_files(tmp_path: Path) -> None:
    assert run("damage", "swaps", tmp_path)["cases"] > 10
