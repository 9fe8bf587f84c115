from pathlib import Path

import numba
import pytest

from seismic.kernels import jit
from tests.kernels.conftest import needs_jit


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SEISMIC_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    name = jit._cache_folder().name
    assert jit._cache_folder() == tmp_path / "home/.cache/seismic/kernels" / name
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert jit._cache_folder() == tmp_path / "xdg/seismic/kernels" / name
    monkeypatch.setenv("SEISMIC_CACHE_DIR", str(tmp_path / "own"))
    assert jit._cache_folder() == tmp_path / "own/kernels" / name


def test_the_cache_folder_changes_with_any_source_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(jit, "__file__", str(tmp_path / "jit.py"))
    names = [jit._cache_folder().name]
    for text in ("one", "two"):
        (tmp_path / "other.py").write_text(text)
        names.append(jit._cache_folder().name)
    monkeypatch.setattr(jit, "FORM", "another")
    names.append(jit._cache_folder().name)
    assert len(set(names)) == 4


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    assert jit._writable(tmp_path / "new/folder")
    assert list((tmp_path / "new/folder").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.warns(RuntimeWarning, match="set SEISMIC_CACHE_DIR"):
        assert not jit._writable(tmp_path / "file/folder")


def test_other_users_of_numba_keep_their_cache_folder(tmp_path: Path) -> None:
    before = numba.config.CACHE_DIR
    with jit._numba_cache_in(tmp_path):
        assert str(tmp_path) == numba.config.CACHE_DIR
    assert before == numba.config.CACHE_DIR


@needs_jit
def test_kernels_release_the_gil_and_divide_as_numpy_does() -> None:
    def divide(a: float, b: float) -> float:
        return a / b

    for kernel in (jit.jit(divide), jit.jit(inline=True)(divide)):
        assert kernel.targetoptions["nogil"]  # type: ignore[attr-defined]
        assert kernel(1.0, 0.0) == float("inf")
