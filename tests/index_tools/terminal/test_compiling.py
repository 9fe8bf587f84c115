"""Compiling takes a while, so it is announced, once, and only if it takes place."""

import os
import subprocess
import sys
from pathlib import Path

from seismic.kernels.jit import CACHING
from tests.index_tools.conftest import Run

CODE = """\
import numpy as np
from seismic.kernels.sample import mix
from seismic_tools.terminal.compiling import announce_compiling

announce_compiling()
mix(np.uint64(1))
mix(np.uint32(1))
"""


def test_the_first_process_says_so_and_the_second_does_not(tmp_path: Path) -> None:
    environment = {**os.environ, "SEISMIC_CACHE_DIR": str(tmp_path)}
    said = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=600, env=environment
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stderr)
    assert said[0].startswith("compiling kernels, about a minute (once per machine, cached in ")
    assert said[0].count("\n") == 1
    assert said[1] == ""


def test_every_kernel_can_be_compiled_beforehand(run: Run) -> None:
    result = run("warmup")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("kernels are compiled in ") == CACHING
