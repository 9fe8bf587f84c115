"""Fan-out: ask parts at the same time, each through one of its replicas, and through others where that helps."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

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
                head = {**message.head, "part": str(self.specs[at])}
                asking.add(Call(at, self.specs[at], message._replace(head=head), in_order(groups[at])))
            return asking.answers(partial=partial and self._partial)
        finally:
            asking.close()

    def prepare(self, generation: str) -> None:
        """Have nodes open a generation. Raises UnavailableError unless every part has it."""
        groups = self.groups
        replicas = list(dict.fromkeys(replica for group in groups for replica in group))
        problems: dict[Replica, str] = {}

        def ask(replica: Replica) -> None:
            try:
                answer = replica.ask(Message({"verb": "prepare", "generation": generation}), PREPARE_SECONDS)
                if "error" in answer.head:
                    problems[replica] = str(answer.head.get("message"))
            except (OSError, ServiceError) as error:
                problems[replica] = str(error)

        threads = [threading.Thread(target=ask, args=(replica,), daemon=True) for replica in replicas]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for spec, group in zip(self.specs, groups, strict=True):
            if all(replica in problems for replica in group):
                found = "; ".join(f"{replica.address}: {problems[replica]}" for replica in group)
                raise UnavailableError(f"part {spec}: no node has generation {generation}: {found}")

    def status(self) -> dict[str, Message | str]:
        """Return what each node says of itself, or why it does not, by address."""
        found: dict[str, Message | str] = {}
        for replica in dict.fromkeys(replica for group in self.groups for replica in group):
            try:
                found[str(replica.address)] = replica.ask(Message({"verb": "status"}), self._patience.timeout)
            except (OSError, ServiceError) as error:
                found[str(replica.address)] = str(error)
        return found

    def close(self) -> None:
        """Close all connections."""
        for replica in _members(self._groups):
            replica.close()


def _members(groups: Sequence[Sequence[Replica]]) -> set[Replica]:
    return {replica for group in groups for replica in group}
