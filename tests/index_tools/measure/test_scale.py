import os
import re
from pathlib import Path

import orjson
import pytest

from seismic import Profile, SearchParams, StorageError
from seismic_tools.measure.scale import processes
from seismic_tools.measure.scale.growth import Growth, Step
from seismic_tools.measure.scale.processes import Cost, run
from seismic_tools.measure.scale.report import report
from seismic_tools.terminal.errors import errors_in_one_line
from tests.index_tools.conftest import Run, write_lines
from tests.samples import random_vectors

REAL = random_vectors(400, dimension=300, per_vector=12, empty=0)


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    rows = [REAL[row] for row in range(len(REAL))]
    lines = ({"id": n, "indices": one.tolist(), "values": two.tolist()} for n, (one, two) in enumerate(rows))
    return write_lines(tmp_path / "documents.jsonl", *lines)


def test_each_size_is_built_opened_and_tuned(run: Run, collection: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    sizes, knobs = ["--sizes", "700,300"], ["--nnz-mean", 10, "-k", 5, "--sample", 20]
    result = run("scale", out, "--from", collection, "--queries", collection, *sizes, *knobs)
    assert result.exit_code == 0, result.output
    growth = orjson.loads((out / "scale.json").read_bytes())
    assert [step["documents"] for step in growth["steps"]] == [300, 700]
    for step in growth["steps"]:
        assert step["nnz"] / step["documents"] == pytest.approx(10, rel=0.1)
        assert {profile["target"] for profile in step["profiles"]} == {0.9, 0.95, 0.97, 0.99, 1.0}
        assert {profile["queries"] for profile in step["profiles"]} == {20}
        for name in ("build", "tune"):
            assert step[name]["peak"] > 1_000_000
            assert step[name]["cpu"] > 0
        assert step["open"] > 0 < step["first"]
    assert (out / "scale.md").read_text().startswith(result.stdout)
    assert sorted(path.name for path in out.iterdir()) == ["scale.json", "scale.md", "scale.png"]


def test_a_folder_with_something_in_it_is_left_alone(run: Run, collection: Path) -> None:
    result = run("scale", collection.parent, "--from", collection, "--queries", collection)
    assert result.exit_code == 2
    assert "exists and is not an empty folder" in result.stderr


@pytest.mark.parametrize(("sizes", "expected"), [("many", "found 'many'"), ("0,5", "found 0, expected at least 1")])
def test_wrong_sizes_are_refused(run: Run, collection: Path, tmp_path: Path, sizes: str, expected: str) -> None:
    result = run("scale", tmp_path / "out", "--from", collection, "--queries", collection, "--sizes", sizes)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--queries", "nothing.parquet"], "nothing.parquet: no such file or folder"),
        (["--layout", "compact"], "parameter 'layout'"),
        (["--memory", "much"], "found size 'much'"),
        (["-k", 0], "-k 0: expected at least 1"),
        (["--sample", 0], "--sample"),
        (["--nnz-mean", "inf"], "expected a finite number"),
    ],
)
def test_wrong_options_are_refused_before_documents_are_made(
    run: Run, collection: Path, tmp_path: Path, options: list[str | int], expected: str
) -> None:
    result = run("scale", tmp_path / "out", "--from", collection, "--queries", collection, *options)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_command_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"seismic_tools\.cli verify .*nothing ended with code 2"):
        run("seismic_tools.cli", "verify", tmp_path / "nothing")


def test_an_interrupt_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []

    def interrupted(process: int) -> None:
        found.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "_anonymous", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run("timeit", "-n1", "-r1", "import time; time.sleep(600)")
    with pytest.raises(ProcessLookupError):
        os.kill(found[0], 0)


@pytest.mark.parametrize("signal", [SystemExit(143), KeyboardInterrupt()])
def test_a_signal_within_a_kernel_is_no_other_error(signal: BaseException) -> None:
    """Python says so when a handler raises within compiled code."""
    with pytest.raises(type(signal)) as caught, errors_in_one_line():
        raise SystemError("CPUDispatcher returned a result with an exception set") from signal
    assert caught.value is signal


def test_peaks_are_unknown_where_the_system_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_anonymous", lambda process: None)
    assert run("seismic_tools.cli", "--version")[1].peak is None


def test_what_one_size_lacks_is_a_dash() -> None:
    cost = Cost(1.0, 2.0, None)
    exact = {"target": 1.0, "params": SearchParams(), "recall": 1.0, "lower": 1.0, "upper": 1.0, "queries": 1}
    profiles = [Profile(k=k, microseconds=1234.0, exact_microseconds=1234.0, **exact) for k in (10, 100)]
    steps = [Step(1000 * n, 9000 * n, n, 5000, cost, cost, 0.001, 0.002, profiles[:n]) for n in (1, 2)]
    machine = {"cpu": "some", "cpus": 2, "load": 0.0}
    text = report(Growth("real", "queries", machine, {"layout": "shared", "workers": 1, "memory": "1GB"}, steps)).text
    assert re.search(r"\| build, peak +\| +- \| +- \|", text)
    assert "## k = 100" in text
    assert "| microseconds, exact |     - | 1,234 |" in text
