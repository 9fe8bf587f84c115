"""Features of this machine that decide the speed of searches, for `seismic inspect --cpu`."""

import os
import platform
import re
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding
import numba

from seismic.kernels import cpu
from seismic.kernels.jit import CACHE_FOLDER, CACHING

CPU_INFO = Path("/proc/cpuinfo")
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")

SHOWN = ("ssse3", "avx2", "avx512f", "avx512bw", "avx512vl", "avx512vbmi", "neon")
"""Features, by their LLVM names, that a kernel form needs or that LLVM uses in it."""


def describe_cpu() -> dict[str, dict[str, Any]]:
    """Return the CPU, the kernel form with the reason for it, and the memory pages."""
    features = cpu.features()
    return {
        "cpu": {
            "name": _name(),
            "architecture": platform.machine(),
            "llvm_name": numba.config.CPU_NAME or llvmlite.binding.get_host_cpu_name(),
            "features": [feature for feature in SHOWN if feature in features],
            "threads": os.cpu_count(),
        },
        "kernels": {
            "form": cpu.FORM,
            "why": _why(),
            "forms": cpu.runnable(),
            "cache_folder": str(CACHE_FOLDER) if CACHING else None,
            "numba": numba.__version__,
            "llvmlite": llvmlite.__version__,
        },
        "memory": {"transparent_huge_pages": _huge_pages()},
    }


def _name() -> str:
    """Return the name of the processor model, or of the architecture if the system does not report the model."""
    if CPU_INFO.exists() and (found := re.search(r"^model name\s*: (.+)$", CPU_INFO.read_text(), re.MULTILINE)):
        return found[1]
    return platform.processor() or platform.machine()


def _why() -> str:
    if cpu.JIT_DISABLED:
        return "NUMBA_DISABLE_JIT is set"
    if cpu.SIMD_SETTING != "auto":
        return f"SEISMIC_SIMD={cpu.SIMD_SETTING}"
    if next(iter(cpu.NEEDED)) == cpu.FORM:
        return "the fastest form"
    better = list(cpu.NEEDED)[: list(cpu.NEEDED).index(cpu.FORM)]
    features = cpu.features()
    lacks = {form: [name for name in cpu.NEEDED[form] if name not in features] for form in better}
    of = "this CPU" if numba.config.CPU_FEATURES is None else "NUMBA_CPU_FEATURES"
    return f"{of} lacks " + "; ".join(f"{', '.join(names)} for {form}" for form, names in lacks.items())


def _huge_pages() -> str | None:
    """Return `always`, `madvise` or `never`; None if the system has no huge pages."""
    if not HUGE_PAGES.exists():
        return None
    chosen = re.search(r"\[(\w+)\]", HUGE_PAGES.read_text())
    return chosen[1] if chosen else None
