"""The order of timed passes: interleaved, so that changes of the speed of the machine affect all members equally."""

from collections.abc import Callable, Hashable, Sequence
from itertools import zip_longest
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


def turns(groups: Sequence[Sequence[T]]) -> list[T]:
    """Interleave groups: A1 B1 A2 B2 A3. A group is an engine, its members are the tasks to time."""
    rounds = zip_longest(*([(member,) for member in group] for group in groups), fillvalue=())
    return [member for one_round in rounds for members in one_round for member in members]


def interleave(groups: Sequence[Sequence[T]], repeats: int, budget: float, run: Callable[[T], float]) -> None:
    """Run every member `repeats` times, in passes over all members.

    `run` returns seconds; a member is not repeated once it has taken `budget` seconds in total.
    """
    spent = dict.fromkeys(turns(groups), 0.0)
    for _ in range(repeats):
        for member in spent:
            if spent[member] < budget:
                spent[member] += run(member)
