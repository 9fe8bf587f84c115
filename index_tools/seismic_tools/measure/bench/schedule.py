"""The order of timed passes: what is compared takes turns, so that a change of the machine's pace hits all alike."""

from collections.abc import Callable, Hashable, Sequence
from itertools import zip_longest
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


def turns(groups: Sequence[Sequence[T]]) -> list[T]:
    """One of each group in turn: A1 B1 A2 B2 A3. Groups are engines, their members what is timed of them."""
    rounds = zip_longest(*([(member,) for member in group] for group in groups), fillvalue=())
    return [member for one_round in rounds for members in one_round for member in members]


def interleave(groups: Sequence[Sequence[T]], repeats: int, budget: float, run: Callable[[T], float]) -> None:
    """Run every member `repeats` times, all of them in turn before any is repeated.

    `run` returns seconds; a member that has taken `budget` seconds in all is not repeated any more.
    """
    spent = dict.fromkeys(turns(groups), 0.0)
    for _ in range(repeats):
        for member in spent:
            if spent[member] < budget:
                spent[member] += run(member)
