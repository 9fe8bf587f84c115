import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seismic_tools.dev import demo


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The services that the demo starts."""
    started: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen[bytes]):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[call-overload]
            started.append(self)

    monkeypatch.setattr(demo.subprocess, "Popen", Recorded)
    yield started
    assert all(process.returncode is not None for process in started)


def test_tour(tmp_path: Path, capfd: pytest.CaptureFixture[str], processes: list[subprocess.Popen[bytes]]) -> None:
    demo.main(tmp_path)
    shown = capfd.readouterr().out
    for claim in demo._claims(3):
        assert claim in shown
    assert shown.count(" plan ") == 3
    assert "300 queries (300 of them judged)" in shown
    assert len(processes) == 3  # build, serve, evaluate


def test_interrupted_tours_end_their_service(scifact_index: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    service = demo._service(scifact_index)
    service.__enter__()
    assert processes[0].poll() is None
    assert not service.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)  # passes it on
    assert processes[0].returncode is not None


def test_service_that_does_not_start(tmp_path: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    with pytest.raises(SystemExit, match="the service ended with code 2"), demo._service(tmp_path / "nothing"):
        pass


def test_service_that_is_never_ready(scifact_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "START_SECONDS", 0)
    with pytest.raises(SystemExit, match="not ready after 0 s"), demo._service(scifact_index):
        pass


def test_tours_stop_at_the_first_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_command", lambda *_: [sys.executable, "-c", "exit(3)"])
    with pytest.raises(SystemExit, match="3"):
        demo.main()
