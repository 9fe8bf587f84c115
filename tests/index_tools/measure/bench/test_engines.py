"""Engines in processes and environments of their own."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seismic
from seismic_tools.measure.bench.collection import Collection
from seismic_tools.measure.bench.engines import NAMES, load_engine
from seismic_tools.measure.bench.engines.base import Setting
from seismic_tools.measure.bench.engines.worker import Worker, answers
from seismic_tools.measure.bench.environments import InstallError, cache_folder, python_of
from seismic_tools.measure.bench.processes import Process, WorkerError
from seismic_tools.measure.bench.results import Trial
from seismic_tools.measure.bench.stages import Bench, choose
from tests.index_tools.measure.bench.conftest import ignore

RIVALS = [name for name in NAMES if name != "ours"]


def test_worker(few: Collection, tmp_path: Path) -> None:
    commands: list[dict[str, Any]] = [
        {"do": "versions"},
        {"do": "build", "vectors": "documents", "folder": str(tmp_path), "knobs": {"layout": "shared"}, "threads": 1},
        {"do": "open", "folder": str(tmp_path), "knobs": {"layout": "shared"}},
        *(
            {"do": "search", "queries": "tune", "count": 21, "k": 5, "knobs": {"plan": "exact"}, "call": call}
            for call in ("batch", "one")
        ),
        {"do": "search", "queries": "tune", "count": 21, "k": 5, "knobs": {"plan": "guess"}, "call": "one"},
    ]
    lines = answers(Worker(load_engine("ours"), few.folder), map(json.dumps, commands))
    versions, build, opened, batch, one, failed = map(json.loads, lines)
    assert versions["answer"] == {"seismic-search": seismic.__version__, "numpy": np.__version__}
    assert build["answer"]["seconds"] > 0
    assert build["answer"]["bytes"] > 10_000
    assert opened == {"answer": None}
    for reply, times in ((batch, 1), (one, 21)):
        assert len(reply["answer"]["seconds"]) == times
        assert min(reply["answer"]["seconds"]) > 0
        assert reply["answer"]["cpu"] > 0
        np.testing.assert_array_equal(reply["answer"]["numbers"], few.truth["tune", 5])
    assert failed["error"].startswith("ParameterError: parameter 'plan'")


def test_processes_that_fail(few: Collection) -> None:
    engine = load_engine("ours")
    with Process(engine, sys.executable, few.folder, 1) as process:
        with pytest.raises(WorkerError, match="open: IndexNotFoundError: "):
            process.call("open", folder="nowhere", knobs={})
        assert process.call("versions")["seismic-search"] == seismic.__version__  # goes on
    with Process(engine, "false", few.folder, 1) as process, pytest.raises(WorkerError, match="ended with code 1"):
        process.call("versions")
    (few.folder / "empty").mkdir()
    with Process(engine, sys.executable, few.folder / "empty", 1) as process:
        with pytest.raises(
            WorkerError, match=r"versions: the process ended with code 1: FileNotFoundError: .*shape.json"
        ):
            process.call("versions")
        with pytest.raises(WorkerError, match="versions: the process ended with code 1"):
            process.call("versions")


def test_environments(tmp_path: Path) -> None:
    assert python_of(load_engine("ours"), tmp_path) == sys.executable
    version = ".".join(map(str, sys.version_info[:2]))
    ready = tmp_path / f"bmp-0.2.8-python{version}"
    ready.mkdir()
    (ready / ".installed").touch()
    assert python_of(load_engine("bmp"), tmp_path) == str(ready / "bin" / "python")
    (tmp_path / "file").touch()
    with pytest.raises(InstallError, match="file"):
        python_of(load_engine("bmp"), tmp_path / "file")
    assert cache_folder().parts[-2:] == ("seismic", "bench")


def test_what_fails_is_noted_and_left_out(few: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(few, ["ours"], tmp_path, quick=True, report=ignore)
    bench.install(tmp_path)
    bench.build(threads=1)
    knobs = {"plan": "exact"}, {"plan": "exact", "heap_factor": 1.1}, {"plan": "guess"}
    monkeypatch.setattr(bench.engines["ours"], "settings", lambda *_: [Setting(one) for one in knobs])
    assert [one.trial.knobs for one in bench.sweep()] == list(knobs[:2])
    (problem,) = bench.infos["ours"].problems
    assert problem.startswith("search: ParameterError: parameter 'plan'")
    measured = bench.measure([Trial("ours", 0, 5, one, exact=False) for one in knobs], repeats=2)
    assert [one.trial.knobs for one in measured] == list(knobs[:2])
    assert bench.infos["ours"].problems == [problem]


@pytest.mark.skipif("SEISMIC_TEST_RIVALS" not in os.environ, reason="installs other engines from PyPI, on request only")
@pytest.mark.parametrize("name", RIVALS)
def test_rivals(name: str, few: Collection, tmp_path: Path) -> None:
    bench = Bench(few, [name], tmp_path, quick=False, report=ignore)
    bench.install(cache_folder())
    bench.build(threads=1)
    swept = bench.sweep()
    measured = bench.measure(choose(swept), repeats=2)
    assert bench.infos[name].problems == []
    assert max(one.recall for one in swept) > 0.9
    assert max(one.recall for one in measured) > 0.9
    assert {call for one in measured for call in one.timings} == set(load_engine(name).calls)
