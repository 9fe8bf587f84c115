"""The machine a measurement ran on."""

import os
import platform
from pathlib import Path
from typing import Any


def describe_machine() -> dict[str, Any]:
    """Return the processor, the number of CPUs, the load of the last minute and the version of Python."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().split("\n") if information.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
    }


def machine_text(machine: dict[str, Any]) -> str:
    """Return the processor, CPUs and load as reports name them."""
    return f"{machine['cpu']}, {machine['cpus']} CPUs, load {machine['load']:.1f} at the start"
