import errno
import os
import pty
import re
import resource
import signal
import subprocess
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest

import seismic
from seismic import BuildParams
from tests.index_tools.conftest import COMMAND, PLANETS, Run, names, shell, write_lines


def test_built_from_several_files(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for line in PLANETS[:2]:
        write_lines(folder / f"{line['id']}.jsonl", line)
    last = write_lines(tmp_path / "last.jsonl.gz", PLANETS[2])
    knobs = "--pruning", "fixed", "--postings-per-list", 5, "--summary-energy", 0.7, "--shards", 3, "--workers", 2
    result = run("build", folder, last, tmp_path / "out", *knobs)
    assert result.exit_code == 0, result.output
    with seismic.open(tmp_path / "out") as index:
        assert index.document_ids(range(3)) == ["a", "b", "c"]
        assert index.payloads([2]) == [{"year": None, "text": "The sun is a star."}]
        assert index.vocabulary is not None
        assert index.vocabulary.tokens.to_pylist() == ["mars", "planet", "venus", "star", "sun"]
        expected = BuildParams(pruning="fixed", postings_per_list=5, summary_energy=0.7)
        assert index.manifest.build_params == expected
        assert [hit.id for hit in index.search({"tokens": {"planet": 1.0}})] == ["b", "a"]


def test_vocabulary_sets_the_dimension(run: Run, tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("mars\nsun\nmoon\n")
    lines = [{"id": "a", "indices": [1], "values": [1.0]}, {"id": "b", "indices": [3], "values": [1.0]}]
    path = write_lines(tmp_path / "x.jsonl", *lines)
    result = run("build", path, tmp_path / "out", "--vocabulary", tmp_path / "vocab.txt")
    assert result.exit_code == 2
    assert (
        "x.jsonl, line 2, field 'indices': found component 3, expected components below the dimension 3"
        in result.stderr
    )
    write_lines(path, lines[0])
    assert run("build", path, tmp_path / "out", "--vocabulary", tmp_path / "vocab.txt").exit_code == 0
    with seismic.open(tmp_path / "out") as index:
        assert index.dimension == 3


def test_repair(run: Run, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "x.jsonl", {"id": "a", "vector": {"mars": 1, "sun": 0}})
    refused = run("build", path, tmp_path / "out")
    assert refused.exit_code == 2
    assert "x.jsonl, line 1, field 'vector': found 0.0, expected 1e-15 to 1e+15; repair drops it" in (refused.stderr)
    assert names(tmp_path) == ["x.jsonl"]
    assert run("build", path, tmp_path / "out", "--repair").exit_code == 0


def test_replace(run: Run, planets: Path, planets_index: Path) -> None:
    refused = run("build", planets, planets_index)
    assert refused.exit_code == 2
    assert f"error: {planets_index} exists" in refused.stderr
    assert "--replace" in refused.stderr
    write_lines(planets, PLANETS[0])
    assert run("build", planets, planets_index, "--replace").exit_code == 0
    with seismic.open(planets_index) as index:
        assert (index.generation, len(index)) == ("000002", 1)


FAILURES: Mapping[str, tuple[list[str], str]] = {
    "parameter out of range": (["--summary-energy", "7"], "parameter 'summary_energy'"),
    "more shards than documents": (["--shards", "4"], "shards is 4, expected 1 to 3"),
    "missing vocabulary": (["--vocabulary", "no.txt"], "no.txt: No such file"),
    "dimension too small": (["--dimension", "2"], "expected components below the dimension 2"),
}


@pytest.mark.parametrize(("options", "message"), FAILURES.values(), ids=FAILURES)
def test_nothing_is_left_after_a_failure(run: Run, planets: Path, options: list[str], message: str) -> None:
    result = run("build", planets, planets.with_name("out"), *options)
    assert result.exit_code == 2
    assert "error: " in result.stderr
    assert message in result.stderr
    assert names(planets.parent) == ["planets.jsonl"]


def test_places_that_cannot_be_written(run: Run, planets: Path) -> None:
    below_a_file = run("build", planets, planets / "out")
    assert below_a_file.exit_code == 2
    assert "error: cannot write to " in below_a_file.stderr
    occupied = planets.with_name("occupied")
    occupied.mkdir()
    (occupied / "notes.txt").touch()
    for options in ([], ["--replace"]):
        result = run("build", planets, occupied, *options)
        assert result.exit_code == 2
        assert f"error: {occupied} " in result.stderr
    assert names(planets.parent) == ["occupied", "planets.jsonl"]
    assert names(occupied) == ["notes.txt"]


def writer_once_read(fifo: Path, process: subprocess.Popen[bytes]) -> BinaryIO:
    """Return the writing end as soon as the process has opened the other one."""
    while process.poll() is None:
        try:
            return os.fdopen(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK), "wb")
        except OSError as error:
            if error.errno != errno.ENXIO:  # no reader yet
                raise
            time.sleep(0.02)
    raise AssertionError(f"the build ended with {process.returncode}")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_interrupted_builds_leave_nothing(tmp_path: Path, number: signal.Signals, code: int) -> None:
    endless = tmp_path / "endless.jsonl"
    os.mkfifo(endless)
    command = [*COMMAND, "build", str(endless), str(tmp_path / "out")]
    # A shell makes the jobs it starts in the background ignore SIGINT, and this test would inherit that.
    heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, preexec_fn=heeding) as process, writer_once_read(endless, process):
        process.send_signal(number)
        assert process.wait(300) == code
    assert names(tmp_path) == ["endless.jsonl"]


def test_full_disks_end_in_one_line(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "x.jsonl", *({**PLANETS[0], "id": number} for number in range(20_000)))

    def limit_file_size() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    result = shell("build", path, tmp_path / "out", preexec_fn=limit_file_size)
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: cannot write to {tmp_path}: ")
    assert names(tmp_path) == ["x.jsonl"]


def test_bars_on_a_terminal(planets: Path) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
        command = [*COMMAND, "build", str(planets), str(planets.with_name("out"))]
        with subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL, env=environment) as process:
            os.close(theirs)
            shown = b""
            while True:
                try:
                    shown += terminal.read(4096)
                except OSError:  # how Linux says that the other end is closed
                    break
        assert process.returncode == 0
    last = shown.decode().rpartition("read")[2]
    assert "100%" in last
    assert '"stage"' not in shown.decode()


def test_documents_of_low_quality_are_left_out(run: Run, planets: Path, tmp_path: Path) -> None:
    built = run("build", planets, tmp_path / "long", "--keep", 0.67)
    assert built.exit_code == 0, built.output
    assert "left out 1 of 3 documents, whose length of the vector is at most 2.91548" in built.stdout
    with seismic.open(tmp_path / "long") as index:
        assert index.find(["a", "b", "c"]).tolist() == [-1, 0, 1]
        assert index.document_frequency().sum() == 4
    lines = [{"id": name, "vector": {"x": 1.0}, "clicks": clicks} for name, clicks in (("a", 3), ("b", 1), ("c", 2))]
    path = write_lines(tmp_path / "clicks.jsonl", *lines)
    assert run("build", path, tmp_path / "clicked", "--keep", 0.67, "--quality-column", "clicks").exit_code == 0
    with seismic.open(tmp_path / "clicked") as index:
        assert index.document_ids(range(2)) == ["a", "c"]
    refused = run("build", path, tmp_path / "no", "--quality-column", "clicks")
    assert refused.exit_code == 2
    assert "needs --keep, the share of the documents to keep" in refused.stderr


def test_memory_decides_how_many_shards_there_are(run: Run, tmp_path: Path) -> None:
    documents = write_lines(tmp_path / "documents.jsonl", *({"id": n, "vector": {str(n): 1.0}} for n in range(3000)))
    asked = run("build", documents, tmp_path / "index", "--memory", "301MB", "--workers", 2, "--resume")
    assert re.search(r"documents 3,000, shards [2-9]", asked.output), asked.output
    too_little = run("build", documents, tmp_path / "other", "--memory", "1MB")
    assert too_little.exit_code == 2
    assert "memory is 1 MB, expected at least" in too_little.stderr
    assert "found size 'much'" in run("build", documents, tmp_path / "other", "--memory", "much").stderr
