"""The demo, on fewer documents than it has by default."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import seismic
from seismic_tools.dev.demo import service, tour
from seismic_tools.dev.demo.compare import K, score_all
from seismic_tools.dev.demo.grow import grow
from tests.conftest import DATA, Scifact

DOCUMENTS = 5_400
ADDRESS = re.compile(r"The console is at (http://\S+)")


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The services that the demo starts."""
    started: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen[bytes]):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[call-overload]
            started.append(self)

    monkeypatch.setattr(service.subprocess, "Popen", Recorded)
    yield started
    assert all(process.returncode is not None for process in started)


def test_tour(tmp_path: Path, capfd: pytest.CaptureFixture[str], processes: list[subprocess.Popen[bytes]]) -> None:
    tour.tour(tmp_path, DOCUMENTS)
    shown = capfd.readouterr().out
    assert "5,183 real ones, 217 mixtures" in shown
    assert re.search(r"score every document .* µs +100\.0% +1\.000", shown)
    assert re.search(r"Seismic, exact .* µs .*% +1\.000", shown)
    assert re.search(r"Seismic, approximate .* µs .*% +0\.9\d\d", shown)
    assert "nDCG@10 of the judged real abstracts: 0.6436" in shown  # what `evaluate` says of the real ones alone
    assert shown.count("plan exact") == tour.CLAIMS
    assert "ARGS=--keep" in shown
    assert len(processes) == 2  # build, serve


def test_grown_documents_resemble_what_their_titles_say(tmp_path: Path, scifact: Scifact) -> None:
    assert grow(DATA / "documents.parquet", tmp_path / "grown.parquet", DOCUMENTS, 1) == len(scifact.vectors)
    table = pq.read_table(tmp_path / "grown.parquet")
    assert len(table) == DOCUMENTS
    assert table["id"].to_pylist()[: len(scifact.documents)] == scifact.documents["id"].to_pylist()
    assert len(set(table["id"].to_pylist())) == DOCUMENTS
    assert [*map(sum, (table["grown"].to_pylist(), table["text"].is_null().to_pylist()))] == [217, 217]
    titles = table["title"].to_pylist()
    vectors = seismic.SparseVectors.from_arrow(table, scifact.vectors.dimension)
    scores = (vectors.to_scipy()[len(scifact.documents) :] @ scifact.vectors.to_scipy().T).toarray()
    nearest = [titles[best] for best in scores.argmax(axis=1)]
    named = [title.removeprefix("≈ ") for title in titles[len(scifact.documents) :]]
    assert np.mean([one == other for one, other in zip(nearest, named, strict=True)]) > 0.5  # by chance: 0.0002


def test_every_document_is_scored(scifact: Scifact) -> None:
    found = score_all(scifact.vectors, scifact.query_vectors.slice(0, 5))
    assert (np.sort(found) == np.sort(scifact.truth_rows[:5])).all()
    assert found.shape == (5, K)


def test_it_serves_until_interrupted(tmp_path: Path, scifact_index: Path) -> None:
    """The program with `--keep`, without its first steps."""
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # a background job ignores SIGINT
        "from pathlib import Path; from seismic_tools.dev.demo import __main__ as demo, tour; "
        "tour.grow = lambda *_: 5183; tour.seismic = tour._measure = lambda *_: None; "
        f"tour._ask = lambda *_: None; folder = Path({str(scifact_index.parent)!r}); "
        "demo.tour = lambda **options: tour.tour(folder, **options); "
        "demo.main()"
    )
    command = [sys.executable, "-c", program, "--keep"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as demo:
        assert demo.stdout is not None
        address = next(found[1] for line in demo.stdout if (found := ADDRESS.search(line)))
        assert "Seismic" in service._http.open(address).read().decode()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(service.START_SECONDS) == 0


def test_interrupted_tours_end_their_service(scifact_index: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    running = service.service(scifact_index)
    running.__enter__()
    assert processes[0].poll() is None
    assert not running.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)  # passes it on
    assert processes[0].returncode is not None


def test_service_that_does_not_start(tmp_path: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    with pytest.raises(SystemExit, match="the service ended with code 2"), service.service(tmp_path / "nothing"):
        pass


def test_service_that_is_never_ready(scifact_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "START_SECONDS", 0)
    with pytest.raises(SystemExit, match="not ready after 0 s"), service.service(scifact_index):
        pass


def test_commands_that_fail_end_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "command", lambda *_: [sys.executable, "-c", "exit(3)"])
    with pytest.raises(SystemExit, match="3"):
        service.seismic("build")


def test_sizes_without_the_real_documents_are_refused() -> None:
    command = [sys.executable, "-m", "seismic_tools.dev.demo", "--documents", "100"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "--documents 100: expected at least 5183" in done.stderr
