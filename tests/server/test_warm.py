"""A service that is ready compiles nothing any more."""

import json
import subprocess
import sys
from pathlib import Path

import seismic
from seismic import BuildParams
from tests.conftest import Scifact

from .conftest import ROOT


def test_no_kernel_is_left_for_requests_to_compile(scifact: Scifact, tmp_path: Path):
    """In a process of its own, as tests before this one have compiled what they needed."""
    for layout in ("shared", "small", "lists"):
        documents, params = scifact.documents.slice(0, 200), BuildParams(layout=layout)
        vectors, folder = scifact.vectors.slice(0, 200), tmp_path / layout
        seismic.build(vectors, folder, documents=documents, vocabulary=scifact.vocabulary, params=params)
    command = [sys.executable, "-m", "tests.server.tour", str(tmp_path)]
    tour = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert tour.returncode == 0, tour.stderr
    before, late = json.loads(tour.stdout.splitlines()[-1])
    assert before > 30
    assert late == {}
