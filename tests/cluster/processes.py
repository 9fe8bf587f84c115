"""Nodes in processes of their own."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 120
HALVES = ["1/2", "2/2+changes"]


class Process:
    """A node in a process of its own, with both halves."""

    def __init__(self, folder: Path, listen: str = "127.0.0.1:0") -> None:
        command = [sys.executable, "-m", "seismic_tools.cli", "cluster", "node", "books"]
        command += ["--parts", ",".join(HALVES), "--secret-file", "secret", "--listen", listen]
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def listening(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line
        return line.split()[-1]

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def replicas(folder: Path, hedge_ms: int = 50) -> Iterator[list[Process]]:
    """Serve a collection from two nodes that have both halves each, and write the nodes file."""
    (folder / "secret").write_text("a secret of the cluster\n")
    started = [Process(folder) for _ in range(2)]
    try:
        addresses = json.dumps([node.listening() for node in started])
        lines = ['secret_file = "secret"', f"hedge_ms = {hedge_ms}"]
        for part in HALVES:
            lines += ["[[collections.books]]", f'part = "{part}"', f"nodes = {addresses}"]
        (folder / "nodes.toml").write_text("\n".join(lines))
        yield started
    finally:
        for node in started:
            node.end()


def while_searching(queries: int, check: Callable[[int], None], event: Callable[[], None]) -> None:
    """Call `check` with the number of a query on three threads until `event` is over, at least 20 times on each."""
    ending = threading.Event()

    def search(at: int) -> int:
        count = 0
        while not ending.is_set() or count < 20:
            at = (at + 1) % queries
            check(at)
            count += 1
            ending.wait(0.02)  # leaves the machine to the nodes
        return count

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(search, at) for at in range(3)]
        try:
            event()
        finally:
            ending.set()
        assert sum(one.result(PATIENCE) for one in running) >= 60
