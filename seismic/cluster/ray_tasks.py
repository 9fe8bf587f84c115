"""Builds on Ray: each shard is a task on some node of the cluster."""

import os
import pickle
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from seismic.builder.tasks import Attempt, ShardTask, run_task
from seismic.cluster.connection import Address
from seismic.cluster.ray_session import check_software, connect, software
from seismic.conversion.numbers import as_count
from seismic.errors import ParameterError, SeismicError, StorageError

RETRIES = 3
"""Times that a task whose worker or node ended is run again."""

WAIT_SECONDS = 1.0
"""Time after which a wait is repeated, so that signals are handled."""


class Refused(NamedTuple):
    """What a node answers if its software is not the driver's: other versions would write other bytes."""

    node: str
    software: dict[str, str]


class RayRunner:
    """Builds shards as tasks of the Ray cluster at HOST:PORT, for `seismic.build(..., runner=...)`.

    `threads`: of a task, which takes as many CPUs. `memory`: bytes that a task reserves. The connection is made when it
    is needed, and stays until the process ends.
    """

    def __init__(self, address: str, *, threads: int = 1, memory: int | None = None, retries: int = RETRIES) -> None:
        Address.parse(address, "ray")
        self.address, self.threads = address, as_count("threads", threads)
        self.memory = None if memory is None else as_count("memory", memory)
        self.retries = as_count("retries", retries, 0)

    def connect(self) -> Any:
        """Connect, check that a task has room on some node, and return the module `ray`.

        Raises ImportError, ParameterError and UnavailableError as `ray_session.connect` does.
        """
        ray = connect(self.address)
        self._check_room(ray)
        return ray

    def run(self, tasks: Sequence[ShardTask]) -> Iterator[tuple[int, Attempt]]:
        """Yield the position and the attempt of each task, in the order in which they end.

        Raises ParameterError for other versions on a node and for tasks that no node has room for, and StorageError for
        a task that failed. Tasks that still run are cancelled then.
        """
        if not tasks:
            return
        ray = self.connect()
        remote = ray.remote(
            num_cpus=self.threads,
            memory=self.memory,
            max_retries=self.retries,
            retry_exceptions=[OSError],
            scheduling_strategy="SPREAD",
        )(_run)
        ours = software()
        pending: dict[Any, int] = {}
        try:
            for number, task in enumerate(tasks):
                pending[remote.options(name=f"build {task.name}").remote(ours, pickle.dumps(task))] = number
            while pending:
                ended, _ = ray.wait(list(pending), timeout=WAIT_SECONDS)
                for ref in ended:
                    number = pending.pop(ref)
                    yield number, self._attempt(ray, ref, tasks[number])
        finally:
            for ref in pending:
                ray.cancel(ref, force=True)

    def _attempt(self, ray: Any, ref: Any, task: ShardTask) -> Attempt:
        """Return what a task has written, or raise its error in words."""
        try:
            answer = ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, SeismicError):
                raise cause from None
            if isinstance(cause, ImportError):
                raise ParameterError(f"ray: a node cannot load seismic ({cause}); install it on every node") from None
            raise StorageError(f"{task.name}: its task failed: {cause}") from error
        except ray.exceptions.RayError as error:
            problem = " ".join(str(error).split())[:500]
            raise StorageError(
                f"{task.name}: its task was lost in every attempt (of {self.retries + 1}): {problem}; build with more "
                "shards if memory is short, and go on with resume (--resume)"
            ) from error
        if isinstance(answer, Refused):
            check_software(answer.software, f"ray: node {answer.node}")
        assert isinstance(answer, Attempt)
        return answer

    def _check_room(self, ray: Any) -> None:
        """Raise ParameterError if no node can ever run a task: Ray would wait for one without end."""
        wanted = {"CPU": self.threads, "memory": self.memory or 0}
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if any(all(node.get(name, 0) >= amount for name, amount in wanted.items()) for node in nodes):
            return
        most = {name: max((node.get(name, 0) for node in nodes), default=0) for name in wanted}
        room = f"{self.threads} CPUs" + (f" and {self.memory / 1e6:,.0f} MB" if self.memory else "")
        raise ParameterError(
            f"ray: found nodes with at most {most['CPU']:g} CPUs and {most['memory'] / 1e6:,.0f} MB, expected one with "
            f"{room} for a task; use fewer threads (--workers) or less memory (--memory)"
        )


def _run(expected: dict[str, str], task: bytes) -> Attempt | Refused:
    """Build a shard on a node. The task is unpickled only if its classes are the same here."""
    found = software()
    if found != expected:
        return Refused(os.uname().nodename, found)
    return run_task(pickle.loads(task))
