"""The process beside the service that places nodes on Ray, and is started again if it dies."""

import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import structlog

from seismic import ParameterError
from seismic.errors import UnavailableError
from seismic_server.collections.folders import collection_folders, split_aliases
from seismic_server.settings import Settings

log = structlog.get_logger("ray")

OPTIONS = ("cache", "cache_size", "storage", "tls_cert", "tls_key", "ports")
OF_NODES = ("replicas", "groups", "wait", "degraded", *OPTIONS)
"""Settings of nodes on Ray; the first four are not of each node."""

PAUSE_SECONDS = 2.0
"""Time until the process is started again."""


@contextmanager
def placed(settings: Settings) -> Iterator[Settings]:
    """Have the collections searched by nodes on Ray, if the settings say so; yield settings with their nodes file.

    Raises ParameterError for settings that contradict each other, and UnavailableError if Ray cannot be reached.
    """
    if settings.ray is None:
        _check_nodes(settings)
        yield settings
        return
    if settings.nodes is not None:
        raise ParameterError("ray and nodes: found both, expected one: Ray places the nodes, or a file names them")
    folder = Path(tempfile.mkdtemp(prefix="seismic-ray-"))
    try:
        with closing(_Beside(settings, folder)) as beside:
            beside.start()
            yield settings.model_copy(update={"nodes": folder / "nodes.json"})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_nodes(settings: Settings) -> None:
    """Raise ParameterError for settings of nodes that there are not, and for a wrong nodes file."""
    if given := [name for name in OF_NODES if getattr(settings, name) not in (None, False, 0.0)]:
        raise ParameterError(f"{', '.join(given)}: of nodes on Ray, but found no cluster; give --ray, too")
    if settings.nodes is None:
        if settings.partial:
            raise ParameterError("partial is of collections that nodes search: give --nodes or --ray, too")
        return
    from seismic.cluster.topology import check_nodes  # only where it is used

    named = check_nodes(settings.nodes)
    served, _ = split_aliases(settings.directory, collection_folders(settings.directory))
    if strange := sorted(named - served.keys()):
        log.warning("the nodes file names collections that are not served", collections=strange, served=sorted(served))


class _Beside:
    """Runs the process and logs what it tells."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        from seismic.cluster.actor_options import actor_options  # only where it is used

        options = actor_options(verify=settings.verify, **{name: getattr(settings, name) for name in OPTIONS})
        self._asked: dict[str, Any] = {
            "address": settings.ray,
            "folder": str(folder),
            "options": options._asdict(),
            "replicas": settings.replicas,
            "groups": settings.groups,
            "wait": settings.wait,
            "degraded": settings.degraded,
        }
        self._directory = settings.directory
        self._ending, self._lock = threading.Event(), threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the process, and wait until the nodes have machines. Raises UnavailableError."""
        from seismic.cluster.placed import want  # only where it is used

        folder = Path(self._asked["folder"])
        collections, _ = split_aliases(self._directory, collection_folders(self._directory))
        for name, collection in collections.items():
            want(folder, name, collection)
        process = self._run(start=True)
        assert process.stdout is not None
        told: dict[str, Any] = {}
        while told.get("event") not in ("placed", "failed"):
            _log(told)
            if not (line := process.stdout.readline()):
                break
            told = _parsed(line)
        if told.get("event") != "placed":
            process.wait()
            raise UnavailableError(told.get("reason", "ray: the process that connects to it has ended"))
        threading.Thread(target=self._keep, args=(process,), name="ray", daemon=True).start()

    def close(self) -> None:
        """End the process. Actors stay."""
        with self._lock:
            self._ending.set()
            process = self._process
        if process is not None:
            assert process.stdin is not None
            with suppress(OSError):
                process.stdin.close()
            process.wait()

    def _run(self, *, start: bool = False) -> subprocess.Popen[str]:
        """Run the process. `start`: it ends if the collections that are there have no machines."""
        with self._lock:
            process = subprocess.Popen(
                [sys.executable, "-m", "seismic.cluster.ray_keeper"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # Ray's own lines; what matters is told
                text=True,
                start_new_session=True,  # signals of a terminal are for the front, which ends it
            )
            self._process = process
        assert process.stdin is not None
        with suppress(OSError):  # it has ended: its output says why
            process.stdin.write(json.dumps({**self._asked, "start": start}) + "\n")
            process.stdin.flush()
        return process

    def _keep(self, process: subprocess.Popen[str]) -> None:
        """Log events, and start the process again whenever it ends."""
        while True:
            assert process.stdout is not None
            _log_events(process.stdout)
            code = process.wait()
            if self._ending.wait(PAUSE_SECONDS):
                return
            log.error("the process beside the service ended", status=code, restart_seconds=PAUSE_SECONDS)
            process = self._run()


def _log_events(lines: IO[str]) -> None:
    for line in lines:
        _log(_parsed(line))


def _log(told: dict[str, Any]) -> None:
    if event := told.pop("event", None):
        bad = told.get("problems") or "reason" in told
        (log.warning if bad else log.info)(event, **told)


def _parsed(line: str) -> dict[str, Any]:
    with suppress(json.JSONDecodeError):
        if isinstance(told := json.loads(line), dict):
            return told
    return {}
