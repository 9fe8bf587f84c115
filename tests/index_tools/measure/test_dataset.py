"""Datasets of ir_datasets, from a folder that is filled here in its own layout: nothing is downloaded."""

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.index_tools.conftest import write_lines

QUERIES = {"1048585": "what is the red planet", "2": "which star is nearest"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """What `msmarco-passage/dev/small` keeps of its downloads."""
    folder = tmp_path / "home"
    small = folder / "msmarco-passage/dev/small"
    small.mkdir(parents=True)
    (folder / "msmarco-passage/irds_version.txt").write_text("v2")
    (small / "queries.tsv").write_text("".join(f"{name}\t{text}\n" for name, text in QUERIES.items()))
    (small / "qrels").write_text("1048585\t0\ta\t1\n2\t0\tc\t1\n2\t0\tnot-here\t1\n")
    return folder


@pytest.fixture
def encoded(tmp_path: Path) -> Path:
    """Their vectors, and one more."""
    vectors = {"3": {"venus": 1.0}, "2": {"star": 1.0}, "1048585": {"planet": 1.0, "mars": 2.0}}
    return write_lines(tmp_path / "queries.jsonl", *({"id": name, "vector": each} for name, each in vectors.items()))


def evaluate(home: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run in a process of its own: ir_datasets looks up its home when it is imported."""
    command = [sys.executable, "-m", "seismic_tools.cli", "evaluate", *map(str, arguments)]
    environment = {**os.environ, "IR_DATASETS_HOME": str(home), "IR_DATASETS_DL_TRIES": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def test_queries_and_judgements_come_from_the_dataset(
    home: Path, encoded: Path, planets_index: Path, tmp_path: Path
) -> None:
    options = "--dataset", "msmarco-passage/dev/small", "--queries", encoded, "-k", "2", "--output", tmp_path / "report"
    done = evaluate(home, planets_index, *options)
    assert done.returncode == 0, done.stderr
    assert "2 queries of msmarco-passage/dev/small (2 of them judged)" in done.stdout
    report = orjson.loads((tmp_path / "report/report.json").read_bytes())
    assert report["missing"] == pytest.approx(1 / 3)
    effectiveness = report["settings"][0]["effectiveness"]
    assert effectiveness["RR@10"] == 1.0
    assert effectiveness["R@10"] == 0.75
    run = (tmp_path / "report/exact.trec").read_text().splitlines()
    assert [line.split()[:3] for line in run] == [["1048585", "Q0", "a"], ["1048585", "Q0", "b"], ["2", "Q0", "c"]]


def test_queries_without_vectors(home: Path, planets_index: Path, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "queries.jsonl", {"id": "2", "vector": {"star": 1.0}})
    done = evaluate(home, planets_index, "--dataset", "msmarco-passage/dev/small", "--queries", path)
    assert done.returncode == 2
    assert "no vectors for 1 of the 2 queries of msmarco-passage/dev/small, such as '1048585'" in done.stderr


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("msmarco-passage/dev/smal", "unknown to ir_datasets; similar ids are msmarco-passage/dev/small"),
        ("msmarco-passage", "has no queries; similar ids are msmarco-passage/"),
        ("msmarco-passage/trec-dl-2019", "cannot read its queries"),
    ],
)
def test_datasets_that_cannot_be_had(home: Path, encoded: Path, planets_index: Path, name: str, problem: str) -> None:
    (home / "msmarco-passage/trec-dl-2019").mkdir()
    (home / "msmarco-passage/trec-dl-2019/queries.tsv").write_bytes(b"1\ttwo\tmany\xff\n")
    done = evaluate(home, planets_index, "--dataset", name, "--queries", encoded)
    assert done.returncode == 2
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
