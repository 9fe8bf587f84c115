"""A Ray cluster of three nodes on loopback, in a process group of its own, of which nothing is left."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.reader import ROOT

PATIENCE = 120.0
"""Seconds for anything to happen on a busy machine."""

END_SECONDS = 20.0
"""Seconds for the cluster to end by itself before it is killed; without its control store it does not."""

HEALTH = {"period_ms": 1000, "timeout_ms": 3000, "failure_threshold": 5, "initial_delay_ms": 1000}
"""Checks of nodes: quicker than Ray's own, but not so quick that a busy machine counts as dead."""


class RayNode:
    """A node: its id, and the processes that its head started for it."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.id, self.processes = str(told["id"]), told["processes"]
        self.raylet = psutil.Process(self.processes["raylet"][0])

    def kill(self) -> None:
        """Kill the node at once: the raylet, its agents and its workers."""
        for process in (self.raylet, *self.raylet.children(recursive=True)):
            _signal(process, signal.SIGKILL)

    def hang(self) -> list[psutil.Process]:
        """Stop all processes of the node without ending them, and return them, for `resume`."""
        stopped = [self.raylet, *self.raylet.children(recursive=True)]
        for process in stopped:
            _signal(process, signal.SIGSTOP)
        return stopped

    def workers(self, word: str = "ray::") -> list[psutil.Process]:
        """Return the workers whose command holds a word, such as the class of an actor."""
        return [one for one in self.raylet.children(recursive=True) if word in " ".join(one.cmdline())]


class RayCluster:
    """Three nodes, the first of which is the head. ``environment``: what processes need that connect."""

    def __init__(self, **variables: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sr-", dir="/tmp"))  # short: the paths of sockets are limited
        health = {f"RAY_health_check_{name}": str(value) for name, value in HEALTH.items()}
        self.environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_TMPDIR": str(self.folder),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_gcs_rpc_server_reconnect_timeout_s": "600",
            **health,
            **variables,
        }
        self._log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.ray.head"],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
        told = [self._told() for _ in range(3)]
        self.address = str(told[0]["address"])
        self.nodes = [RayNode(one) for one in told]

    def add_node(self, **variables: str) -> RayNode:
        """Start another node, with environment variables of its own."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(variables).encode() + b"\n")
        self.process.stdin.flush()
        self.nodes.append(RayNode(self._told()))
        return self.nodes[-1]

    def kill_node(self, node: RayNode) -> None:
        """Kill a node that is not the head."""
        assert node is not self.nodes[0]
        node.kill()
        self.nodes.remove(node)

    def kill_gcs(self) -> None:
        """Kill the global control store, after which nothing is placed any more."""
        _signal(psutil.Process(self.nodes[0].processes["gcs_server"][0]), signal.SIGKILL)

    def members(self) -> list[psutil.Process]:
        """Return all processes of the cluster: those of its process group."""
        found = []
        for process in psutil.process_iter():
            try:
                if os.getpgid(process.pid) == self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (OSError, psutil.Error):
                continue
        return found

    def close(self) -> None:
        """End all processes and remove the files."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(OSError, subprocess.TimeoutExpired):
            self.process.stdin.close()
            self.process.wait(END_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self._log.close()
        until = time.monotonic() + PATIENCE
        while (left := self.members()) and time.monotonic() < until:
            time.sleep(0.1)
        shutil.rmtree(self.folder)
        assert not left, left

    def _told(self) -> dict[str, Any]:
        """Return the next line of the head."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the Ray cluster did not start:\n{(self.folder / 'log').read_text()[-4000:]}")
        told: dict[str, Any] = json.loads(line)
        return told


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
