"""Build a collection in a separate process and measure the build."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from seismic import InputError, ParameterError
from seismic.store.collection import is_collection
from seismic_tools.measure.evaluate.results import BuildCost


def build_first(inputs: Sequence[Path], collection: Path, options: str) -> BuildCost:
    """Run `seismic build INPUTS COLLECTION OPTIONS` and return its cost; InputError if it fails."""
    if is_collection(collection):
        raise ParameterError(f"--build: {collection} already exists; remove --build, or choose another folder")
    command = ["build", *map(str, inputs), str(collection), *options.split()]
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "seismic_tools.cli", *command])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise InputError(f"--build: `seismic {' '.join(command)}` ended with code {process.returncode}")
    return BuildCost(time.perf_counter() - began, usage.ru_maxrss * RSS_UNIT)


RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes per unit of ru_maxrss."""
