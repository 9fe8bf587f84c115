"""A reader of the documentation, who tries everything in it and compares what it says with what it shows."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).parents[1]
PORT, NODE_PORTS = "8080", ("7701", "7702")
PATIENCE = 900
"""Seconds after which something hangs; a busy machine with a cold cache of kernels needs a few hundred."""

_FENCE_OR_HEADING = re.compile(r"^```(\w*)\n(.*?)^```|^#", re.MULTILINE | re.DOTALL)
_END = "the block has ended"
_INTERPRETER = f"""
import json, sys
names = {{"__name__": "__main__"}}
for line in sys.stdin:
    exec(compile(json.loads(line), "page", "exec"), names)
    print({_END!r}, flush=True)
"""


class Block(NamedTuple):
    """A block of a page that a reader would run, and the output that the page shows, if any."""

    language: str
    text: str
    output: str | None

    @property
    def commands(self) -> list[str]:
        """The commands of a block of shell."""
        return self.text.replace("\\\n", " ").splitlines()


def blocks(page: Path) -> list[Block]:
    """Return the blocks of shell and Python in their order.

    A block of `text` or `json` that comes next, with no heading between, is the output of a block.
    """
    found: list[Block] = []
    may_follow = False
    for match in _FENCE_OR_HEADING.finditer(page.read_text(encoding="utf-8")):
        language, text = match.groups()
        if language in ("sh", "python"):
            found.append(Block(language, text, None))
        elif language in ("text", "json") and may_follow:
            found[-1] = found[-1]._replace(output=text)
        may_follow = language in ("sh", "python")
    return found


def agrees(shown: str, said: str) -> bool:
    """Return whether output is what a page shows: `...` stands for anything, and white space does not count."""
    parts = ["".join(part.split()) for part in shown.split("...")]
    return bool(re.fullmatch(".*".join(map(re.escape, parts)), "".join(said.split())))


def shows(block: Block, said: str) -> bool:
    """Return whether a page shows what a block printed, or shows no output."""
    return block.output is None or agrees(block.output, said)


def _free_ports(count: int) -> list[str]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports


class Reader:
    """A reader at work: a folder where relative paths of the documentation lead somewhere, a shell and a Python."""

    def __init__(self, folder: Path, python: Path = Path(sys.executable)) -> None:
        """A reader in a folder, with the programs beside a Python interpreter."""
        self.folder = folder
        self.python = python
        (folder / "tests").symlink_to(ROOT / "tests")
        self.ports = dict(zip((PORT, *NODE_PORTS), _free_ports(1 + len(NODE_PORTS)), strict=True))
        self.port = self.ports[PORT]
        path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
        # The service must not compact before the reader does. Tables are as wide as those of the pages. ARGS is what
        # `make demo` takes.
        self.environment = {
            **os.environ,
            "PATH": path,
            "SEISMIC_COMPACT_PERCENT": "0",
            "COLUMNS": "80",
            "ARGS": "--documents 5400",
        }
        if python != Path(sys.executable):
            for name in ("PYTHONPATH", "SEISMIC_PYTHON"):  # that environment has its own modules and settings
                self.environment.pop(name, None)
        self.service: subprocess.Popen[bytes] | None = None
        self.nodes: list[subprocess.Popen[bytes]] = []
        self._python: subprocess.Popen[str] | None = None

    def follow(self, page: Path) -> Iterator[tuple[Block, str]]:
        """Run every block of a page; yield it with what it printed."""
        for block in blocks(page):
            run = self.run_python(block.text) if block.language == "python" else "".join(map(self.run, block.commands))
            yield block, run

    def run(self, command: str) -> str:
        """Return the output of a command, which must succeed; services and nodes go on in the background."""
        command = self._with_free_ports(command)
        if command.startswith("make "):
            return self._shell(command, ROOT)
        if command.startswith("seismic serve"):
            self._end_service()
            self.service = subprocess.Popen(self._words(command), cwd=self.folder, env=self.environment)
            self._wait()
            return ""
        if command.startswith("seismic cluster node"):
            self.nodes.append(subprocess.Popen(self._words(command), cwd=self.folder, env=self.environment))
            self._wait_for_node(command.rpartition(":")[2])
            return ""
        return self._shell(command, self.folder)

    def run_python(self, program: str) -> str:
        """Return the output of a program, which must succeed without a warning; later ones see its variables."""
        errors = self.folder / "python-errors.txt"
        if self._python is None:
            with errors.open("w") as file:
                self._python = subprocess.Popen(
                    [self.python, "-W", "error", "-c", _INTERPRETER],
                    cwd=self.folder,
                    env=self.environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=file,
                    text=True,
                )
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        self._python.stdin.write(json.dumps(self._with_free_ports(program)) + "\n")
        self._python.stdin.flush()
        guard = threading.Timer(PATIENCE, self._python.kill)
        guard.start()
        said = ""
        for line in self._python.stdout:
            if line == f"{_END}\n":
                guard.cancel()
                return said
            said += line
        guard.cancel()
        raise AssertionError(f"{program}\n{said}\n{errors.read_text()}")

    def stop(self) -> None:
        """End what runs in the background."""
        self._end_service()
        for node in self.nodes:
            node.terminate()
            node.wait(PATIENCE)
        if self._python:
            assert self._python.stdin is not None
            assert self._python.stdout is not None
            self._python.stdin.close()
            self._python.wait(PATIENCE)
            self._python.stdout.close()

    def _words(self, command: str) -> list[str]:
        """Return the words of a `seismic` command, which must be the one of this reader's environment."""
        name, *rest = command.split()
        return [str(self.python.parent / name), *rest]

    def _with_free_ports(self, text: str) -> str:
        for shown, free in self.ports.items():
            text = text.replace(shown, free)
        return text

    def _wait_for_node(self, port: str) -> None:
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            assert self.nodes[-1].poll() is None, "the node ended"
            try:
                socket.create_connection(("127.0.0.1", int(port)), PATIENCE).close()
                return
            except ConnectionError:
                time.sleep(0.2)
        raise AssertionError("the node did not get ready")

    def _end_service(self) -> None:
        if self.service:
            self.service.terminate()
            self.service.wait(PATIENCE)
            self.service = None

    def _shell(self, command: str, folder: Path) -> str:
        done = subprocess.run(
            command, shell=True, cwd=folder, env=self.environment, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _wait(self) -> None:
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            assert self.service is not None
            assert self.service.poll() is None, "the service ended"
            try:
                with urlopen(f"http://127.0.0.1:{self.port}/readyz"):
                    return
            except URLError:
                time.sleep(0.2)
        raise AssertionError("the service did not get ready")
