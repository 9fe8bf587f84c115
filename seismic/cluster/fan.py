"""Fan-out: ask parts at the same time, each through one of its replicas, and through others where that helps."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from seismic.cluster.asking import Asking, Call, Patience
from seismic.cluster.replicas import Replica, in_order
from seismic.cluster.spec import PartSpec, check_cover
from seismic.cluster.wire import Message
from seismic.errors import ServiceError, UnavailableError
from seismic.stop import current
from seismic.threads import reset_after_fork

LOOK_SECONDS = 0.25
"""Interval between two looks for other replicas."""

PREPARE_SECONDS = 300.0
"""Time for nodes to open a generation and compile its kernels."""


STATUS_SECONDS = 2.0
"""Time for nodes to say how they are."""


class NodeReport(NamedTuple):
    """A node as its front sees it: where it is, its parts, whether others are asked first, requests in progress, so
    far, that failed, and that another replica had not answered in time; why it does not answer; what it says of itself.
    """

    address: str
    parts: list[str]
    suspended: bool
    running: int
    requests: int
    errors: int
    hedges: int
    problem: str | None
    says: Mapping[str, Any]


class NodeFan:
    """Asks parts through nodes. Safe to use from many threads.

    `groups`: for each part, the replicas that have it. `partial`: whether callers may get answers without some parts.
    `follow`: returns other groups once they have changed, else None.
    """

    def __init__(
        self,
        specs: Sequence[PartSpec],
        groups: Sequence[Sequence[Replica]],
        patience: Patience | None = None,
        *,
        partial: bool = False,
        follow: Callable[[], Sequence[Sequence[Replica]] | None] | None = None,
    ) -> None:
        check_cover(specs, "parts")
        self.specs, self._groups = specs, groups
        self._patience, self._partial, self._follow = patience or Patience(), partial, follow
        self.after_fork()
        reset_after_fork(self)

    def after_fork(self) -> None:
        """Look for other replicas, whatever the parent did."""
        self._look_at, self._looking = 0.0, threading.Lock()

    @property
    def groups(self) -> Sequence[Sequence[Replica]]:
        """The replicas of each part, after a look for other ones a few times a second."""
        now = time.monotonic()
        if self._follow is not None and now >= self._look_at and self._looking.acquire(blocking=False):
            try:
                self._look_at = now + LOOK_SECONDS
                if (groups := self._follow()) is not None:
                    gone = _members(self._groups) - _members(groups)
                    self._groups = groups
                    for replica in gone:
                        replica.close()
            finally:
                self._looking.release()
        return self._groups

    def ask(self, requests: Mapping[int, Message], *, partial: bool = False) -> dict[int, Message]:
        """Ask parts by their index in `specs`, all at once, and return their answers.

        `partial`: leave out parts that do not answer, if the cluster allows it. Otherwise raises PartUnavailableError.
        Raises the errors of answers, and StoppedError as soon as the caller gives up.
        """
        stop = current()
        stop.check()
        asking = Asking(stop, self._patience)
        try:
            groups = self.groups
            for at, message in requests.items():
                asking.add(Call(at, self.specs[at], message, in_order(groups[at])))
            return asking.answers(partial=partial and self._partial)
        finally:
            asking.close()

    def prepare(self, generation: str, fingerprint: str) -> None:
        """Have nodes open a generation with this fingerprint. Raises UnavailableError unless every part has it."""
        groups = self.groups
        message = Message({"verb": "prepare", "generation": generation, "fingerprint": fingerprint})
        answers = _ask_each(groups, message, PREPARE_SECONDS)
        problems = {one: found for one, answer in answers.items() if (found := _problem(answer)) is not None}
        for spec, group in zip(self.specs, groups, strict=True):
            if all(replica in problems for replica in group):
                found = "; ".join(f"{replica.address}: {problems[replica]}" for replica in group)
                raise UnavailableError(f"part {spec}: no node has generation {generation}: {found}")

    def nodes(self, seconds: float = STATUS_SECONDS) -> list[NodeReport]:
        """Return what is known here of every node, and what it says of itself within `seconds`."""
        groups = self.groups
        answers = _ask_each(groups, Message({"verb": "status"}), seconds)
        parts: dict[Replica, list[str]] = {replica: [] for replica in answers}
        for spec, group in zip(self.specs, groups, strict=True):
            for replica in group:
                parts[replica].append(str(spec))
        return [_report(replica, parts[replica], answer) for replica, answer in answers.items()]

    def counts(self) -> dict[str, dict[str, int]]:
        """Return what this front has counted of each node, by address, without asking the nodes."""
        return {str(replica.address): _counts(replica) for replica in _members(self.groups)}

    def close(self) -> None:
        """Close all connections."""
        for replica in _members(self._groups):
            replica.close()


def _members(groups: Sequence[Sequence[Replica]]) -> set[Replica]:
    return {replica for group in groups for replica in group}


def _ask_each(groups: Sequence[Sequence[Replica]], message: Message, seconds: float) -> dict[Replica, Message | str]:
    """Ask all replicas at the same time, and return each answer, or why there is none."""
    found: dict[Replica, Message | str] = dict.fromkeys((replica for group in groups for replica in group), "")

    def ask(replica: Replica) -> None:
        try:
            found[replica] = replica.ask(message, seconds)
        except (OSError, ServiceError) as error:
            found[replica] = getattr(error, "strerror", None) or str(error) or type(error).__name__

    threads = [threading.Thread(target=ask, args=(replica,), daemon=True) for replica in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _problem(answer: Message | str) -> str | None:
    if isinstance(answer, str):
        return answer
    return str(answer.head.get("message")) if "error" in answer.head else None


def _report(replica: Replica, parts: list[str], answer: Message | str) -> NodeReport:
    problem = _problem(answer)
    says = dict(answer.head) if isinstance(answer, Message) and problem is None else {}
    if says and set(parts) - says["parts"].keys():
        problem = f"has the parts {', '.join(says['parts'])}, expected {', '.join(parts)}"
    return NodeReport(str(replica.address), parts, **_counts(replica), problem=problem, says=says)


def _counts(replica: Replica) -> dict[str, Any]:
    return {
        "suspended": replica.suspended,
        "running": replica.running,
        "requests": replica.requests,
        "errors": replica.errors,
        "hedges": replica.hedges,
    }
