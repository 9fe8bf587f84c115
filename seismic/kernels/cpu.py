"""CPU features, and the form of the kernels that they allow."""

import os
import platform
from typing import Literal, TypeAlias

import numba
from numba.core import codegen

Form: TypeAlias = Literal["avx512", "shuffle", "portable"]

JIT_DISABLED = bool(numba.config.DISABLE_JIT)
SIMD_SETTING = os.environ.get("SEISMIC_SIMD", "auto")
ARM = platform.machine().lower() in ("aarch64", "arm64")

NEEDED: dict[Form, tuple[str, ...]] = {
    "avx512": ("avx512f", "avx512bw", "avx512vl", "avx512vbmi"),
    "shuffle": ("ssse3",),
    "portable": (),
}
if ARM:
    NEEDED = {"shuffle": ("neon",), "portable": ()}
"""Forms of the kernels on this architecture, best first, and the CPU features each needs, in LLVM's names."""


def features() -> frozenset[str]:
    """Return the features that Numba compiles for: those of this CPU, or of NUMBA_CPU_FEATURES."""
    listed = numba.config.CPU_FEATURES
    listed = codegen.get_host_cpu_features() if listed is None else listed
    enabled = {feature[1:] for feature in listed.split(",") if feature.startswith("+")}
    return frozenset(
        enabled | {"neon"} if ARM else enabled
    )  # every 64-bit Arm CPU has it, but LLVM does not always report it


def runnable() -> list[Form]:
    """Return the forms that this CPU can run, best first."""
    if JIT_DISABLED:
        return ["portable"]
    return [form for form, needed in NEEDED.items() if features().issuperset(needed)]


def _choose() -> Form:
    best = runnable()[0]
    if SIMD_SETTING == "auto":
        return best
    for form, needed in NEEDED.items():
        if form == SIMD_SETTING:
            if missing := [name for name in needed if name not in features()]:
                lacks = f"this CPU lacks {', '.join(missing)}"
                raise _wrong(f"SEISMIC_SIMD is {form}, but {lacks}; unset it, or set it to {best}")
            return "portable" if JIT_DISABLED else form
    raise _wrong(f"SEISMIC_SIMD is {SIMD_SETTING!r}, expected auto, {', '.join(NEEDED)}")


def _wrong(message: str) -> ImportError:
    """Return the error for a bad setting. Nothing can be imported then, so commands recognise it by `name`."""
    return ImportError(message, name="SEISMIC_SIMD")


FORM: Form = _choose()
"""The form in use: the best that the CPU can run, or the one that SEISMIC_SIMD names."""
