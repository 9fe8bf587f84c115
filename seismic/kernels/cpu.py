"""What this CPU can do, and which form of the kernels follows from it."""

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
"""The forms of this architecture, the best first, and the features of the CPU that each needs, by LLVM's names."""


def features() -> frozenset[str]:
    """What Numba compiles for: the features of this CPU, or those that NUMBA_CPU_FEATURES lists."""
    listed = numba.config.CPU_FEATURES
    listed = codegen.get_host_cpu_features() if listed is None else listed
    found = {feature[1:] for feature in listed.split(",") if feature.startswith("+")}
    return frozenset(found | {"neon"} if ARM else found)  # every 64-bit Arm has it, and LLVM does not always say so


def runnable() -> list[Form]:
    """The forms that this CPU can run, the best first."""
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
    """Nothing can be imported then, not even a class of errors: commands know it by its name."""
    return ImportError(message, name="SEISMIC_SIMD")


FORM: Form = _choose()
"""The form in use: the best one that the CPU can run, or that of SEISMIC_SIMD."""
