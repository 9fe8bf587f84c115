"""Weights that 16 bits cannot hold beside the heaviest of their document are reported, wherever documents come in."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import BuildParams, RangeWarning, SparseVectors
from seismic.layouts import LAYOUTS
from seismic.weight_range import range_problem
from tests.conftest import Scifact
from tests.naive import Row

WIDE = [{1: 2.0}, {0: 1e6, 1: 1.0}]
STORED = r"row 1, field 'values': found 1 for component 1 beside 1e\+06, .* stored as 15\.3186; scale"


def problem_of(rows: list[Row]) -> str | None:
    return range_problem(SparseVectors.from_dicts(rows), LAYOUTS["shared"])


def test_the_document_and_the_loss_are_named() -> None:
    problem = problem_of([{}, *WIDE, {0: 1e4, 1: 0.01, 2: 0.02}])
    assert problem is not None
    assert "row 2, field 'values': found 1 for component 1 beside 1e+06" in problem
    assert "stored as 15.3186 (3 weights of 2 documents are); scale" in problem


@pytest.mark.parametrize(
    "rows",
    [
        [{0: 1e6, 1: 100.0}],
        [{0: 65280.0, 1: 1.0}],
        [{0: 2.0, 1: 1.0}] * 200 + [{0: 2.0, 1: 1e-8}],  # noise
        [{}],
        [],
    ],
)
def test_other_weights_are_not_reported(rows: list[Row]) -> None:
    assert problem_of(rows) is None


@pytest.mark.parametrize(("heavy", "share"), [(2, 0.02), (98, 0.02), (20, 1.0)])
def test_a_few_wide_documents_among_many(heavy: int, share: float) -> None:
    wide = [{**dict.fromkeys(range(heavy), 1e6), 99: 1.0}] * int(1000 * share)
    assert problem_of([{99: 2.0 + at / 1000} for at in range(1000 - len(wide))] + wide) is not None


def test_real_vectors_are_quiet(scifact: Scifact) -> None:
    assert range_problem(scifact.vectors, LAYOUTS["shared"]) is None


def test_a_layout_that_drops_light_weights_raises_none() -> None:
    assert range_problem(SparseVectors.from_dicts(WIDE), LAYOUTS["small"]) is None


def test_build_warns(tmp_path: Path) -> None:
    with pytest.warns(RangeWarning, match=STORED) as caught:
        seismic.build(SparseVectors.from_dicts(WIDE), tmp_path / "index")
    assert caught[0].filename == __file__
    with seismic.open(tmp_path / "index") as index:
        assert [hit.score for hit in index.search({"indices": [1], "values": [1]})] == [pytest.approx(1e6 / 65280), 2]


def test_upsert_warns_and_a_warning_as_error_writes_nothing(tmp_path: Path) -> None:
    seismic.build(SparseVectors.from_dicts([{1: 3.0}]), tmp_path)
    vectors, documents = SparseVectors.from_dicts(WIDE), pa.table({"id": [7, 8]})
    with pytest.raises(RangeWarning, match=STORED):  # tests make warnings errors
        seismic.upsert(tmp_path, vectors, documents)
    with seismic.open(tmp_path) as index:
        assert len(index) == 1
    with pytest.warns(RangeWarning, match=STORED) as caught:
        seismic.upsert(tmp_path, vectors, documents)
    assert caught[0].filename == __file__
    with seismic.open(tmp_path) as index:
        assert len(index) == 3


def test_commands_warn_in_one_line(tmp_path: Path) -> None:
    lines = [{"id": f"d{at}", "vector": {f"t{c}": w for c, w in row.items()}} for at, row in enumerate(WIDE)]
    (tmp_path / "wide.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for verb in (["build", "wide.jsonl", "index"], ["upsert", "index", "wide.jsonl"]):
        done = subprocess.run(
            [sys.executable, "-m", "seismic_tools.cli", *verb], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        (warning,) = [line for line in done.stderr.splitlines() if "16 bits" in line]
        assert warning.startswith("warning: row 1, field 'values': found 1 for component")


def test_integers_and_seeds_do_not_warn(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [{int(c): float(w) for c, w in enumerate(rng.integers(1, 65281, 8))} for _ in range(50)]
    seismic.build(SparseVectors.from_dicts(rows), tmp_path, params=BuildParams(layout="lists"))
