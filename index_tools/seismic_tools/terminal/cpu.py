"""What `seismic inspect --cpu` shows: this machine, as far as the speed of searches depends on it."""

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
"""Features by LLVM's names: those that a form needs, and what LLVM makes use of in it."""


def describe_cpu() -> dict[str, dict[str, Any]]:
    """CPU, form of the kernels with the reason for it, and the memory's pages."""
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
    """The name that its maker gave it; where the system does not tell, that of the architecture."""
    if CPU_INFO.exists() and (found := re.search(r"^model name\s*: (.+)$", CPU_INFO.read_text(), re.MULTILINE)):
        return found[1]
    return platform.processor() or platform.machine()


def _why() -> str:
    if cpu.JIT_DISABLED:
        return "NUMBA_DISABLE_JIT is set"
    if cpu.SIMD_SETTING != "auto":
        return f"SEISMIC_SIMD={cpu.SIMD_SETTING}"
    if next(iter(cpu.NEEDED)) == cpu.FORM:
        return "the best form there is"
    better = list(cpu.NEEDED)[: list(cpu.NEEDED).index(cpu.FORM)]
    features = cpu.features()
    lacks = {form: [name for name in cpu.NEEDED[form] if name not in features] for form in better}
    of = "this CPU" if numba.config.CPU_FEATURES is None else "NUMBA_CPU_FEATURES"
    return f"{of} lacks " + "; ".join(f"{', '.join(names)} for {form}" for form, names in lacks.items())


def _huge_pages() -> str | None:
    """`always`, `madvise` or `never`; None where there are none."""
    if not HUGE_PAGES.exists():
        return None
    chosen = re.search(r"\[(\w+)\]", HUGE_PAGES.read_text())
    return chosen[1] if chosen else None
