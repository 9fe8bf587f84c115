"""Every command of the README works, in the order in which a reader meets them."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall((ROOT / "README.md").read_text())
COMMANDS = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]
PORT = "8080"


class Reader:
    """A reader at work: a folder where the README's relative paths lead somewhere, and a shell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tests").symlink_to(ROOT / "tests")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = str(free.getsockname()[1])
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # The service must not compact before the reader does.
        self.environment = {**os.environ, "PATH": path, "SEISMIC_COMPACT_PERCENT": "0"}
        self.service: subprocess.Popen[bytes] | None = None

    def run(self, command: str) -> str:
        """Standard output of a command, which must succeed; `seismic serve` goes on in the background."""
        command = command.replace(PORT, self.port)
        if command.startswith("make "):
            return self._shell(command, ROOT)
        if command.startswith("seismic serve"):
            self.service = subprocess.Popen(command.split(), cwd=self.folder, env=self.environment)
            self._wait()
            return ""
        return self._shell(command, self.folder)

    def _shell(self, command: str, folder: Path) -> str:
        done = subprocess.run(
            command, shell=True, cwd=folder, env=self.environment, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _wait(self) -> None:
        give_up = time.monotonic() + 300
        while time.monotonic() < give_up:
            try:
                with urlopen(f"http://127.0.0.1:{self.port}/readyz"):
                    return
            except URLError:
                time.sleep(0.2)
        raise AssertionError("the service did not get ready")

    def stop(self) -> None:
        if self.service:
            self.service.terminate()
            self.service.wait(60)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    person = Reader(tmp_path_factory.mktemp("reader"))
    yield person
    person.stop()


EXPECTED = {
    "make demo": "nDCG@10",
    "seismic build": "5,183",
    "seismic search": "1",
    "seismic inspect": "shared",
    "seismic tune": "exact",
    "seismic serve": "",
    "seismic evaluate": "nDCG@10",
    "curl --silent --fail http://127.0.0.1:8080/v1/collections/scifact/search": '"hits"',
    "curl --silent --fail -X PUT": '"sequence"',
    "curl --silent --fail http://127.0.0.1:8080/v1/collections/scifact/documents": "Mars",
    "seismic upsert": "documents 5,183",
    "seismic delete": "documents 2",
    "seismic compact": "generation",
    "seismic verify": "no damage",
    "seismic generations": "served",
    "seismic rollback": "is served",
    "seismic snapshot create": "scifact.snapshot",
    "seismic snapshot restore": "elsewhere/scifact",
    "make bench": "recall",
}
"""How a command begins, and a pattern of what it must say."""


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "make test"])
def test_command_of_readme_works(command: str, reader: Reader) -> None:
    expected = [says for begins, says in EXPECTED.items() if command.startswith(begins)]
    assert len(expected) == 1, f"say in EXPECTED what {command!r} must print"
    assert re.search(expected[0], reader.run(command))


def test_test_command_of_readme_is_the_one_ci_runs() -> None:
    assert "make test" in COMMANDS
    assert "make test" in (ROOT / ".ci" / "run").read_text().splitlines()


def test_python_of_readme_works(reader: Reader) -> None:
    program = "\n".join(text for language, text in BLOCKS if language == "python")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=reader.folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "exact" not in done.stdout
    assert "blocks SearchStats(" in done.stdout
