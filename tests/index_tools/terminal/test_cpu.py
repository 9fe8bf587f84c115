from pathlib import Path
from typing import Any

import numba
import orjson
import pytest

from seismic.kernels import cpu
from seismic_tools.terminal import cpu as report
from tests.index_tools.conftest import Run


def test_inspect_cpu(run: Run) -> None:
    found = orjson.loads(run("inspect", "--cpu", "--json").stdout)
    assert found["kernels"]["form"] == cpu.FORM
    assert found["kernels"]["forms"] == cpu.runnable()
    assert set(found["cpu"]["features"]) <= cpu.features()
    assert set(cpu.NEEDED[cpu.runnable()[0]]) <= set(found["cpu"]["features"])


def test_inspect_cpu_for_people(run: Run) -> None:
    words = run("inspect", "--cpu").stdout.split()
    for word in ("form", cpu.FORM, "cache_folder", "threads", "transparent_huge_pages"):
        assert word in words


@pytest.mark.parametrize(
    ("arguments", "message"), [([], "expected the folder"), (["x", "--cpu"], "expected either --cpu or a folder")]
)
def test_inspect_takes_a_folder_or_the_cpu(run: Run, arguments: list[str], message: str) -> None:
    result = run("inspect", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    ("attributes", "form", "expected"),
    [
        ({"JIT_DISABLED": True}, "portable", "NUMBA_DISABLE_JIT is set"),
        ({"SIMD_SETTING": "shuffle"}, "shuffle", "SEISMIC_SIMD=shuffle"),
        ({}, "avx512", "the fastest form"),
        ({}, "shuffle", "this CPU lacks vbmi for avx512"),
        ({}, "portable", "this CPU lacks vbmi for avx512; ssse3 for shuffle"),
    ],
)
def test_why_a_form_is_in_use(
    monkeypatch: pytest.MonkeyPatch, attributes: dict[str, Any], form: str, expected: str
) -> None:
    state = {"JIT_DISABLED": False, "SIMD_SETTING": "auto", **attributes, "FORM": form, "features": frozenset[str]}
    state["NEEDED"] = {"avx512": ("vbmi",), "shuffle": ("ssse3",), "portable": ()}
    if form == "shuffle":
        state["features"] = lambda: frozenset({"ssse3"})
    for name, value in state.items():
        monkeypatch.setattr(cpu, name, value)
    monkeypatch.setattr(numba.config, "CPU_FEATURES", None)
    assert report._why() == expected


def test_what_the_system_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(report, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(report, "HUGE_PAGES", tmp_path / "enabled")
    assert report._name()
    assert report._huge_pages() is None
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n")
    (tmp_path / "enabled").write_text("always [madvise] never\n")
    assert report._name() == "Some CPU @ 2 GHz"
    assert report._huge_pages() == "madvise"
