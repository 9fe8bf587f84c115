"""Connections to a Ray cluster: the environment that they need, and what is checked before one is used.

Nothing of Ray is loaded before `connect`, which sets variables that Ray reads when it is imported.
"""

import logging
import os
import socket
import sys
import threading
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from seismic.cluster.connection import Address
from seismic.errors import ParameterError, UnavailableError
from seismic.extras import explain
from seismic.version import __version__

NAMESPACE = "seismic"
"""Namespace of the names of actors."""

CONNECT_SECONDS = 60.0
"""Time for a connection. Ray itself waits longer, and ignores SIGINT meanwhile."""

REACH_SECONDS = 5.0
"""Time for the address to accept a TCP connection."""

VARIABLES = {
    "RAY_USAGE_STATS_ENABLED": "0",  # reports what runs to the makers of Ray
    "RAY_gcs_rpc_server_reconnect_timeout_s": "600",  # a process ends itself after 60 s without the GCS
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""Variables of the environment that are set unless they are set already."""

RAYLET = "raylet"
"""Name of the process of a Ray node."""

TO_CHECK = (
    "check the token (RAY_AUTH_MODE, RAY_AUTH_TOKEN) and that the address is the one the head node was started with"
)

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Variables for a cluster on loopback: without this one, Ray replaces 127.0.0.1 by another address of the machine."""

_connecting = threading.Lock()


def connect(address: str, seconds: float = CONNECT_SECONDS) -> Any:
    """Connect this process to the Ray cluster at HOST:PORT and return the module `ray`.

    A process has one connection: a second call for the same address returns the module at once.

    Raises ImportError if Ray is not installed, ParameterError for another form of address, for a second cluster, and
    for another version of Ray or Python than the cluster's, and UnavailableError if the cluster does not answer.
    """
    where = Address.parse(address, "ray")
    with _connecting:
        ray = load(where)
        if ray.is_initialized():
            _check_same(ray, where)
            return ray
        _check_reachable(where)
        check_machine(where)
        _init(ray, where, seconds)
        return ray


def load(address: Address | None = None) -> Any:
    """Return the module `ray`, imported with the variables that it needs. Raises ImportError with a hint."""
    loopback = address is not None and is_loopback(address.host)
    for name, value in {**VARIABLES, **(LOOPBACK if loopback else {})}.items():
        os.environ.setdefault(name, value)
    try:
        return import_module("ray")
    except ImportError as error:
        raise ImportError(explain(error) or str(error), name=error.name) from error


def disconnect() -> None:
    """End the connection of this process, if it has one. Detached actors stay."""
    ray = sys.modules.get("ray")
    if ray is not None and ray.is_initialized():
        ray.shutdown()


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine's loopback."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def software() -> dict[str, str]:
    """Return the versions of everything that a worker must have in common with its driver."""
    packages = {name: version(name) for name in ("ray", "numpy", "numba", "pyarrow")}
    return {"seismic": __version__, "python": ".".join(map(str, sys.version_info[:3])), **packages}


def check_software(theirs: Mapping[str, str], where: str) -> None:
    """Raise ParameterError unless `theirs` are the versions of this process. `where`: whose they are."""
    ours = software()
    if wrong := [name for name in ours if theirs.get(name) != ours[name]]:
        found = ", ".join(f"{name} {theirs.get(name, 'missing')} (expected {ours[name]})" for name in wrong)
        raise ParameterError(f"{where}: found {found}; install the same versions on every node")


def _check_same(ray: Any, where: Address) -> None:
    known = Address.parse(ray.get_runtime_context().gcs_address)
    if known != where and not (known.port == where.port and is_loopback(known.host) and is_loopback(where.host)):
        raise ParameterError(f"ray: found {where}, but this process is connected to {known}; use one cluster a process")


def _check_reachable(where: Address) -> None:
    try:
        socket.create_connection(where, timeout=REACH_SECONDS).close()
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
        raise UnavailableError(
            f"ray: nothing listens on {where} ({problem}); give the address of the head node, as `ray start --head` "
            "prints it"
        ) from None


def check_machine(where: Address, processes: Path = Path("/proc")) -> None:
    """Raise UnavailableError unless this machine runs a Ray node: Ray waits for a minute, or ends the process.

    `processes`: where the system shows them; without such a folder Ray itself finds out.
    """
    names = [_name(path) for path in processes.glob("[0-9]*/comm")]
    if names and RAYLET not in names:
        raise UnavailableError(
            f"ray: this machine runs no Ray node, expected one of the cluster: run `ray start --address {where}` here, "
            "with `--num-cpus 0` if nothing shall be placed here"
        )


def _name(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # the process has ended
        return ""


def _init(ray: Any, where: Address, seconds: float) -> None:
    """Connect on a thread: a connection that hangs must not keep this process from ending."""
    problems: list[Exception] = []
    logging.getLogger("ray").setLevel(logging.ERROR)  # it warns that this thread cannot handle signals

    def init() -> None:
        try:
            ray.init(
                address=str(where),
                namespace=NAMESPACE,
                log_to_driver=False,
                logging_level="error",
                configure_logging=False,
                include_dashboard=None,
            )
        except Exception as error:  # Ray raises RuntimeError, ConnectionError, ValueError and its own
            problems.append(error)

    thread = threading.Thread(target=init, name="ray", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise UnavailableError(f"ray: {where} did not answer within {seconds:g} seconds; {TO_CHECK}")
    if problems:
        text = " ".join(str(problems[0]).split())
        if "ersion mismatch" in text or "cluster was started with" in text:
            raise ParameterError(f"ray: {where} runs other versions: {text}") from problems[0]
        raise UnavailableError(f"ray: cannot connect to {where}: {text}; {TO_CHECK}") from problems[0]
