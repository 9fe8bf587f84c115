import numba
import pytest

from seismic.kernels import cpu
from seismic.kernels.cpu import Form

X86 = {"avx512": ("avx512f", "avx512bw", "avx512vl", "avx512vbmi"), "shuffle": ("ssse3",), "portable": ()}
VBMI = "+avx512f,+avx512bw,+avx512vl,+avx512vbmi,+avx2,+ssse3"
SKYLAKE_X = "+avx512f,+avx512bw,+avx512vl,-avx512vbmi,+avx2,+ssse3"


def pretend(monkeypatch: pytest.MonkeyPatch, features: str, setting: str = "auto", jit_disabled: bool = False) -> None:
    """Pretend to run on an x86 CPU with these features."""
    monkeypatch.setattr(cpu, "ARM", False)
    monkeypatch.setattr(cpu, "NEEDED", X86)
    monkeypatch.setattr(numba.config, "CPU_FEATURES", None)
    monkeypatch.setattr("numba.core.codegen.get_host_cpu_features", lambda: features)
    monkeypatch.setattr(cpu, "SIMD_SETTING", setting)
    monkeypatch.setattr(cpu, "JIT_DISABLED", jit_disabled)


@pytest.mark.parametrize(
    ("features", "setting", "jit_disabled", "expected"),
    [
        (VBMI, "auto", False, "avx512"),
        (VBMI, "avx512", False, "avx512"),
        (VBMI, "shuffle", False, "shuffle"),
        (VBMI, "portable", False, "portable"),
        (VBMI, "auto", True, "portable"),
        (VBMI, "avx512", True, "portable"),
        (SKYLAKE_X, "auto", False, "shuffle"),
        ("+sse2,-ssse3", "auto", False, "portable"),
        ("", "auto", False, "portable"),
    ],
)
def test_the_form_is_chosen_by_setting_and_cpu(
    monkeypatch: pytest.MonkeyPatch, features: str, setting: str, jit_disabled: bool, expected: Form
) -> None:
    pretend(monkeypatch, features, setting, jit_disabled)
    assert cpu._choose() == expected


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("sse", "'sse', expected auto, avx512, shuffle, portable$"),
        ("avx512", "lacks avx512vbmi; unset it, or set it to shuffle$"),
    ],
)
def test_settings_that_cannot_be_are_refused(monkeypatch: pytest.MonkeyPatch, setting: str, message: str) -> None:
    pretend(monkeypatch, SKYLAKE_X, setting)
    with pytest.raises(ImportError, match=message):
        cpu._choose()


def test_what_numba_is_told_to_compile_for_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, VBMI)
    monkeypatch.setattr(numba.config, "CPU_FEATURES", "+avx2,+ssse3")
    assert cpu.runnable() == ["shuffle", "portable"]
    monkeypatch.setattr(numba.config, "CPU_FEATURES", "")
    assert cpu.runnable() == ["portable"]


def test_every_64_bit_arm_has_neon(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "")
    monkeypatch.setattr(cpu, "ARM", True)
    monkeypatch.setattr(cpu, "NEEDED", {"shuffle": ("neon",), "portable": ()})
    assert cpu.runnable() == ["shuffle", "portable"]
