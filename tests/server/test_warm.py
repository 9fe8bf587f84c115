"""A ready service compiles nothing."""

import json
import subprocess
import sys
from pathlib import Path

import seismic
from seismic import BuildParams
from tests.conftest import Scifact

from .conftest import ROOT


def test_requests_compile_no_kernel(scifact: Scifact, tmp_path: Path):
    """Run in a separate process, because earlier tests have compiled kernels in this one."""
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
