"""Somebody who reads the documentation and tries every command in it."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).parents[1]
PORT = "8080"
_BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A block of a page that a reader would run."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Blocks of shell commands and of Python, in their order."""
    return [Block(*found) for found in _BLOCK.findall(page.read_text())]


class Reader:
    """A reader at work: a folder where relative paths of the documentation lead somewhere, and a shell."""

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

    def run_python(self, program: str) -> str:
        """Standard output of a program, which must succeed without a warning."""
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program.replace(PORT, self.port)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

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
