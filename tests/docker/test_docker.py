"""The image's files without a container engine: the Dockerfile linted, the scripts run as the container does."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
import yaml

from tests.reader import ROOT
from tests.server.conftest import PATIENCE, wait_for

DOCKER = ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
BIN = Path(sys.executable).parent


def container(folder: Path, *command: str, **variables: str) -> subprocess.Popen[str]:
    """Start the entrypoint with `command`. The stand-in for `seismic` prints its arguments."""
    path = f"{folder}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "SEISMIC_BAKED_CACHE": str(folder / "baked"), **variables}
    return subprocess.Popen(
        [DOCKER / "entrypoint.sh", *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *command: str, **variables: str) -> tuple[str, str]:
    process = container(folder, *command, **variables)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return out, err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stand-in for `seismic` and a baked cache."""
    stub = tmp_path / "seismic"
    stub.write_text('#!/bin/sh\necho "$#:$*"\nenv | grep ^SEISMIC_ | sort\n')
    stub.chmod(0o755)
    kernels = tmp_path / "baked/kernels/0123"
    kernels.mkdir(parents=True)
    (kernels / "exact.nbc").write_text("machine code")
    return tmp_path


def test_hadolint_finds_nothing():
    done = subprocess.run([BIN / "hadolint", DOCKER / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_everything_copied_is_in_the_build_context():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    paths = [source for source in copied if not source.startswith("--")]
    assert {"pyproject.toml", "seismic", "docker/entrypoint.sh"} <= set(paths)
    for path in paths:
        assert (ROOT / path).exists(), path
        assert path.split("/")[0] in kept, path


def test_image_runs_as_nobody_special_and_says_when_it_is_ill():
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*healthcheck.py", DOCKERFILE, re.MULTILINE)
    assert len(re.findall(r"^FROM ", DOCKERFILE, re.MULTILINE)) == 2


def test_compose_can_write_only_where_it_must():
    service = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["seismic"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert (DOCKER / service["build"]["context"] / service["build"]["dockerfile"]).resolve() == DOCKER / "Dockerfile"
    cache = re.search(r"SEISMIC_CACHE_DIR=(/var\S+)", DOCKERFILE)
    assert cache is not None
    assert any(mount.startswith(cache[1] + ":") for mount in service["tmpfs"])


def test_compose_limits_memory_and_processes():
    service = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["seismic"]
    assert service["mem_limit"]
    assert service["pids_limit"] < 1000


def test_the_image_is_made_of_what_is_locked():
    assert re.search(r"^ARG BASE=python:[\w.-]+@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE)
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${BASE}", "${BASE}"]
    installs = re.findall(r"pip install (\S+)", DOCKERFILE)
    assert installs == ["--require-hashes", "--no-deps"]


def test_the_image_requires_a_key():
    service = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["seismic"]
    keys = re.search(r"SEISMIC_KEYS_FILE=(/var/lib/seismic)/keys.json", DOCKERFILE)
    assert keys is not None
    assert re.search(rf'^VOLUME .*"{keys[1]}"', DOCKERFILE, re.MULTILINE)
    assert f"keys:{keys[1]}" in service["volumes"]


def test_entrypoint_makes_a_key_at_the_first_start(folder: Path):
    keys, cache = folder / "keys.json", str(folder / "writable")
    stub = folder / "seismic"
    stub.write_text(f'#!/bin/sh\n[ "$1" = keys ] && touch "{keys}" && echo the-key && exit\n{stub.read_text()}')
    out, err = run(folder, "serve", SEISMIC_CACHE_DIR=cache, SEISMIC_KEYS_FILE=str(keys))
    assert f"created the admin key the-key in {keys}" in err
    assert f"SEISMIC_KEYS_FILE={keys}" in out.splitlines()
    out, err = run(folder, "serve", SEISMIC_CACHE_DIR=cache, SEISMIC_KEYS_FILE=str(keys))
    assert err == ""
    out, err = run(folder, "serve", SEISMIC_CACHE_DIR=cache, SEISMIC_KEYS_FILE="none")
    assert ("SEISMIC_KEYS_FILE" in out, err) == (False, "")
    out, err = run(folder, "build", SEISMIC_CACHE_DIR=cache, SEISMIC_KEYS_FILE=str(folder / "other.json"))
    assert err == ""  # other commands need none


def test_entrypoint_serves_nothing_without_a_place_for_keys(folder: Path):
    (folder / "seismic").write_text("#!/bin/sh\nexit 2\n")
    process = container(folder, "serve", SEISMIC_KEYS_FILE="/proc/keys.json", SEISMIC_CACHE_DIR=str(folder / "cache"))
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert "mount a volume there, or set SEISMIC_KEYS_FILE=none" in err


def test_entrypoint_copies_the_cache_and_hands_arguments_over(folder: Path):
    cache = folder / "writable"
    out, err = run(folder, "serve", "/a b", SEISMIC_CACHE_DIR=str(cache), SEISMIC_PORT="80")
    assert out.splitlines() == [
        "2:serve /a b",
        f"SEISMIC_CACHE_DIR={cache}",
        "SEISMIC_PORT=80",
    ]  # and no unknown variable
    assert err == ""
    assert (cache / "kernels/0123/exact.nbc").read_text() == "machine code"
    assert os.listdir(cache / "kernels") == ["0123"]


def test_entrypoint_keeps_what_an_earlier_start_compiled(folder: Path):
    kernels = folder / "writable/kernels/0123"
    kernels.mkdir(parents=True)
    (kernels / "exact.nbc").write_text("for this CPU")
    run(folder, "serve", SEISMIC_CACHE_DIR=str(folder / "writable"))
    assert (kernels / "exact.nbc").read_text() == "for this CPU"


def test_entrypoint_starts_several_containers_on_one_cache(folder: Path):
    cache = str(folder / "writable")
    processes = [container(folder, "serve", SEISMIC_CACHE_DIR=cache) for _ in range(8)]
    for process in processes:
        _, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")
    assert os.listdir(folder / "writable/kernels") == ["0123"]


def test_entrypoint_goes_on_without_a_place_for_the_cache(folder: Path):
    (folder / "file").touch()
    out, err = run(folder, "serve", SEISMIC_CACHE_DIR=str(folder / "file/cache"))
    assert out.startswith("1:serve")
    assert "mount a volume or tmpfs there" in err


def test_the_service_runs_gets_healthy_and_stops(folder: Path, scifact_index: Path, tmp_path: Path):
    (folder / "seismic").unlink()  # use the real one
    log = tmp_path / "log.jsonl"
    variables = {
        "SEISMIC_CACHE_DIR": str(tmp_path / "cache"),
        "SEISMIC_KEYS_FILE": str(tmp_path / "keys.json"),
        "SEISMIC_HOST": "127.0.0.1",
        "SEISMIC_LOG_FORMAT": "json",
        "SEISMIC_PROCESSES": "2",
    }
    # The kernels compiled by the tests serve as the baked ones.
    baked = os.environ.get("SEISMIC_CACHE_DIR") or str(Path.home() / ".cache/seismic")
    with log.open("w") as lines:
        process = subprocess.Popen(
            [DOCKER / "entrypoint.sh", "serve", str(scifact_index), "--port", "0"],
            env={"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "SEISMIC_BAKED_CACHE": baked, **variables},
            stderr=lines,
        )
    try:
        found = wait_for(lambda: re.search(r'"url": ?"http://127.0.0.1:(\d+)"', log.read_text()))
        wait_for(lambda: healthcheck(found[1]).returncode == 0)
        key = re.search(r"created the admin key (\S+) in", log.read_text())
        assert key is not None
        url = f"http://127.0.0.1:{found[1]}/v1/collections"
        assert httpx2.get(url).status_code == 401
        assert httpx2.get(url, headers={"Api-Key": key[1]}).is_success
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE)
    assert code == 0
    ill = healthcheck(found[1])
    assert ill.returncode == 1
    assert "refused" in ill.stdout


def healthcheck(port: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, DOCKER / "healthcheck.py"], env={"SEISMIC_PORT": port}, capture_output=True, text=True
    )


def test_baking_compiles_every_kernel_of_a_service():
    done = subprocess.run([sys.executable, DOCKER / "bake.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = re.match(r"(\d+) compiled kernels in ", done.stdout)
    assert found is not None
    assert int(found[1]) > 50
