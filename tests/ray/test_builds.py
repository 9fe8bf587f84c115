"""Builds on Ray write the bytes of local builds, whatever ends meanwhile."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import seismic
from seismic import ParameterError, SparseVectors, StorageError
from seismic.cluster import RayRunner, ray_session, ray_tasks
from seismic.store.garbage import RESUMABLE
from seismic_tools.cli import app
from tests.builder.test_build import files
from tests.ray.cluster import PATIENCE, RayCluster
from tests.reader import ROOT

SHARDS = 4
SCIFACT = ROOT / "tests/data/scifact"
INPUT = [str(SCIFACT / "documents.parquet"), "--vocabulary", str(SCIFACT / "vocab.txt"), "--shards", str(SHARDS)]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the files of a local build, on two threads."""
    out = tmp_path_factory.mktemp("local") / "scifact"
    done = CliRunner().invoke(app, ["build", *INPUT[:1], str(out), *INPUT[1:], "--workers", "2"])
    assert done.exit_code == 0, done.output
    return files(out)


def wait_for(condition: Callable[[], Any]) -> Any:
    until = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.05)
    return found


def held(folder: Path, name: str = "") -> Callable[[dict[str, str], bytes], Any]:
    """Return a task that notes its process, and waits for the file `go` if its shard has this name."""
    marks, go = str(folder), str(folder / "go")

    def run(expected: dict[str, str], task: bytes) -> Any:
        import os
        import pickle
        import time
        from pathlib import Path

        from seismic.cluster.ray_tasks import _run

        shard = pickle.loads(task).name
        Path(marks, f"{shard}.{os.getpid()}.{os.environ.get('SEISMIC_SIMD', 'own')}").touch()
        while name in shard and not Path(go).exists():
            time.sleep(0.05)
        return _run(expected, task)

    return run


class Marks:
    """What `held` tasks have noted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def shards(self) -> list[tuple[str, int, str]]:
        """Return the shard, the process and the SIMD form of each attempt."""
        found = [path.name.split(".") for path in self.folder.glob("shard-*")]
        return sorted((shard, int(process), form) for shard, process, form in found)

    def go(self) -> None:
        """Let the tasks run."""
        (self.folder / "go").touch()


def ray_build(out: Path, cluster: RayCluster, *options: str) -> str:
    done = CliRunner().invoke(app, ["build", *INPUT[:1], str(out), *INPUT[1:], "--ray", cluster.address, *options])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def test_the_bytes_of_a_local_build(tmp_path: Path, ray_cluster: RayCluster, local: dict[str, bytes]) -> None:
    out = tmp_path / "scifact"
    assert f"shards {SHARDS}" in ray_build(out, ray_cluster)
    assert files(out) == local


def test_input_in_other_chunks(
    tmp_path: Path, ray_cluster: RayCluster, local: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into a relative path, which means another folder where the tasks run."""
    monkeypatch.chdir(tmp_path)
    rows = pq.read_table(SCIFACT / "documents.parquet")
    vectors = SparseVectors.from_arrow(rows.select(["indices", "values"]))
    table = rows.drop_columns(["indices", "values"])
    pieces = pa.concat_tables(
        [table[:7], *(table[first : first + 999].combine_chunks() for first in range(7, 5183, 999))]
    )
    tokens = (SCIFACT / "vocab.txt").read_text().splitlines()
    stages = set()
    seismic.build(
        vectors,
        "scifact",
        documents=pieces,
        vocabulary=tokens,
        shards=SHARDS,
        runner=RayRunner(ray_cluster.address, threads=2),
        progress=lambda stage, done, total: stages.add((stage, done, total)),
    )
    assert files(tmp_path / "scifact") == local
    assert ("build", 5183, 5183) in stages


@pytest.fixture
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Marks]:
    """Hold all tasks until told."""
    found = Marks(tmp_path / "marks")
    monkeypatch.setattr(ray_tasks, "_run", held(found.folder))
    yield found
    found.go()


def test_a_worker_and_a_node_are_killed(
    tmp_path: Path, ray_cluster: RayCluster, local: dict[str, bytes], marks: Marks
) -> None:
    out = tmp_path / "scifact"
    building = threading.Thread(target=ray_build, args=(out, ray_cluster))
    building.start()
    wait_for(lambda: len(marks.shards()) == SHARDS)
    of_node = {process.pid: node for node in ray_cluster.nodes for process in node.raylet.children(recursive=True)}
    before = marks.shards()
    lost = next(shard for shard in before if of_node[shard[1]] is not ray_cluster.nodes[0])
    killed = next(shard for shard in before if of_node[shard[1]] is not of_node[lost[1]])
    os.kill(killed[1], signal.SIGKILL)
    ray_cluster.kill_node(of_node[lost[1]])
    wait_for(lambda: {killed[0], lost[0]} <= {shard[0] for shard in set(marks.shards()) - set(before)})
    marks.go()
    building.join(PATIENCE)
    assert files(out) == local


def test_another_simd_form(tmp_path: Path, ray_cluster: RayCluster, local: dict[str, bytes], marks: Marks) -> None:
    """Ray decides where shards are built: repeat a build until the node of the other form has had one, too."""
    while len(ray_cluster.nodes) > 2:  # the test before has killed one
        ray_cluster.kill_node(ray_cluster.nodes[-1])
    portable = ray_cluster.add_node(SEISMIC_SIMD="portable")
    try:
        marks.go()
        until, builds = time.monotonic() + PATIENCE, 0
        while {form for _, _, form in marks.shards()} != {"own", "portable"}:
            assert time.monotonic() < until, "a node had no shard"
            builds += 1
            ray_build(tmp_path / f"{builds}", ray_cluster)
            assert files(tmp_path / f"{builds}") == local
    finally:
        ray_cluster.kill_node(portable)
        ray_cluster.add_node()


DRIVER = """
import sys
from pathlib import Path
from seismic.cluster import ray_tasks
from seismic_tools.cli import main
from tests.ray.test_builds import held
ray_tasks._run = held(Path(sys.argv.pop(1)), "shard-00002")
main()
"""


def test_the_driver_is_killed(tmp_path: Path, ray_cluster: RayCluster, local: dict[str, bytes]) -> None:
    out, marks = tmp_path / "scifact", Marks(tmp_path / "marks")
    command = ["build", *INPUT[:1], str(out), *INPUT[1:], "--ray", ray_cluster.address, "--resume"]
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(marks.folder), *command],
        cwd=ROOT,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    finished = out / "generations" / RESUMABLE
    try:
        wait_for(lambda: len(list(finished.glob("shard-*.json"))) == SHARDS - 1)
    finally:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
    assert not (out / "CURRENT").exists()
    kept = {path.stat().st_ino for path in finished.glob("shard-*/*")}
    ray_build(out, ray_cluster, "--resume")
    assert files(out) == local
    assert len(kept) == 4 * (SHARDS - 1)
    assert kept <= {path.stat().st_ino for path in out.rglob("*.arrow")}, "shards that were finished were built again"


def test_other_versions_are_refused(tmp_path: Path, ray_cluster: RayCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    other = {**ray_session.software(), "numba": "0.1"}
    for module in (ray_tasks, ray_session):
        monkeypatch.setattr(module, "software", lambda: other)
    found = re.escape(version("numba"))
    with pytest.raises(ParameterError, match=rf"ray: node .*: found numba {found} \(expected 0\.1\); install the same"):
        seismic.build([{1: 1.0}], tmp_path / "out", runner=RayRunner(ray_cluster.address))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("failure", "error", "message"),
    [
        (StorageError("found no input here"), StorageError, "^found no input here$"),
        (ModuleNotFoundError("No module named 'numba'"), ParameterError, "a node cannot load seismic .No module named"),
        (ValueError("odd"), StorageError, "^shard-00000: its task failed: odd$"),
        (None, StorageError, r"^shard-00000: its task was lost in every attempt \(of 1\): .*go on with resume"),
    ],
)
def test_failures_of_tasks(
    tmp_path: Path,
    ray_cluster: RayCluster,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception | None,
    error: type[Exception],
    message: str,
) -> None:
    def fail(expected: dict[str, str], task: bytes) -> None:
        import os

        if failure is None:
            os._exit(1)
        raise failure

    monkeypatch.setattr(ray_tasks, "_run", fail)
    with pytest.raises(error, match=message):
        seismic.build([{1: 1.0}], tmp_path / "out", runner=RayRunner(ray_cluster.address, retries=0))
    assert list(tmp_path.iterdir()) == []


def test_tasks_that_no_node_has_room_for(ray_cluster: RayCluster) -> None:
    with pytest.raises(ParameterError, match=r"with at most 8 CPUs and .* MB, expected one with 99 CPUs for a"):
        RayRunner(ray_cluster.address, threads=99).connect()
    with pytest.raises(ParameterError, match="ray: found 'auto', expected HOST:PORT"):
        RayRunner("auto")
